"""Lesson 08: rights."""

from __future__ import annotations

from typing import Any

from oamkit.lesson.exercises.answers import OAM
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)
from oamkit.lesson.people import Person

_ROLES = 'apply("flask-demo/people/roles.yaml")\n'


def _can(look: Look, group: str, verb: str, kind: str, namespace: str = "default") -> bool:
    """Tell whether somebody of a group, and of no other, may do something."""
    return look.can("somebody", verb, kind, namespace=namespace, groups=[group])


def _reading_logs(
    resources: str = '"pods/log"', verbs: str = '"get"', group: str = "developers"
) -> str:
    return f'''label = {{"oamkit.dev/lesson": "08"}}
role = {{
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {{"name": "log-reader", "labels": label}},
    "rules": [{{"apiGroups": [""], "resources": [{resources}], "verbs": [{verbs}]}}],
}}
binding = {{
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {{"name": "log-readers", "labels": label}},
    "subjects": [{{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "{group}"}}],
    "roleRef": {{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "log-reader"}},
}}
apply([role, binding])
'''


@exercise(
    "08.1",
    title="Let developers read logs",
    prepare=_ROLES,
    solution=_reading_logs(),
    wrong=(
        Wrong("far too much", _reading_logs('"*"', '"*"'), hint="asterisk"),
        Wrong("the role alone", _reading_logs().replace("[role, binding]", "role"), hint="binding"),
        Wrong("the Pods again", _reading_logs('"pods"'), hint="part of a Pod"),
    ),
)
def read_logs(look: Look) -> Verdict:
    """Developers may get logs in default, and nothing that could do harm."""
    if not look.list("rolebindings"):
        return not_attempted("Nobody has any rights yet: apply flask-demo/people/roles.yaml first.")
    harm = [
        f"{verb} {kind}"
        for verb, kind in (("create", "pods/exec"), ("delete", "pods"), ("get", "secrets"))
        if _can(look, "developers", verb, kind)
    ]
    if harm:
        return incorrect(
            f"Developers may now also: {', '.join(harm)}.",
            "Is there an asterisk, or a role like admin? Name what they need, and only that.",
        )
    if _can(look, "developers", "get", "pods/log"):
        return correct("Developers may read what their programs say, and not do anything to them.")
    mine = [
        each
        for each in look.list("roles")
        if any("pods/log" in rule.get("resources", []) for rule in each.at("rules") or [])
    ]
    if mine:
        return incorrect(
            f"The role {mine[0].name} lists the right, and developers don't have it.",
            "A role only describes. Which object gives it to somebody? And is it a binding of this role, for this group?",
        )
    if look.list("roles"):
        return incorrect(
            "There is a role, but it isn't about logs.",
            "Logs are a part of a Pod with a right of their own: a resource, a slash, and the part.",
        )
    return not_attempted(
        "Developers may not read logs.",
        "A Role and a RoleBinding, both in the namespace: roles.yaml shows the shape.",
    )


@exercise(
    "08.2",
    title="A new colleague",
    prepare=_ROLES,
    solution='answer = lesson.person("dora", groups=["developers"])\n',
    wrong=(
        Wrong("in no group", 'answer = lesson.person("dora")\n', hint="certificate says nothing"),
        Wrong(
            "in the wrong group",
            'answer = lesson.person("dora", groups=["developer"])\n',
            hint="letter by letter",
        ),
        Wrong("only a name", 'answer = "dora"\n', hint="returns the person"),
    ),
)
def new_colleague(look: Look, answer: object = None) -> Verdict:
    """Dora has a certificate of the group, and no binding of her own."""
    if answer is None:
        return not_attempted(
            "There is no answer yet.", "How did Anna become a user, at the beginning of the lesson?"
        )
    if not isinstance(answer, Person):
        return incorrect(
            f"The answer is {answer!r}.",
            "The verb that makes somebody a user returns the person: that's the answer.",
        )
    if answer.name != "dora":
        return incorrect(f"This is {answer.name}.", "Somebody else joins the team today.")
    if not look.at("certificatesigningrequests", "oamkit-dora", "status.certificate"):
        return incorrect(
            "The cluster hasn't signed anything for dora.", "Make her a user in this cluster."
        )
    own = [
        binding.name
        for binding in look.list("rolebindings")
        for subject in binding.at("subjects") or []
        if subject["name"] == "dora"
    ]
    if own:
        return incorrect(
            f"Dora has the binding {own[0]} for herself.",
            "With a rule for each person, somebody is forgotten one day.",
        )
    if not answer.groups:
        return incorrect(
            "Dora is a user, without any rights.",
            "Her certificate says nothing but her name. Why may Anna do what she may do?",
        )
    if look.can("dora", "create", "components", groups=answer.groups):
        return correct(
            "Dora may do what developers may do, since her certificate says that she is one."
        )
    return incorrect(
        f"Dora's groups: {', '.join(answer.groups)}. None of them may make Components.",
        "Compare the group with the one in the RoleBinding, letter by letter.",
    )


_STAGING = """
apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "staging", "labels": {"oamkit.dev/lesson": "08"}}})
delete({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "operators"}}, namespace="staging")
"""


def _binding(kind: str = "RoleBinding", role: str = "oam-operator") -> str:
    return f'''apply(
    {{
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "{kind}",
        "metadata": {{"name": "operators", "labels": {{"oamkit.dev/lesson": "08"}}}},
        "subjects": [{{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "operators"}}],
        "roleRef": {{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "{role}"}},
    }},
    namespace="staging",
)
'''


@exercise(
    "08.3",
    title="A second namespace",
    prepare=_ROLES + _STAGING,
    solution=_binding(),
    wrong=(
        Wrong("everywhere", _binding("ClusterRoleBinding"), hint="kube-system"),
        Wrong("another role", _binding(role="oam-developer"), hint="Components"),
    ),
)
def second_namespace(look: Look) -> Verdict:
    """Operators may work in staging, and not everywhere."""
    if look.get("namespace", "staging") is None:
        return not_attempted("There is no namespace 'staging': run the cell above.")
    if _can(look, "operators", "create", "applicationconfigurations", "kube-system"):
        return incorrect(
            "Operators may now write applications in every namespace.",
            "Also in kube-system, where nobody should. There are two kinds of bindings: yours has no borders.",
        )
    if _can(look, "operators", "create", "components", "staging"):
        return incorrect(
            "Operators may write Components in 'staging'.",
            "Components are the developers'. Which role did the operators get in 'default'?",
        )
    if _can(look, "operators", "create", "applicationconfigurations", "staging"):
        return correct("The same role, given once more, in another namespace.")
    if look.list("rolebindings", namespace="staging"):
        return incorrect(
            "There is a binding in 'staging', but operators may not write applications there.",
            "Compare it, line by line, with the one called operators in 'default'.",
        )
    return not_attempted(
        "Operators have no rights in 'staging' yet.",
        "The role exists already. How is it given to a group, in one namespace?",
    )


def _policy(condition: str, bound: bool = True) -> str:
    return f'''label = {{"oamkit.dev/lesson": "08"}}
policy = {{
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {{"name": "no-smuggling", "labels": label}},
    "spec": {{
        "failurePolicy": "Fail",
        "matchConstraints": {{
            "resourceRules": [
                {{
                    "apiGroups": ["core.oam.dev"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["applicationconfigurations"],
                }}
            ]
        }},
        "validations": [{{"expression": "{condition}", "message": "A ConfigMap is no trait here."}}],
    }},
}}
binding = {{
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {{"name": "no-smuggling", "labels": label}},
    "spec": {{"policyName": "no-smuggling", "validationActions": ["Deny"]}},
}}
apply({"[policy, binding]" if bound else "policy"})
'''


_NO_CONFIG_MAP = (
    "object.spec.components.all(c, !has(c.traits) || c.traits.all(t, t.trait.kind != 'ConfigMap'))"
)


@exercise(
    "08.4",
    title="No smuggling",
    bonus=True,
    solution=_policy(_NO_CONFIG_MAP),
    wrong=(
        Wrong("not bound", _policy(_NO_CONFIG_MAP, bound=False), hint="says where it holds"),
        Wrong(
            "no traits at all",
            _policy("object.spec.components.all(c, !has(c.traits))"),
            hint="Service",
        ),
        Wrong(
            "only with traits",
            _policy("object.spec.components.all(c, c.traits.all(t, t.trait.kind != 'ConfigMap'))"),
            hint="has(…)",
        ),
    ),
)
def no_smuggling(look: Look) -> Verdict:
    """The API server is asked, without storing anything, what it says to four applications."""
    policies = look.list("validatingadmissionpolicies")
    mine = [each for each in policies if "applicationconfigurations" in str(each.at("spec"))]
    if not mine:
        return not_attempted(
            "There is no policy about ApplicationConfigurations yet.",
            "kubectl('explain', 'validatingadmissionpolicy.spec') shows its parts: what it matches, and what must be true.",
        )
    bound = {each.at("spec.policyName") for each in look.list("validatingadmissionpolicybindings")}
    if mine[0].name not in bound:
        return incorrect(
            "The policy is there, and nobody has to follow it.",
            "A policy without a binding is only paper: something says where it holds.",
        )
    if said := look.refusal(_app()):
        return incorrect(
            f"An application without traits is refused: {said}",
            "A component may have no traits at all. CEL has has(…) to ask whether a field is there.",
        )
    if said := look.refusal(
        _app({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}})
    ):
        return incorrect(
            f"An application with a Service is refused: {said}",
            "A Service must still be welcome. Ask each trait what it is.",
        )
    smuggled = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "smuggled"}}
    if not look.refusal(_app(smuggled)):
        return incorrect(
            "An application with a ConfigMap is accepted.",
            "Walk down with all(…): from the components to their traits, and from an entry to the object in it.",
        )
    return correct(
        "A ConfigMap is refused, a Service is welcome, and so is an application without traits."
    )


def _app(*traits: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = {"componentName": "web"}
    if traits:
        part["traits"] = [{"trait": trait} for trait in traits]
    metadata = {"name": "would-this-be-accepted"}
    return {
        "apiVersion": OAM,
        "kind": "ApplicationConfiguration",
        "metadata": metadata,
        "spec": {"components": [part]},
    }
