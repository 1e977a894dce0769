"""What learners do to their cluster, on purpose or by accident."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from oamkit import apply, helm
from oamkit.cluster import active, objects
from oamkit.cluster.api import Json
from oamkit.cluster.providers.sandbox import SandboxProvider
from oamkit.errors import OamKitError
from oamkit.lesson import demo

FINALIZER = "example.org/never"
RUNTIME = f"/apis/apps/v1/namespaces/{demo.NAMESPACE}/deployments/{demo.RUNTIME_DEPLOYMENT}"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@contextlib.contextmanager
def _unless(*signs: str) -> Iterator[None]:
    """Let an error with one of these signs pass: an earlier breakage may have taken away what this one needs."""
    try:
        yield
    except OamKitError as error:
        if not any(sign in str(error) for sign in signs):
            raise


def _delete(path: str) -> None:
    with _unless("not found", "could not find"):
        active.api().request("DELETE", path, body={"propagationPolicy": "Background"})


def _patch(path: str, body: Json) -> None:
    with _unless("not found", "could not find"):
        active.api().request("PATCH", path, body=body, content_type="application/merge-patch+json")


def _make(**manifest: Json) -> None:
    with _unless("no matches", "not found", "could not find", "terminated"):
        apply(manifest)


def _app(finalizers: list[str]) -> None:
    application = {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "ApplicationConfiguration",
        "metadata": {"name": "stuck", "finalizers": finalizers},
        "spec": {"components": [{"componentName": "gone"}]},
    }
    _make(**application)


def runtime_uninstalled() -> None:
    helm.uninstall(demo.RELEASE, namespace=demo.NAMESPACE)


def runtime_deployment_deleted() -> None:
    _delete(RUNTIME)


def runtime_scaled_to_nothing() -> None:
    _patch(RUNTIME, {"spec": {"replicas": 0}})


def runtime_with_another_image() -> None:
    container = {"name": "runtime", "image": "nobody/has:this"}
    _patch(RUNTIME, {"spec": {"template": {"spec": {"containers": [container]}}}})


def runtime_without_rights() -> None:
    _delete(f"{RBAC}/clusterroles/{demo.RUNTIME_DEPLOYMENT}:system:aggregate-to-controller")
    _delete(f"{RBAC}/clusterrolebindings/{demo.RUNTIME_DEPLOYMENT}")


def service_account_deleted() -> None:
    _delete(f"/api/v1/namespaces/{demo.NAMESPACE}/serviceaccounts/{demo.RUNTIME_DEPLOYMENT}")


def _release_secrets() -> list[Json]:
    path = f"/api/v1/namespaces/{demo.NAMESPACE}/secrets"
    answer = active.api().request("GET", path, query={"labelSelector": "owner=helm"})
    return list(answer.get("items") or [])


def release_forgotten() -> None:
    for each in _release_secrets():
        _delete(f"/api/v1/namespaces/{demo.NAMESPACE}/secrets/{each['metadata']['name']}")


def installation_interrupted() -> None:
    for each in _release_secrets():
        path = f"/api/v1/namespaces/{demo.NAMESPACE}/secrets/{each['metadata']['name']}"
        _patch(path, {"metadata": {"labels": {"status": "pending-install"}}})
    _delete(RUNTIME)


def runtime_namespace_stuck() -> None:
    metadata = {"name": "held", "namespace": demo.NAMESPACE, "finalizers": [FINALIZER]}
    _make(apiVersion="v1", kind="ConfigMap", metadata=metadata)
    _delete(f"/api/v1/namespaces/{demo.NAMESPACE}")


def own_namespace_stuck() -> None:
    _make(apiVersion="v1", kind="Namespace", metadata={"name": "team-a"})
    metadata = {"name": "held", "namespace": "team-a", "finalizers": [FINALIZER]}
    _make(apiVersion="v1", kind="ConfigMap", metadata=metadata)
    _delete("/api/v1/namespaces/team-a")


def dead_api_group() -> None:
    spec = {
        "group": "dead.example.org",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "insecureSkipTLSVerify": True,
        "service": {"name": "nobody", "namespace": "default"},
    }
    metadata = {"name": "v1.dead.example.org"}
    _make(apiVersion="apiregistration.k8s.io/v1", kind="APIService", metadata=metadata, spec=spec)
    _make(apiVersion="v1", kind="Namespace", metadata={"name": "team-b"})
    _delete("/api/v1/namespaces/team-b")


def a_kind_deleted() -> None:
    _delete(f"{CRDS}/components.core.oam.dev")


def a_kind_of_an_older_release() -> None:
    path = f"{CRDS}/components.core.oam.dev"
    kind = active.api().request("GET", path)
    properties = kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"][
        "properties"
    ]
    del properties["parameters"]
    active.api().request("PUT", path, body=kind)


def all_kinds_deleted() -> None:
    for item in active.api().request("GET", CRDS)["items"]:
        if item["spec"]["group"] == "core.oam.dev":
            _delete(f"{CRDS}/{item['metadata']['name']}")


def kind_stuck() -> None:
    _app([FINALIZER])
    _delete(f"{CRDS}/applicationconfigurations.core.oam.dev")


def application_stuck() -> None:
    _app([FINALIZER])
    _delete("/apis/core.oam.dev/v1alpha2/namespaces/default/applicationconfigurations/stuck")


def definitions_deleted() -> None:
    for plural in ("workloaddefinitions", "traitdefinitions", "scopedefinitions"):
        path = f"/apis/core.oam.dev/v1alpha2/{plural}"
        try:
            items = active.api().request("GET", path).get("items") or []
        except OamKitError:
            continue
        for item in items:
            _delete(f"{path}/{item['metadata']['name']}")


def own_definition_left() -> None:
    spec = {"definitionRef": {"name": "cronjobs.batch"}}
    metadata = {"name": "cronjobs.batch"}
    _make(
        apiVersion="core.oam.dev/v1alpha2", kind="WorkloadDefinition", metadata=metadata, spec=spec
    )


def foreign_objects_in_the_way() -> None:
    labels = {"app": "mine"}
    container = {"name": "main", "image": demo.APP_IMAGE.tag, "command": ["sleep", "600"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    _make(apiVersion="apps/v1", kind="Deployment", metadata={"name": "web"}, spec=spec)
    port = {"selector": labels, "ports": [{"port": 81}]}
    _make(apiVersion="v1", kind="Service", metadata={"name": "web"}, spec=port)
    metadata = {"name": "web", "finalizers": [FINALIZER]}
    _make(apiVersion="v1", kind="ConfigMap", metadata=metadata)


def application_left() -> None:
    with _unless("no matches", "not found", "could not find"):
        objects.apply("flask-demo/config")


def people_left() -> None:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": "alice"}]
    version = f"{group}/v1"
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        _make(
            apiVersion=version,
            kind=kind,
            metadata={"name": "alice"},
            roleRef=role,
            subjects=subjects,
        )


def webhook_without_an_answer() -> None:
    rule = {
        "apiGroups": ["core.oam.dev"],
        "apiVersions": ["*"],
        "operations": ["*"],
        "resources": ["*"],
    }
    hook = {
        "name": "nobody.example.org",
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        "clientConfig": {"service": {"name": "nobody", "namespace": "default"}},
    }
    version = "admissionregistration.k8s.io/v1"
    kind = "ValidatingWebhookConfiguration"
    _make(apiVersion=version, kind=kind, metadata={"name": "nobody"}, webhooks=[hook])


def a_lesson_left_things_elsewhere() -> None:
    metadata = {"name": "lesson-space", "labels": {"oamkit.dev/lesson": "08"}}
    _make(apiVersion="v1", kind="Namespace", metadata=metadata)
    _make(apiVersion="v1", kind="ConfigMap", metadata={"name": "x", "namespace": "lesson-space"})
    labels = {"oamkit.dev/lesson": "08"}
    metadata = {"name": "lesson-role", "labels": labels}
    _make(
        apiVersion="rbac.authorization.k8s.io/v1", kind="ClusterRole", metadata=metadata, rules=[]
    )


def cluster_stopped() -> None:
    place = active.provider()
    assert isinstance(place, SandboxProvider)
    place._sandbox.down()


BREAKAGES: tuple[Callable[[], None], ...] = (
    runtime_uninstalled,
    runtime_deployment_deleted,
    runtime_scaled_to_nothing,
    runtime_with_another_image,
    runtime_without_rights,
    service_account_deleted,
    release_forgotten,
    installation_interrupted,
    runtime_namespace_stuck,
    own_namespace_stuck,
    dead_api_group,
    a_kind_deleted,
    a_kind_of_an_older_release,
    all_kinds_deleted,
    kind_stuck,
    application_stuck,
    definitions_deleted,
    own_definition_left,
    foreign_objects_in_the_way,
    application_left,
    people_left,
    webhook_without_an_answer,
    a_lesson_left_things_elsewhere,
    cluster_stopped,
)
