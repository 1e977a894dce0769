"""The chart: what it makes, what its hooks may and do, and upgrades from the release before. Names carry the contract's numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from scene import COMPONENTS, CONFIG_MAPS, Obj, Scene, play, runtime
from support.apiserver import ControlPlane
from test_program import CHART, helm

from oamkit.errors import WaitTimeoutError
from oamkit.kube import Client, Connection
from oamkit.runtime import crds, trial
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS, CRDS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

BEFORE = Path(__file__).parent / "charts" / "oam-kubernetes-runtime-0.1.0.tgz"
"""The chart of the release before, as ``helm package`` made it."""
RELEASE = "chart"
NAME = f"{RELEASE}-oam-kubernetes-runtime"
CRD = "healthscopes.core.oam.dev"


def rendered(plane: ControlPlane, *options: str) -> list[Obj]:
    text = helm(plane, "template", RELEASE, str(CHART), "--namespace=oam-system", *options).stdout
    return [obj for obj in yaml.safe_load_all(text) if obj]


def of_kind(objects: list[Obj], kind: str) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] == kind]


def pods(objects: list[Obj]) -> list[Obj]:
    """The specs of all Pods, however they come to be."""
    templates = [obj["spec"].get("template", obj)["spec"] for obj in objects if obj["kind"] in ("Deployment", "Job", "Pod")]  # fmt: skip
    assert len(templates) == 3
    return templates


def test_10_2_no_pod_of_the_chart_has_more_power_than_it_needs(plane: ControlPlane) -> None:
    for pod in pods(rendered(plane, "--set=useWebhook=true")):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["image"] == "oamkit/oam-kubernetes-runtime:0.1.0"
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_10_2_pods_of_hooks_have_a_node_also_where_replicas_that_are_kept_apart_have_them_all(
    plane: ControlPlane,
) -> None:
    """A required anti-affinity counts both ways: whom it is about may not come to a replica's node either."""
    labels = {"app.kubernetes.io/instance": RELEASE}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    fits = {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}  # fmt: skip
    nodes = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [fits]}}
    apart = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    affinity = {"nodeAffinity": nodes, "podAntiAffinity": apart}
    objects = rendered(plane, f"--set-json=affinity={json.dumps(affinity)}")
    (deployment,) = of_kind(objects, "Deployment")
    assert deployment["spec"]["template"]["spec"]["affinity"] == affinity
    (job,), (pod,) = of_kind(objects, "Job"), of_kind(objects, "Pod")
    for each in (job["spec"]["template"], pod):
        assert each["spec"]["affinity"] == {"nodeAffinity": nodes}
        assert not labels.items() & each["metadata"]["labels"].items()


def test_10_2_the_pod_security_standard_restricted_lets_all_pods_in(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "strict")
    plane.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
    try:
        for number, spec in enumerate(pods(rendered(plane))):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod{number}"}, "spec": spec}  # fmt: skip
            plane.kubectl("-n", "strict", "create", "--dry-run=server", "-f", "-", input=json.dumps(pod))  # fmt: skip
        spec["securityContext"] = {}
        bad = json.dumps(pod | {"spec": spec})
        said = plane.kubectl("-n", "strict", "create", "--dry-run=server", "-f", "-", input=bad, check=False)  # fmt: skip
        assert "violates PodSecurity" in said
    finally:
        plane.kubectl("delete", "namespace", "strict", "--wait=false")


def test_10_2_a_network_policy_is_there_for_who_wants_it(plane: ControlPlane) -> None:
    assert of_kind(rendered(plane), "NetworkPolicy") == []
    on = ("--set=networkPolicy.enabled=true",)
    (policy,) = of_kind(rendered(plane, *on), "NetworkPolicy")
    assert policy["spec"]["ingress"] == []
    (deployment,) = of_kind(rendered(plane, *on), "Deployment")
    chosen = policy["spec"]["podSelector"]["matchLabels"].items()
    assert chosen <= deployment["spec"]["template"]["metadata"]["labels"].items()
    peers = '--set-json=networkPolicy.metricsFrom=[{"namespaceSelector":{}}]'
    (policy,) = of_kind(rendered(plane, *on, "--set=useWebhook=true", peers), "NetworkPolicy")
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [
        [{"port": "metrics"}],
        [{"port": "webhook"}],
    ]
    policy["metadata"]["namespace"] = "default"
    plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(policy))
    refused = helm(plane, "template", str(CHART), *on, "--set=networkPolicy.ports=1", check=False)
    assert "networkPolicy" in refused.stderr


def test_10_2_cert_manager_brings_the_certificate_if_it_is_named(plane: ControlPlane) -> None:
    key = r"--set=webhook.annotations.cert-manager\.io/inject-ca-from=oam-system/oam-webhook"
    made = rendered(plane, "--set=useWebhook=true", "--set=webhook.existingSecret=oam-tls", key)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        (configuration,) = of_kind(made, kind)
        # cert-manager fills caBundle in here; one of the chart's own would be in its way.
        assert configuration["metadata"]["annotations"] == {
            "cert-manager.io/inject-ca-from": "oam-system/oam-webhook"
        }
        assert all("caBundle" not in each["clientConfig"] for each in configuration["webhooks"])
    (deployment,) = of_kind(made, "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert f"--webhook-cert-dir={mount['mountPath']}" in spec["containers"][0]["args"]
    assert spec["volumes"] == [{"name": mount["name"], "secret": {"secretName": "oam-tls"}}]
    # Nothing of certificates of our own is left: neither the Secret nor rights over it.
    assert of_kind(made, "Secret") == []
    assert [obj for obj in of_kind(made, "Role") if "webhook" in obj["metadata"]["name"]] == []


def hook_rights(plane: ControlPlane, template: str) -> list[Obj]:
    """What a hook may do, given to the user ``runtime`` instead of to its service account."""
    made = rendered(plane, "--show-only", template)
    roles = [obj for obj in made if obj["kind"] in ("Role", "ClusterRole")]
    bindings = [obj for obj in made if obj["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    assert len(roles) == len(bindings) == 1
    group = "rbac.authorization.k8s.io"
    bindings[0]["subjects"] = [{"apiGroup": group, "kind": "User", "name": "runtime"}]
    for obj in [*roles, *bindings]:
        if "namespace" in obj["metadata"]:
            obj["metadata"]["namespace"] = "default"
    return [*roles, *bindings]


@contextmanager
def allowed(plane: ControlPlane, template: str) -> Iterator[Path]:
    """A kubeconfig with the rights of a hook, and no others."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": hook_rights(plane, template)})
    plane.kubectl("apply", "-f", "-", input=text)
    try:
        yield plane.kubeconfig_for("runtime-token")
    finally:
        plane.kubectl("delete", "-f", "-", input=text)


def test_10_2_the_crds_are_brought_up_to_date_by_the_rights_of_their_job(
    plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = rendered(plane, "--show-only", "templates/crds.yaml")
    (files,) = of_kind(made, "ConfigMap")
    for name, text in files["data"].items():
        (tmp_path / name).write_text(text)
    assert sorted(files["data"]) == sorted(path.name for path in (CHART / "crds").iterdir())

    async def main() -> tuple[Obj, Obj]:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            live = await client.get(CRDS, CRD)
            wanted = json.loads(json.dumps(live["spec"]))
            # As an older release may have had it: a field more, a column less, and somebody's label.
            (version,) = live["spec"]["versions"]
            version["schema"]["openAPIV3Schema"]["properties"]["old"] = {"type": "string"}
            del version["additionalPrinterColumns"]
            live["metadata"].setdefault("labels", {})["theirs"] = "stays"
            await client.update(CRDS, live)
            with allowed(plane, "templates/crds.yaml") as kubeconfig:
                for _ in range(2):
                    code = await asyncio.to_thread(crds.main, [str(tmp_path), f"--kubeconfig={kubeconfig}"])  # fmt: skip
                    assert code == 0
            return wanted, await client.get(CRDS, CRD)

    wanted, live = asyncio.run(main())
    assert live["spec"] == wanted
    assert live["metadata"]["labels"]["theirs"] == "stays"
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines[:8] if "as it was" not in line] == [f"{CRD}: upgraded"]
    assert all("as it was" in line for line in lines[8:])
    # Without these rights it says what failed.
    assert crds.main([str(tmp_path), f"--kubeconfig={plane.kubeconfig_for('runtime-token')}"]) == 1
    assert "forbidden" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no"),
        ("a: [", "can't be read"),
        ("kind: Secret", "holds no"),
        (None, "no *.yaml"),
    ],
)
def test_10_2_what_is_no_crd_is_told(
    text: str | None, said: str, tmp_path: Path, plane: ControlPlane, capsys: Any
) -> None:
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)
    assert crds.main([str(tmp_path), f"--kubeconfig={plane.kubeconfig}"]) == 1
    assert said in capsys.readouterr().err


def test_10_2_helm_test_tries_an_application_by_rights_that_are_enough_and_leaves_nothing(
    plane: ControlPlane,
) -> None:
    said: list[str] = []

    async def left(client: Client) -> list[str]:
        lists = [await client.list(kind, "default") for kind in (COMPONENTS, APPLICATION_CONFIGURATIONS, CONFIG_MAPS)]  # fmt: skip
        return [obj["metadata"]["name"] for each in lists for obj in each["items"] if obj["metadata"]["name"].startswith("oam-trial")]  # fmt: skip

    async def test(on: Scene) -> None:
        with allowed(plane, "templates/tests/application.yaml") as kubeconfig:
            async with Client(Connection.from_kubeconfig(kubeconfig)) as client:
                async with runtime(plane, namespace="default"):
                    await trial.trial(client, "default", seconds=20, say=said.append)
                assert len(said) == 3
                assert await left(on.client) == []
                # Without a runtime it fails, says so, and takes away what it made.
                with pytest.raises(WaitTimeoutError, match="didn't do its part"):
                    await trial.trial(client, "default", seconds=0.5, say=said.append)
                assert await left(on.client) == []

    play(plane, test, with_runtime=False)


def test_10_2_a_release_of_before_is_upgraded_and_goes_without_a_trace(plane: ControlPlane) -> None:
    def objects() -> set[str]:
        kinds = "deployments,serviceaccounts,roles,rolebindings,networkpolicies,secrets,services"
        wide = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,workloaddefinitions,traitdefinitions,scopedefinitions"  # fmt: skip
        found = plane.kubectl(
            "get", kinds, "-n=oam-system", "-o=name", "-l=app.kubernetes.io/instance=chart"
        )
        found += plane.kubectl("get", wide, "-l=app.kubernetes.io/instance=chart", "-o=name")
        return set(found.split())

    where = ("--namespace=oam-system", "--create-namespace")
    # The kinds are there already, of today.
    helm(plane, "install", RELEASE, str(BEFORE), *where, "--set=useWebhook=true", "--skip-crds")
    try:
        before = objects()
        # There is no node that would run the Job of the CRDs; the sandbox's tests have one.
        values = ("--reset-then-reuse-values", "--set=networkPolicy.enabled=true")
        helm(plane, "upgrade", RELEASE, str(CHART), where[0], *values, "--no-hooks")
        after = objects()
        assert before <= after
        assert {f"networkpolicy.networking.k8s.io/{NAME}"} == after - before
        notes = helm(plane, "get", "notes", RELEASE, where[0]).stdout
        assert f"helm test {RELEASE}" in notes
    finally:
        helm(plane, "uninstall", RELEASE, where[0])
    assert {each for each in objects() if RELEASE in each.partition("/")[2]} == set()
