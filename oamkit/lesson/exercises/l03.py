"""Lesson 03: the cluster."""

from __future__ import annotations

from difflib import get_close_matches

from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

_CLUSTER = "cluster.ensure()\n"
_EMPTY = (
    _CLUSTER
    + """for name in ("workshop", "work-shop"):
    delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
"""
)
_NAMESPACE = 'apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "workshop"}})\n'


def _note(key: str = "goal", value: str = "deploy my own app", namespace: str = "workshop") -> str:
    return f'''apply(
    {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "note"}}, "data": {{"{key}": "{value}"}}}},
    namespace="{namespace}",
)
'''


_NO_NOTE = """note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}}
delete(note)
delete(note, namespace="workshop")
"""


@exercise(
    "03.1",
    title="A drawer of your own",
    prepare=_EMPTY,
    solution=_NAMESPACE,
    wrong=(Wrong("another name", 'kubectl("create", "namespace", "work-shop")', hint="work-shop"),),
)
def a_drawer(look: Look) -> Verdict:
    """The namespace is there, and isn't about to go."""
    found = look.get("namespace", "workshop")
    if found is None:
        names = [each.name for each in look.list("namespaces")]
        others = get_close_matches("workshop", names)
        if others:
            return incorrect(
                f"There is no namespace 'workshop', but there is: {', '.join(others)}.",
                f"Compare {others[0]} with the name in the task, a letter at a time.",
            )
        return not_attempted(
            "There is no namespace 'workshop' yet.",
            "A Namespace is an object like others: apiVersion v1, a kind, and a name.",
        )
    if found.at("status.phase") != "Active":
        return incorrect(
            "The namespace is just being deleted.", "Wait until it is gone, and make it once more."
        )
    return correct("The namespace 'workshop' is there.")


@exercise(
    "03.2",
    title="Put something in",
    prepare=_CLUSTER + _NAMESPACE + _NO_NOTE,
    solution=_note(),
    wrong=(
        Wrong("in the wrong drawer", _note(namespace="default"), hint="which drawer"),
        Wrong("another key", _note(key="note"), hint="its keys"),
        Wrong("nothing in it", _note(value=""), hint="no text"),
    ),
)
def a_note(look: Look) -> Verdict:
    """The ConfigMap is in the namespace, and its key has a text."""
    found = look.get("configmap", "note", namespace="workshop")
    if found is None:
        if look.get("configmap", "note") is not None:
            return incorrect(
                "The ConfigMap is in the namespace 'default'.",
                "If nobody says which drawer, it's 'default'. kubectl has --namespace, and apply has namespace=….",
            )
        return not_attempted(
            "There is no ConfigMap 'note' in the namespace 'workshop' yet.",
            "kubectl('explain', 'configmap') tells where the texts go.",
        )
    data = found.at("data") or {}
    if "goal" not in data:
        keys = ", ".join(data) or "none"
        return incorrect(
            f"The ConfigMap is there. Its keys: {keys}.", "Compare its keys with the task's."
        )
    if not data["goal"].strip():
        return incorrect(
            "The key 'goal' is empty.", "There is no text below the key: what is it for?"
        )
    return correct(f"Noted: {data['goal']}")


@exercise(
    "03.3",
    title="Ask the node",
    prepare=_CLUSTER,
    solution='answer = get("nodes")[0].at("status.nodeInfo.kubeletVersion")\n',
    wrong=(
        Wrong("the node's name", 'answer = get("nodes")[0].name\n', hint="node's name"),
        Wrong("a guess", 'answer = "v1.0.0"\n', hint="status"),
    ),
)
def ask_the_node(look: Look, answer: object = None) -> Verdict:
    """The version is the one in the Node's status."""
    nodes = look.list("nodes")
    if not answer:
        return not_attempted(
            "There is no answer yet.",
            "Look at the whole object first, then use .at(…) to read one field.",
        )
    versions = {each.at("status.nodeInfo.kubeletVersion") for each in nodes}
    if answer in versions:
        return correct(f"The node reports {answer}.")
    if answer in {each.name for each in nodes}:
        return incorrect(f"{answer} is a node.", "That's the node's name. Look at what it reports.")
    return incorrect(
        f"No node reports {answer!r}.",
        "What a node reports stands below status, and what it says about itself in nodeInfo.",
    )


def _quota(resource: str = "count/configmaps", more: str = "+ 1", name: str = "workshop") -> str:
    return f'''there = len(get("configmaps", namespace="workshop"))
apply(
    {{
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {{"name": "small"}},
        "spec": {{"hard": {{"{resource}": str(there {more})}}}},
    }},
    namespace="{name}",
)
'''


@exercise(
    "03.4",
    title="A drawer that gets full",
    bonus=True,
    # The ConfigMap that Kubernetes puts into each namespace comes a moment after the namespace.
    prepare=_CLUSTER
    + _NAMESPACE
    + _note()
    + 'delete({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}, namespace="workshop")\n'
    + 'wait_for("configmap", "kube-root-ca.crt", "exists", namespace="workshop")\n',
    solution=_quota(),
    wrong=(
        Wrong("one in all", _quota(more="* 0 + 1"), hint="one of them isn't yours"),
        Wrong("no room", _quota(more="+ 0"), hint="room for 0"),
        Wrong("another limit", _quota(resource="count/secrets"), hint="ConfigMaps"),
    ),
)
def a_full_drawer(look: Look) -> Verdict:
    """What the quota allows is one more than what is there."""
    if look.get("namespace", "workshop") is None:
        return not_attempted("There is no namespace 'workshop': see exercise 03.1.")
    quotas = look.list("resourcequotas", namespace="workshop")
    if not quotas:
        return not_attempted(
            "There is no ResourceQuota in 'workshop' yet.",
            "kubectl('explain', 'resourcequota.spec') says where limits stand.",
        )
    limits = [each.at("spec.hard", {}).get("count/configmaps") for each in quotas]
    limit = next((int(each) for each in limits if each is not None), None)
    if limit is None:
        return incorrect(
            "There is a ResourceQuota, but it doesn't limit ConfigMaps.",
            "The limit for ConfigMaps has a name of its own: the task says it.",
        )
    there = [each.name for each in look.list("configmaps", namespace="workshop")]
    room = limit - len(there)
    if room == 1:
        return correct(f"{limit} are allowed, {len(there)} are there: one more fits in.")
    hint = (
        f"There are {len(there)} now ({', '.join(there)}): one of them isn't yours, but counts."
        if room < 0
        else f"{limit} are allowed and {len(there)} are there, so there is room for {room} more."
    )
    return incorrect(f"The limit is {limit}, and {len(there)} ConfigMaps are there.", hint)
