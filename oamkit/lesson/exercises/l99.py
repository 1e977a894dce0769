"""Lesson 99: what goes with an application, what stays, and what holds on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from oamkit.cluster import active
from oamkit.cluster.values import Object
from oamkit.errors import InputError
from oamkit.lesson.exercises.l06 import DEPLOYED
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    cannot_check,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

APP = "ApplicationConfiguration"
KINDS = ("deployments", "replicasets", "pods", "services", "ingresses", "configmaps", "components")
"""Where exercise 99.1 looks; a learner may look further."""

_DEPLOY_FIRST = "There is no ApplicationConfiguration 'example' yet: deploy it first."

_OWNED = f'''def belongs(found):
    owners = found.at("metadata.ownerReferences") or []
    return any(owner["kind"] == "{APP}" for owner in owners)


kinds = {KINDS}
answer = [kind for kind in kinds if any(belongs(found) for found in get(kind))]
'''


@exercise(
    "99.1",
    title="Whose is it?",
    prepare=DEPLOYED,
    solution=_OWNED,
    wrong=(
        Wrong("Pods, too", _OWNED + 'answer.append("pods")\n', hint="a step later"),
        Wrong("the Component, too", _OWNED + 'answer.append("Component")\n', hint="It stays"),
        Wrong("what runs", 'answer = ["Deployment"]\n', hint="requests"),
        Wrong("a kind that isn't there", 'answer = ["Application"]\n', hint="api-resources"),
    ),
)
def whose_is_it(look: Look, answer: object = None) -> Verdict:
    """The kinds whose objects name the application as their owner."""
    if look.app() is None:
        return not_attempted(_DEPLOY_FIRST)
    given = [answer] if isinstance(answer, str) else answer
    if not isinstance(given, Iterable) or not (names := list(map(str, given))):
        return not_attempted(
            "There is no answer yet.",
            "get('pods')[0].at('metadata.ownerReferences') shows to whom a Pod belongs. Try other kinds.",
        )
    named = set()
    for name in names:
        try:
            kind = active.api().resource(name.partition("/")[0]).plural
        except InputError:
            return incorrect(
                f"The cluster knows no kind {name!r}.",
                "kubectl('api-resources', '--namespaced') lists the kinds and their names.",
            )
        owners = {owner for found in look.list(kind) for owner in _owners(found)}
        if APP in owners:
            named.add(kind)
        elif owners:
            owner = min(owners)
            return incorrect(
                f"What there is of {kind} belongs to another object, of kind {owner}.",
                f"It goes a step later, when its {owner} goes. Who names the application itself?",
            )
        else:
            return incorrect(
                f"Nothing of {kind} has an owner.",
                f"Whose metadata names no owner belongs to nobody. It stays: look at {kind} once more.",
            )
    wanted = {kind for kind in KINDS if any(APP in _owners(each) for each in look.list(kind))}
    if missing := wanted - named:
        return incorrect(
            f"Right so far, but the application owns objects of {len(missing)} more kinds.",
            "You have what you named. What else has the runtime made, so that requests get to the Pods?",
        )
    return correct(f"These go with the application: {', '.join(sorted(named))}.")


def _owners(found: Object) -> set[str]:
    """The kinds of an object's owners."""
    return {owner["kind"] for owner in found.at("metadata.ownerReferences") or []}


_DELETED = 'delete("flask-demo/config/appconfig.yaml")\nwait_for("deployment", "web", "gone")\n'
_ORPHANED = f'kubectl("delete", "{APP.lower()}", "example", "--cascade=orphan")\n'


@exercise(
    "99.2",
    title="Without its Component",
    prepare=DEPLOYED,
    solution=_DELETED,
    wrong=(
        Wrong("both", 'delete("flask-demo/config/")\n', hint="only one of the two"),
        Wrong("the other one", 'delete("flask-demo/config/component.yaml")\n', hint="is used"),
        Wrong("without what it made", _ORPHANED, hint="orphan"),
    ),
)
def without_its_component(look: Look) -> Verdict:
    """The application is gone with what it owned, and the Component is there."""
    app, component = look.app(), look.component()
    if app is not None and component is not None:
        if app.at("metadata.deletionTimestamp"):
            return incorrect("The application is just being deleted.", "Look again in a moment.")
        return not_attempted(
            "The application and its Component are both there.",
            "Each of the two is an object of its own. Which one says that something shall run?",
        )
    if app is not None:
        return incorrect(
            "The Component is gone, and the application is there.",
            "That's the developer's part, which is used by the application. Take the operator's.",
        )
    if component is None:
        return incorrect(
            "Neither the application nor its Component is there.",
            "The folder holds both. Deploy it again, and name only one of the two.",
        )
    deployment = look.get("deployment", "web")
    if deployment is None:
        return correct(
            "The application is gone with all that it owned; its Component is still on offer."
        )
    if APP in _owners(deployment):
        return incorrect(
            "The application is gone, and its Deployment is about to go.", "Look again in a moment."
        )
    return incorrect(
        "The application is gone, but its Deployment runs on and belongs to nobody.",
        "You made it an orphan: that's what --cascade decides. Nobody will ever clean it up.",
        "Deploy the application again: the runtime adopts what it finds. Then delete it as usual.",
    )


LOCK = "example.org/lock"

STUCK = f'''apply({{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "attic", "labels": {{"oamkit.dev/lesson": "99"}}}}}})
apply({{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "chest", "finalizers": ["{LOCK}"]}}}}, namespace="attic")
kubectl("delete", "namespace", "attic", "--wait=false")
wait_for("namespace", "attic", "status.phase=Terminating")
'''

_FREED = f"""kubectl("patch", "configmap", "chest", "--namespace", "attic", "--type=merge", "--patch", '{{"metadata": {{"finalizers": null}}}}')
wait_for("namespace", "attic", "gone")
answer = "{LOCK}"
"""

_PUSHED = f"""import tempfile

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "attic.json"
    file.write_text('{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "attic"}}, "spec": {{"finalizers": []}}}}')
    kubectl("replace", "--raw", "/api/v1/namespaces/attic/finalize", "--filename", str(file))
wait_for("namespace", "attic", "gone")
answer = "{LOCK}"
"""


@exercise(
    "99.3",
    title="It won't go",
    prepare=STUCK,
    solution=_FREED,
    wrong=(
        Wrong("pushed away", _PUSHED, hint="without its drawer"),
        Wrong("said, but not freed", f'answer = "{LOCK}"\n', hint="whoever put it there"),
        Wrong("the namespace's own", 'answer = "kubernetes"\n', hint="takes that one off itself"),
        Wrong("freed without a look", _FREED + 'answer = "attic"\n', hint="can't be read any more"),
    ),
)
def it_wont_go(look: Look, answer: object = None) -> Verdict:
    """The namespace and what was in it are gone, and the learner says what held it."""
    attic = look.get("namespace", "attic")
    chest = look.get("configmap", "chest", namespace="attic")
    if attic is None and chest is None:
        if answer is None:
            return not_attempted(
                "There is no namespace 'attic', and no answer.",
                "The cell above makes it. If it's gone because you freed it: what had held it?",
            )
        if answer == LOCK:
            return correct(f"It was held by {LOCK}, and it's gone with all that was in it.")
        return incorrect(
            f"The namespace is gone, but it wasn't {answer!r} that held it.",
            "What's gone can't be read any more. Run the cell above again, and look before you free it.",
        )
    if attic is None:
        return incorrect(
            "The namespace is gone, but the ConfigMap 'chest' that was in it isn't.",
            "Now it exists without its drawer, and is back as soon as somebody makes that namespace again.",
            "It's still held by the same thing as before: kubectl finds it with --namespace attic.",
        )
    if attic.at("status.phase") == "Active":
        return not_attempted("Nobody has deleted the namespace 'attic' yet: the cell above does.")
    if answer == LOCK:
        return incorrect(
            "That's what holds it, and it still does.",
            "Kubernetes waits until whoever put it there takes it off. Here that's nobody but you.",
            "It's a field of an object's metadata: kubectl('patch', …) changes fields.",
        )
    if answer is not None and answer in (attic.at("spec.finalizers") or []):
        return incorrect(
            f"{answer} is what the namespace itself waits for.",
            "Kubernetes takes that one off itself, once nothing is in the namespace. What is still in it?",
        )
    return not_attempted(
        "The namespace 'attic' is Terminating.",
        "Its status.conditions say in words what it waits for: get('namespace', 'attic').",
        "Something in it has a deletionTimestamp, and still doesn't go. Look at its metadata.",
    )


_CRDS = (
    '[name for name in get("customresourcedefinitions").names if name.endswith(".core.oam.dev")]'
)
_ROLES = 'get("clusterroles", labels="app.kubernetes.io/instance=oam").names'


@exercise(
    "99.4",
    title="A proof that can fail",
    bonus=True,
    solution=f"""def answer():
    kinds = {_CRDS}
    return [*kinds, *{_ROLES}]
""",
    wrong=(
        Wrong("always content", "def answer():\n    return []\n", hint="can't fail"),
        Wrong("a list", f"answer = {_CRDS}\n", hint="def"),
        Wrong("kinds only", f"def answer():\n    return {_CRDS}\n", hint="label"),
        Wrong(
            "everybody's",
            'def answer():\n    return [*get("customresourcedefinitions").names, *get("clusterroles").names]\n',
            hint="without OAM",
        ),
        Wrong("a slip", "def answer():\n    return nothing\n", hint="by itself"),
    ),
)
def a_proof(look: Look, answer: object = None) -> Verdict:
    """A function finds OAM's CRDs and the chart's ClusterRoles, and nothing that isn't OAM's."""
    crds, roles = look.list("customresourcedefinitions"), look.list("clusterroles")
    ours = {each.name for each in crds if each.at("spec.group") == "core.oam.dev"}
    charts = {each.name for each in roles if _is_charts(each)}
    if not (ours and charts):
        return cannot_check(
            "OAM isn't here as a whole, so nobody can tell whether a function would find it.",
            'lesson.start("99") brings it back.',
        )
    if answer is None:
        return not_attempted(
            "There is no function yet.",
            "get(kind).names gives the names of all objects of a kind. Which of them are OAM's?",
        )
    if not callable(answer):
        return incorrect(
            f"This is a {type(answer).__name__}, not a function.",
            "It says what was there when you made it. Below def, the cluster is asked each time.",
        )
    found = _called(answer)
    if isinstance(found, Verdict):
        return found
    if foreign := sorted(found & ({each.name for each in (*crds, *roles)} - ours - charts)):
        return incorrect(
            f"Your function also finds {len(foreign)} objects that aren't OAM's, such as {foreign[0]}.",
            f"{foreign[0]} is there on a cluster without OAM, too. It would never let your proof succeed.",
        )
    if not found & (ours | charts):
        return incorrect(
            "Your function finds nothing, and OAM is still here.",
            "A proof that can't fail proves nothing. Let it find first what is there now.",
        )
    if missing := ours - found:
        return incorrect(
            f"Your function finds {len(ours) - len(missing)} of OAM's {len(ours)} kinds.",
            "The name of a CRD ends with its API group: which group is OAM's?",
        )
    if missing := charts - found:
        return incorrect(
            f"Your function finds {len(charts) - len(missing)} of the chart's {len(charts)} ClusterRoles.",
            "helm puts a label with the release's name on what it makes: get has labels=….",
        )
    return correct(
        f"It finds {len(ours)} kinds and {len(charts)} roles now: once they go, it will tell."
    )


def _is_charts(role: Object) -> bool:
    labels: dict[str, Any] = role.at("metadata.labels") or {}
    return labels.get("app.kubernetes.io/instance") == "oam"


def _called(function: Callable[[], Any]) -> set[str] | Verdict:
    """What a learner's function returns, or what to say if it doesn't."""
    try:
        return set(map(str, function()))
    except Exception as error:  # noqa: BLE001 - whatever a learner's function does
        return incorrect(
            f"Your function ends with an error: {error!r}.",
            "Call it by itself in a cell: then Python shows the line.",
        )
