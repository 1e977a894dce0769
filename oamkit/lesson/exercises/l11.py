"""Lesson 11: CUE and Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oamkit import cue
from oamkit.lesson.exercises.l10 import LIMITS, of_cue
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

APPS = ("cart", "catalog", "front", "mailer", "orders")
SHOP = Path("flask-demo/shop/cue")
_MISSING = "The shop isn't in the cluster: run the cell above the exercise."
_START = """
import shutil

shop = Path("flask-demo/shop/cue")
mine = Path("build/lesson-11/exercise")
shutil.rmtree(mine, ignore_errors=True)
shutil.copytree(shop, mine)
apply(cue.evaluate(mine, expression="objects"))
"""
_MINE = 'mine = Path("build/lesson-11/exercise")\n'
_APPLY = 'apply(cue.evaluate(mine, expression="objects"))\n'


def _labels(pods: str, more: str = "") -> str:
    text = f"package shop\\n\\ndeployment: {pods}\\n"
    return f"{_MINE}(mine / \"team.cue\").write_text('{text}')\n{more}{_APPLY}"


@exercise(
    "11.1",
    title="A label for all",
    prepare=_START,
    solution=_labels('[string]: spec: template: metadata: labels: team: "shop-a"'),
    wrong=(
        Wrong(
            "the Deployments themselves",
            _labels('[string]: metadata: labels: team: "shop-a"'),
            hint="template",
        ),
        Wrong(
            "one of them",
            _labels('front: spec: template: metadata: labels: team: "shop-a"'),
            hint="whatever its name",
        ),
        Wrong(
            "another team",
            _labels('[string]: spec: template: metadata: labels: team: "a"'),
            hint="which value",
        ),
    ),
)
def label(look: Look) -> Verdict:
    """All five Deployments make Pods with the label."""
    where = "spec.template.metadata.labels.team"
    found = {name: look.get("deployment", name) for name in APPS}
    if not all(found.values()):
        return not_attempted(_MISSING)
    teams = {name: each.at(where, "") for name, each in found.items() if each}
    if not any(teams.values()):
        if any(each and each.at("metadata.labels.team", "") for each in found.values()):
            return incorrect(
                "The Deployments have the label, their Pods haven't.",
                "What a Deployment's Pods are like stands in its template.",
            )
        return not_attempted(
            "No Pod of the shop has a label team.",
            "CUE in the same folder and package is unified with the rest: a new file will do.",
        )
    lacking = [name for name, team in teams.items() if not team]
    if lacking:
        return incorrect(
            f"These have no such label: {', '.join(lacking)}.",
            "Something can be said of every Deployment, whatever its name.",
        )
    if set(teams.values()) != {"shop-a"}:
        return incorrect(
            f"The label's values are {', '.join(sorted(set(teams.values())))}.",
            "The task says which value billing wants.",
        )
    return correct("Every Pod of the shop says whose it is.")


def _search(text: str, rest: str = _APPLY) -> str:
    return f"{_MINE}(mine / \"search.cue\").write_text('package shop\\n\\n{text}\\n')\n{rest}"


@exercise(
    "11.2",
    title="A sixth service",
    prepare=_START,
    solution=_search('app: search: env: CATALOG: "http://catalog"')
    + 'wait_for("deployment", "search")\n',
    wrong=(
        Wrong("no variable", _search("app: search: {}"), hint="variable"),
        Wrong(
            "a Deployment alone",
            _search(
                'app: search: env: CATALOG: "http://catalog"',
                'apply(cue.evaluate(mine, expression="deployment.search"))\n',
            ),
            hint="Service",
        ),
        Wrong(
            "another address",
            _search('app: search: env: CATALOG: "catalog"'),
            hint="address",
        ),
    ),
)
def sixth(look: Look) -> Verdict:
    """The search is there with its variable, and has a Service."""
    if look.get("deployment", "front") is None:
        return not_attempted(_MISSING)
    search, service = look.get("deployment", "search"), look.get("service", "search")
    if search is None:
        return not_attempted(
            "There is no Deployment search.", "Developers write in apps.cue, or beside it."
        )
    if service is None:
        return incorrect(
            "There is a Deployment search, but no Service.",
            "The shop's CUE makes a Service of every app. Have you applied all of it?",
        )
    env = search.at("spec.template.spec.containers[0].env") or []
    values = {each.get("name"): each.get("value") for each in env}
    if "CATALOG" not in values:
        return incorrect(
            "The search's container has no CATALOG.",
            "How do the other microservices say which variable they want?",
        )
    if values["CATALOG"] != "http://catalog":
        return incorrect(
            f"CATALOG is {values['CATALOG']!r}.", "Look at the address that front uses."
        )
    if search.at("metadata.labels", {}).get("part-of") != "shop":
        return incorrect(
            "The search isn't labelled as a part of the shop.",
            "Who writes it as an app needn't think of labels.",
        )
    return correct("One line, and a Deployment and a Service came of it.")


def _beside(answer: str, **app: object) -> bool:
    """Whether the shop's CUE with an answer beside it takes an app."""
    files = {file.name: file.read_text(encoding="utf-8") for file in SHOP.glob("*.cue")}
    try:
        cue.vet({**files, "answer.cue": answer}, {"app": {"probe": app}}, limits=LIMITS)
    except cue.CueLimitError:
        raise
    except cue.CueError:
        return False
    return True


def _policy(rule: str) -> str:
    return f"answer = r'package shop\n\napp: [string]: image: {rule}'".replace("\n", "\\n").replace(
        "r'", "'"
    )


@exercise(
    "11.3",
    title="No surprises",
    solution=_policy('=~":[^/]+$" & !~":latest$"'),
    wrong=(
        Wrong("latest alone", _policy('!~":latest$"'), hint="without any version"),
        Wrong("a version alone", _policy('=~":[^/]+$"'), hint="newest"),
        Wrong("one image", _policy('"flask-sample:v1"'), hint="Other versions"),
        Wrong("any colon", _policy('=~":" & !~":latest$"'), hint="number of a port"),
    ),
)
@of_cue
def no_surprises(answer: str) -> Verdict:
    """Images without a version, or with latest, are refused; others are taken."""
    if not answer.lstrip().startswith("package shop"):
        return incorrect(
            "Your answer isn't in the shop's package.",
            "Its first line says which package it is of.",
        )
    for image in ("flask-sample:v1", "flask-sample:2.0", "registry.shop.example:5000/web:v7"):
        if not _beside(answer, image=image):
            return incorrect(f"The image {image} is refused.", "Other versions are fine, too.")
    for image, hint in (
        ("flask-sample:latest", "One version is called by a name that means: the newest there is."),
        ("flask-sample", "An image without any version is the newest one, too."),
        ("registry.shop.example:5000/web", "A colon may also stand before the number of a port."),
    ):
        if _beside(answer, image=image):
            return incorrect(f"The image {image} is taken.", hint)
    return correct("What runs today is what runs tomorrow.")


_OPENAPI = 'answer = str(cue.from_openapi(cluster.openapi("networking.k8s.io/v1"), "Ingress"))'


def _ingress(host: str | None = "a.shop.example", **more: object) -> dict[str, Any]:
    backend = {"service": {"name": "front", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rule = {"http": {"paths": paths}} | ({} if host is None else {"host": host})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "front"},
        "spec": {"rules": [rule], **more},
    }


def _takes(answer: str, value: object) -> bool:
    try:
        cue.vet(answer, value, schema="#Ingress", limits=LIMITS)
    except cue.CueLimitError:
        raise
    except cue.CueError:
        return False
    return True


@exercise(
    "11.4",
    title="A kind of your own",
    bonus=True,
    solution=_OPENAPI
    + ' + """\n#Ingress: spec!: rules!: [...{host!: =~"[.]shop[.]example$", ...}]\n"""',
    wrong=(
        Wrong("the cluster's rules alone", _OPENAPI, hint="rule of the house"),
        Wrong(
            "the house's rules alone",
            "answer = '#Ingress: {spec!: {rules!: [...{host!: =~\"[.]shop[.]example$\", ...}], ...}, ...}'",
            hint="What the cluster says",
        ),
        Wrong(
            "a host that is optional",
            _OPENAPI
            + ' + """\n#Ingress: spec!: rules!: [...{host?: =~"[.]shop[.]example$", ...}]\n"""',
            hint="must be given",
        ),
    ),
)
@of_cue
def of_the_house(answer: str) -> Verdict:
    """The cluster's own definition, and a rule more."""
    if not _takes(answer, _ingress()):
        return incorrect(
            "An Ingress for a.shop.example isn't taken.",
            "cue.vet(answer, …, schema='#Ingress') tells why. A struct that is said again stays open only with dots.",
        )
    if _takes(answer, _ingress(tsl=[])):
        return incorrect(
            "A misspelt field in spec is taken.",
            "What the cluster says of its kinds can be turned into definitions.",
        )
    if _takes(answer, _ingress("shop.other.example")):
        return incorrect(
            "The host shop.other.example is taken.",
            "A definition can be said again below, with a rule of the house: both hold.",
        )
    if _takes(answer, _ingress(None)):
        return incorrect("A rule whose host is left out is taken.", "A mark says: must be given.")
    return correct("The cluster's rules and yours hold together.")
