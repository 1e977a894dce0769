"""Lesson 12: CUE and OAM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oamkit import cue, render
from oamkit.errors import OamKitError
from oamkit.lesson.exercises.l10 import LIMITS, of_cue, value_of
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)
from oamkit.lesson.git import subjects

PLATFORM = Path("flask-demo/platform")
MINE = Path("build/lesson-12/exercise")
_OURS = "The shop"
_START = """
import shutil

from oamkit.lesson import git

mine = Path("build/lesson-12/exercise")
shutil.rmtree(mine, ignore_errors=True)
shutil.copytree("flask-demo/platform", mine)
git(mine, "init", "--quiet")
git(mine, "add", ".")
git(mine, "commit", "--quiet", "--message", "The shop")
apply(cue.evaluate(mine, expression="shop.objects"))
wait_for("deployment", "front")
"""
_MINE = """
from oamkit.lesson import git

mine = Path("build/lesson-12/exercise")
file = mine / "shop.cue"
"""
_APPLY = 'apply(cue.evaluate(mine, expression="shop.objects"))\n'
_COMMIT = 'git(mine, "commit", "--quiet", "--all", "--message", "A change")\n'


def _with(line: str, rest: str = _COMMIT + _APPLY) -> str:
    new = f"\\n\\nshop: {line}\\n"
    return f"{_MINE}file.write_text(file.read_text() + '{new}')\n{rest}"


_SEARCH = (
    'webservice: search: {image: "flask-sample:v1", replicas: 2, env: CATALOG: "http://catalog"}'
)


@exercise(
    "12.1",
    title="A third microservice",
    prepare=_START,
    solution=_with(_SEARCH) + 'wait_for("deployment", "search")\n',
    wrong=(
        Wrong("not committed", _with(_SEARCH, _APPLY), hint="committed"),
        Wrong(
            "one copy",
            _with(_SEARCH.replace("replicas: 2, ", "")) + 'wait_for("deployment", "search")\n',
            hint="how many",
        ),
        Wrong(
            "from outside",
            _with(_SEARCH.replace("replicas", 'path: "/search", replicas'))
            + 'wait_for("deployment", "search")\n',
            hint="Ingress",
        ),
        Wrong(
            "a worker",
            _with('worker: search: {image: "flask-sample:v1", env: CATALOG: "http://catalog"}')
            + 'wait_for("deployment", "search")\n',
            hint="reach",
        ),
    ),
)
def third(look: Look) -> Verdict:
    """The search is committed, applied, and as it should be."""
    app = look.get("applicationconfiguration", "shop")
    if app is None:
        return not_attempted("There is no application shop: run the cell above the exercise.")
    entries = {each.get("componentName"): each for each in app.at("spec.components") or []}
    if "search" not in entries:
        return not_attempted(
            "The application has no component search.",
            "Which file of the repository is the developer's?",
        )
    traits = [
        (each.get("trait") or {}).get("kind") for each in entries["search"].get("traits") or []
    ]
    if "Service" not in traits:
        return incorrect(
            "The search has no Service.",
            "Nobody can reach a worker. What else does the platform offer?",
        )
    if "Ingress" in traits:
        return incorrect(
            "The search has an Ingress.", "Which of its fields makes the platform add an Ingress?"
        )
    where = "spec.template.spec.containers[0].env"
    env = {each["name"]: each.get("value") for each in look.at("deployment", "search", where) or []}
    if env.get("CATALOG") != "http://catalog":
        return incorrect(
            "Its container has no such CATALOG.", "The platform has a field for variables."
        )
    if look.at("deployment", "search", "spec.replicas") != 2:
        return incorrect(
            "The search hasn't two copies.", "The task says how many; the platform offers it."
        )
    messages = subjects(MINE)
    if len(messages) < 2:
        return incorrect(
            "It runs, but the repository doesn't know of it.",
            "What isn't committed, is gone with the next delivery.",
        )
    return correct("Written, committed, applied.")


def _platform(answer: str, kind: str, image: str) -> bool:
    """Whether the platform takes an image, with an answer beside its package."""
    files = {
        str(file.relative_to(PLATFORM)): file.read_text(encoding="utf-8")
        for file in PLATFORM.rglob("*.cue")
    }
    files = {name: text for name, text in files.items() if not name.startswith("definitions/")}
    files["platform/answer.cue"] = answer
    files["shop.cue"] = (
        'package shop\n\nimport "shop.example/config/platform"\n\n'
        f'shop: platform.#Application & {{name: "shop", {kind}: probe: image: "{image}"}}\n'
    )
    try:
        cue.evaluate(files, expression="shop.objects", limits=LIMITS)
    except cue.CueLimitError:
        raise
    except cue.CueError:
        return False
    return True


@exercise(
    "12.2",
    title="A rule of the platform",
    solution="answer = 'package platform\\n\\n#Worker: image: =~\"^flask-sample:\"'",
    wrong=(
        Wrong(
            "another package", "answer = '#Worker: image: =~\"^flask-sample:\"'", hint="first line"
        ),
        Wrong(
            "webservices too",
            'answer = \'package platform\\n\\n#Worker: image: =~"^flask-sample:"\\n#Webservice: image: =~"^flask-sample:"\'',
            hint="Two definitions",
        ),
        Wrong(
            "anywhere in the name",
            "answer = 'package platform\\n\\n#Worker: image: =~\"flask-sample:\"'",
            hint="beginning",
        ),
        Wrong(
            "one version",
            "answer = 'package platform\\n\\n#Worker: image: \"flask-sample:v1\"'",
            hint="name of the image only",
        ),
        Wrong("no rule", "answer = 'package platform\\n\\n#Worker: image: string'", hint="match"),
    ),
)
@of_cue
def security(answer: str) -> Verdict:
    """Workers run one image only, webservices any."""
    if not answer.lstrip().startswith("package platform"):
        return incorrect(
            "Your answer isn't in the platform's package.",
            "Its first line says which package it is of.",
        )
    if not _platform(answer, "webservice", "nginx:1.27"):
        return incorrect(
            "A webservice with the image nginx:1.27 is refused.",
            "Two definitions, and the rule is about one of them.",
        )
    for image in ("flask-sample:v1", "flask-sample:v2"):
        if not _platform(answer, "worker", image):
            return incorrect(
                f"A worker with the image {image} is refused.",
                "The rule is about the name of the image only, not about its version.",
            )
    if _platform(answer, "worker", "nginx:1.27"):
        return incorrect(
            "A worker with the image nginx:1.27 is taken.",
            "A text can be asked to match something.",
        )
    if _platform(answer, "worker", "registry.example/flask-sample:v1"):
        return incorrect(
            "A worker with the image registry.example/flask-sample:v1 is taken.",
            "A match may stand anywhere, unless it's tied to the beginning.",
        )
    return correct("A definition is stricter now, and nobody had to change it.")


_TEMPLATE = """patch: spec: {
	// +patchStrategy=retainKeys
	replicas: parameter.count
}
parameter: count: int & >=1 & <=3
"""


def _trait(template: str, name: str = "copies") -> str:
    return f'''template = """
{template}"""
apply({{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "TraitDefinition",
    "metadata": {{"name": "{name}"}},
    "spec": {{"definitionRef": {{"name": "deployments.apps"}}, "schematic": {{"cue": {{"template": template}}}}}},
}})
'''


def _rendered(definition: dict[str, Any], count: object, replicas: int | None) -> Any:  # noqa: ANN401 - JSON
    """Return the replicas that a workload gets by the trait; the error if it gets none."""
    workload: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}
    if replicas is not None:
        workload["spec"]["replicas"] = replicas
    trait = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"labels": {"trait.oam.dev/type": "copies"}},
        "properties": {"count": count},
    }
    oam = {"apiVersion": "core.oam.dev/v1alpha2"}
    component = {"kind": "Component", "metadata": {"name": "probe"}, "spec": {"workload": workload}}
    entry = {"componentName": "probe", "traits": [{"trait": trait}]}
    app = {
        "kind": "ApplicationConfiguration",
        "metadata": {"name": "probe"},
        "spec": {"components": [entry]},
    }
    try:
        [made] = render([definition, oam | component, oam | app]).objects
    except (OamKitError, ValueError) as error:
        return error
    return made["spec"].get("replicas")


@exercise(
    "12.3",
    title="A trait by a template",
    solution=_trait(_TEMPLATE),
    wrong=(
        Wrong(
            "no marker",
            _trait(_TEMPLATE.replace("\t// +patchStrategy=retainKeys\n", "")),
            hint="comment",
        ),
        Wrong("no bounds", _trait(_TEMPLATE.replace(" & >=1 & <=3", "")), hint="bounds"),
        Wrong(
            "always two",
            _trait(_TEMPLATE.replace("parameter.count", "2")),
            hint="parameter",
        ),
        Wrong(
            "an object of its own",
            _trait('outputs: x: {apiVersion: "v1", kind: "ConfigMap"}\nparameter: count: int\n'),
            hint="patch",
        ),
    ),
)
def copies(look: Look) -> Verdict:
    """The template sets the replicas, whatever the workload says, within the bounds."""
    found = look.get("traitdefinition", "copies")
    if found is None:
        return not_attempted(
            "There is no TraitDefinition copies.",
            "The lesson's own definitions show what one looks like.",
        )
    definition = {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "TraitDefinition",
        "metadata": {"name": "copies"},
        "spec": found.at("spec"),
    }
    template = found.at("spec.schematic.cue.template", "")
    if not template:
        return incorrect(
            "It has no template in CUE.", "Where do the lesson's definitions have theirs?"
        )
    if "patch" not in template:
        return incorrect(
            "The template changes nothing of the workload.", "A trait may make outputs, or a patch."
        )
    plain, other = _rendered(definition, 2, None), _rendered(definition, 3, None)
    if isinstance(plain, Exception):
        return incorrect(
            f"With a count of 2 it isn't rendered: {plain}", "Does CUE take the template?"
        )
    if (plain, other) != (2, 3):
        return incorrect(
            f"With counts of 2 and 3 a workload gets {plain} and {other} replicas.",
            "What users say, stands in parameter.",
        )
    if _rendered(definition, 2, 1) != 2:
        return incorrect(
            "A workload that says 'replicas: 1' itself contradicts the patch.",
            "A comment above a field of the patch says who wins.",
        )
    if any(not isinstance(_rendered(definition, count, None), Exception) for count in (0, 4, "2")):
        return incorrect(
            "A count of 0, of 4, or a text is taken, too.",
            "What is declared can have a type, and bounds.",
        )
    return correct("The trait wins over the workload, and stays within its bounds.")


_SOMEBODY = f"""{_MINE}
file.write_text(file.read_text(encoding="utf-8").replace(', path: "/"', ""))
git(mine, "commit", "--quiet", "--all", "--message", "Nobody needs this path")
{_APPLY}wait_for("ingress", "front", "gone")
"""


@exercise(
    "12.4",
    title="Undo it",
    bonus=True,
    prepare=_START + _SOMEBODY,
    solution=f'{_MINE}git(mine, "revert", "--no-edit", "HEAD")\n{_APPLY}wait_for("ingress", "front")\n',
    wrong=(
        Wrong(
            "history rewritten",
            f'{_MINE}git(mine, "reset", "--quiet", "--hard", "HEAD~1")\n{_APPLY}wait_for("ingress", "front")\n',
            hint="history",
        ),
        Wrong(
            "the repository alone",
            f'{_MINE}git(mine, "revert", "--no-edit", "HEAD")\n',
            hint="applied",
        ),
        Wrong(
            "the cluster alone",
            f"{_MINE}file.write_text(file.read_text().replace('flask-sample:v1\"', 'flask-sample:v1\", path: \"/\"', 1))\n"
            f'{_APPLY}wait_for("ingress", "front")\n',
            hint="next delivery",
        ),
    ),
)
def undo(look: Look) -> Verdict:
    """A new commit brings the path back, and the cluster has it."""
    messages = subjects(MINE)
    if not messages or look.get("applicationconfiguration", "shop") is None:
        return not_attempted("There is no repository, or no application: run the cells above.")
    there = look.get("ingress", "front") is not None
    somebody = "Nobody needs this path"
    if somebody not in messages:
        if there and messages[-1] == _OURS:
            return incorrect(
                "The delivery isn't in the history any more, if it ever was.",
                "Others have the history already: it stays, and something is added to it.",
            )
        return not_attempted("Nobody has delivered anything yet: run the cell above.")
    undone = messages[0] != somebody and bool(_path_in_repository())
    if not undone and not there:
        return not_attempted(
            "The newest commit is the delivery, and there is no Ingress.",
            "git knows a word for a commit that undoes another one.",
        )
    if not undone:
        return incorrect(
            "The Ingress is back, but the repository doesn't say so.",
            "With the next delivery it is gone again.",
        )
    if not there:
        return incorrect(
            "The repository is right again, the cluster isn't.",
            "What is committed must be applied, too.",
        )
    return correct("Undone by a commit, and applied.")


def _path_in_repository() -> Any:  # noqa: ANN401 - whatever CUE makes
    text = (MINE / "shop.cue").read_text(encoding="utf-8")
    bare = "\n".join(
        line for line in text.splitlines() if not line.startswith(("package", "import"))
    )
    return value_of("platform: #Application: {...}\n" + bare, "shop.webservice.front.path")
