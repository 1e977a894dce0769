"""The admission webhooks on a real API server, with certificates of our own. Names carry the contract's numbers."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    DEPLOYMENTS,
    SCOPES,
    Obj,
    Scene,
    application,
    component,
    deployment,
    oam,
    play,
    runtime,
)
from support.apiserver import ControlPlane
from test_data import CRD, FOO
from test_program import CHART, fetch, helm
from test_scopes import DEFINITION, SCOPE, member, refs

from oamkit.errors import ApiError, InputError
from oamkit.kube import Client, Connection, Resource
from oamkit.runtime.certificates import CERTIFICATE, KEY, TRUSTED, renewed
from oamkit.runtime.kinds import SECRETS, WEBHOOK_CONFIGURATIONS
from oamkit.runtime.templates import Templates
from oamkit.runtime.trust import _FileKeeper
from oamkit.runtime.webhooks import PATHS, WebhookSettings

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

WORKLOAD_DEFINITIONS = Resource(
    "core.oam.dev", "v1alpha2", "workloaddefinitions", "WorkloadDefinition", False
)
FIXED = [
    CRD,
    DEFINITION,
    oam("WorkloadDefinition", "deployments.apps", {"definitionRef": {"name": "deployments.apps"}}),
    oam("WorkloadDefinition", "web-service", {"definitionRef": {"name": "deployments.apps"}}),
    oam("TraitDefinition", "foo.example.com", {"definitionRef": {"name": "foo.example.com"}}),
    oam(
        "TraitDefinition",
        "nice",
        {
            "definitionRef": {"name": "foo.example.com"},
            "appliesToWorkloads": ["*.apps"],
        },
    ),
    oam(
        "TraitDefinition",
        "elsewhere",
        {
            "definitionRef": {"name": "foo.example.com"},
            "appliesToWorkloads": ["*.example.com"],
        },
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _definitions(plane: ControlPlane) -> Iterator[None]:
    for obj in FIXED:
        plane.kubectl("apply", "-f", "-", input=json.dumps(obj))
    plane.kubectl("wait", "--for=condition=Established", "crd", "foo.example.com")
    yield
    kinds = "workloaddefinitions,traitdefinitions,scopedefinitions"
    plane.kubectl("delete", kinds, "--all")
    plane.kubectl("delete", "crd", "foo.example.com")


def selector(on: Scene, path: str) -> Obj:
    """What makes a webhook this scene's only; definitions are in no namespace, so those of a scene carry its label."""
    if path.endswith("definitions"):
        return {"objectSelector": {"matchLabels": {"scene": on.namespace}}}
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": on.namespace}}}


def configurations(on: Scene, port: int) -> list[Obj]:
    found = []
    for kind in WEBHOOK_CONFIGURATIONS:
        verb = "mutating" if kind.kind.startswith("Mutating") else "validating"
        webhooks = [
            {
                "name": f"{verb}.{path.rpartition('-')[2]}.core.oam.dev",
                "clientConfig": {"url": f"https://127.0.0.1:{port}{path}"},
                "rules": [
                    {
                        "apiGroups": ["core.oam.dev"],
                        "apiVersions": ["v1alpha2"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [path.rpartition("-")[2]],
                    }
                ],
                **selector(on, path),
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
            }
            for path in PATHS
            if path.startswith(f"/{verb}-")
        ]
        found.append(
            {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {"name": on.namespace},
                "webhooks": webhooks,
            }
        )
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def webhooks(on: Scene, **settings: Any) -> AsyncIterator[int]:
    """The runtime with webhooks that the API server trusts."""
    port = free_port()
    for resource, obj in zip(WEBHOOK_CONFIGURATIONS, configurations(on, port), strict=True):
        await on.client.create(resource, obj)
    how = WebhookSettings(
        address=("127.0.0.1", port),
        names=("127.0.0.1",),
        secret=(on.namespace, "webhook"),
        configuration=on.namespace,
        **settings,
    )
    try:
        async with runtime(on.plane, namespace=on.namespace, webhooks=how):
            if not settings:
                await trusting(on)
            yield port
    finally:
        for resource in WEBHOOK_CONFIGURATIONS:
            await on.client.delete(resource, on.namespace)


async def bundle(on: Scene) -> str:
    secret = await on.there(SECRETS, "webhook", lambda s: TRUSTED in s.get("data", {}))
    found: str = secret["data"][TRUSTED]
    return found


async def trusting(on: Scene) -> None:
    """Wait until both configurations trust what the Secret has."""
    wanted = await bundle(on)
    async with asyncio.timeout(15):
        for resource in WEBHOOK_CONFIGURATIONS:
            while True:
                obj = await on.client.get(resource, on.namespace)
                if all(w["clientConfig"].get("caBundle") == wanted for w in obj["webhooks"]):
                    break
                await asyncio.sleep(0.02)
    await settled(on)


async def settled(on: Scene) -> None:
    """Wait until the API server calls the webhooks with the trust of now; it takes its time to hear of it."""
    probe = component({"type": "none"}, name="probe")
    probe["metadata"]["namespace"] = on.namespace
    async with asyncio.timeout(15):
        while True:
            try:
                await on.client.create(COMPONENTS, probe)
            except ApiError as error:
                if '"none" not found' in error.message:
                    return
            await asyncio.sleep(0.05)


def play_with_webhooks(plane: ControlPlane, test: Any) -> None:
    async def whole(on: Scene) -> None:
        async with webhooks(on):
            await test(on)

    play(plane, whole, with_runtime=False)


async def refused(on: Scene, *objects: Obj) -> str:
    with pytest.raises(ApiError) as caught:
        await on.create(*objects)
    return caught.value.message


def test_9_1_9_2_short_forms_are_written_out_and_work(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        typed = deployment("web")
        del typed["apiVersion"], typed["kind"]
        trait = {"name": "nice", "properties": {"key": "v"}, "metadata": {"name": "my-foo"}}
        await on.create(component({"type": "web-service", **typed}))
        await on.create(application({"componentName": "web", "traits": [{"trait": trait}]}))
        made = await on.there(DEPLOYMENTS, "web")
        assert made["metadata"]["labels"]["workload.oam.dev/type"] == "web-service"
        found = await on.there(FOO, "my-foo")
        assert found["spec"] == {"key": "v"}
        assert found["metadata"]["labels"]["trait.oam.dev/type"] == "nice"
        await on.synced()

    play_with_webhooks(plane, test)


def test_9_3_9_4_what_cannot_work_is_refused(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        assert "unknown type field" in await refused(on, component({"type": 1}))
        assert 'cannot get component "web"' in await refused(on, application())
        await on.create(component(deployment()))
        both = application({"componentName": "web", "revisionName": "web-v1"})
        message = await refused(on, both)
        assert "mutually exclusive" in message
        assert "denied the request" in message
        elsewhere = {"componentName": "web", "traits": [{"trait": {"name": "elsewhere"}}]}
        assert "cannot apply to workload" in await refused(on, application(elsewhere))
        unnamed = {"componentName": "web", "traits": [{"trait": {"name": "unheard-of"}}]}
        assert '"unheard-of" not found' in await refused(on, application(unnamed))
        await on.create(application())
        with pytest.raises(ApiError, match="mutually exclusive"):
            await on.patch(
                APPLICATION_CONFIGURATIONS,
                "app",
                {"spec": {"components": both["spec"]["components"]}},
            )

    play_with_webhooks(plane, test)


def test_14_10_an_application_goes_also_when_all_that_it_names_went_before(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, component(deployment(), name="one"), application(member("one")))
        await on.there(SCOPES, "health", lambda scope: refs(scope) == ["web"])
        await on.client.delete(COMPONENTS, "one", on.namespace)
        await on.client.delete(WORKLOAD_DEFINITIONS, "deployments.apps")
        try:
            await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
            await on.gone(APPLICATION_CONFIGURATIONS, "app")
            await on.there(SCOPES, "health", lambda scope: refs(scope) == [])
        finally:
            await on.client.create(WORKLOAD_DEFINITIONS, FIXED[2])

    play_with_webhooks(plane, test)


def test_9_trust_and_certificate_heal(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        first = await bundle(on)
        for resource in WEBHOOK_CONFIGURATIONS:
            obj = await on.client.get(resource, on.namespace)
            for webhook in obj["webhooks"]:
                webhook["clientConfig"].pop("caBundle")
            await on.client.update(resource, obj)
        await trusting(on)
        assert await bundle(on) == first
        await on.client.delete(SECRETS, "webhook", on.namespace)
        await trusting(on)
        assert await bundle(on) != first
        await on.create(component(deployment()), application())
        await on.synced()

    play_with_webhooks(plane, test)


def test_9_two_replicas_share_one_certificate(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        first = await bundle(on)
        port = free_port()
        how = WebhookSettings(
            ("127.0.0.1", port), names=("127.0.0.1",), secret=(on.namespace, "webhook")
        )
        async with runtime(plane, namespace=on.namespace, webhooks=how):
            context = ssl.create_default_context(cadata=base64.b64decode(first).decode())
            async with asyncio.timeout(10):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                        break
                    except OSError:
                        await asyncio.sleep(0.05)
            writer.close()
            await writer.wait_closed()
        assert await bundle(on) == first

    play_with_webhooks(plane, test)


def files(folder: Path) -> bytes:
    """Write a new certificate into a folder, as a mounted Secret has it; returns whom to trust."""
    data = renewed({}, ("127.0.0.1",), datetime.now(UTC))
    assert data is not None
    for name in (CERTIFICATE, KEY):
        (folder / name).write_bytes(data[name])
    return data[TRUSTED]


def test_10_1_certificates_in_files_are_used_and_followed(
    plane: ControlPlane, tmp_path: Path
) -> None:
    authority = files(tmp_path)

    async def test(on: Scene) -> None:
        async with webhooks(on, cert_dir=tmp_path):
            for resource in WEBHOOK_CONFIGURATIONS:  # whoever made the files does this
                obj = await on.client.get(resource, on.namespace)
                for webhook in obj["webhooks"]:
                    webhook["clientConfig"]["caBundle"] = base64.b64encode(authority).decode()
                await on.client.update(resource, obj)
            await settled(on)
            assert await on.get(SECRETS, "webhook") is None

    play(plane, test, with_runtime=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    keeper = _FileKeeper(tmp_path, context)
    keeper.load()
    before = keeper._loaded
    files(tmp_path)
    keeper.load()
    assert keeper._loaded != before
    (tmp_path / KEY).write_text("nothing")
    with pytest.raises(InputError, match="certificate can't be loaded"):
        keeper.load()


def test_10_1_files_that_are_not_there_are_told_at_the_start(
    plane: ControlPlane, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            from oamkit.runtime.trust import admitting

            with pytest.raises(InputError, match="certificate can't be loaded"):
                async with admitting(
                    client, WebhookSettings(("127.0.0.1", 0), cert_dir=tmp_path), Templates()
                ):
                    pass

    asyncio.run(main())


RELEASE = "hooks"  # not that of other tests: the aggregating controller may bring a role back that was just deleted
NAME = f"{RELEASE}-oam-kubernetes-runtime"
VALUES = ("--set=useWebhook=true", "--set=definitions.create=false")


@pytest.fixture(scope="module")
def chart(plane: ControlPlane) -> Iterator[Path]:
    """The chart with webhooks, and a kubeconfig with the rights that it gives."""
    helm(plane, "install", RELEASE, str(CHART), "-n=oam-system", "--create-namespace", *VALUES)
    for i, role in enumerate((NAME, f"{NAME}:webhook")):
        plane.kubectl(
            "create", "clusterrolebinding", f"hooks-{i}", f"--clusterrole={role}", "--user=runtime"
        )
    role = f"--role={NAME}-webhook"
    plane.kubectl("create", "rolebinding", "hooks", "-n=oam-system", role, "--user=runtime")
    yield plane.kubeconfig_for("runtime-token")
    helm(plane, "uninstall", RELEASE, "-n=oam-system")
    plane.kubectl("delete", "clusterrolebinding", "hooks-0", "hooks-1")
    plane.kubectl("delete", "rolebinding", "hooks", "-n=oam-system")


def as_in_the_chart(port: int) -> WebhookSettings:
    return WebhookSettings(
        address=("127.0.0.1", port),
        names=("127.0.0.1",),
        secret=("oam-system", f"{NAME}-webhook"),
        configuration=NAME,
    )


def test_10_2_an_upgrade_leaves_certificate_and_trust_as_they_are(
    plane: ControlPlane, chart: Path
) -> None:
    async def state(on: Scene) -> list[Any]:
        secret = await on.client.get(SECRETS, f"{NAME}-webhook", "oam-system")
        found = [await on.client.get(resource, NAME) for resource in WEBHOOK_CONFIGURATIONS]
        bundles = {w["clientConfig"].get("caBundle") for obj in found for w in obj["webhooks"]}
        return [secret.get("data"), bundles]

    async def test(on: Scene) -> None:
        how = as_in_the_chart(free_port())
        async with runtime(plane, kubeconfig=chart, webhooks=how), asyncio.timeout(20):
            while True:
                before = await state(on)
                if before[0] and before[1] == {before[0][TRUSTED]}:
                    break
                await asyncio.sleep(0.05)
        args = ("upgrade", RELEASE, str(CHART), "-n=oam-system", *VALUES, "--set=logLevel=debug")
        args += ("--no-hooks",)  # there is no node that would run the Job
        await asyncio.to_thread(helm, plane, *args)
        assert await state(on) == before

    play(plane, test, with_runtime=False)


def test_10_2_the_charts_rights_are_enough_for_its_own_certificate_and_trust(
    plane: ControlPlane, chart: Path
) -> None:
    async def test(on: Scene) -> None:
        port = free_port()
        for resource in WEBHOOK_CONFIGURATIONS:  # no Service leads anywhere here
            obj = await on.client.get(resource, NAME)
            for webhook in obj["webhooks"]:
                path = webhook["clientConfig"].pop("service")["path"]
                assert path in PATHS
                webhook["clientConfig"]["url"] = f"https://127.0.0.1:{port}{path}"
            await on.client.update(resource, obj)
        metrics = free_port()
        async with runtime(
            plane,
            kubeconfig=chart,
            webhooks=as_in_the_chart(port),
            address=("127.0.0.1", metrics),
        ):
            await settled(on)
            # Somebody deletes the Secret: it is made anew, and trusted.
            before = await on.client.get(SECRETS, f"{NAME}-webhook", "oam-system")
            await on.client.delete(SECRETS, f"{NAME}-webhook", "oam-system")
            async with asyncio.timeout(20):
                while True:
                    try:
                        after = await on.client.get(SECRETS, f"{NAME}-webhook", "oam-system")
                        break
                    except ApiError:
                        await asyncio.sleep(0.05)
            assert after["data"][CERTIFICATE] != before["data"][CERTIFICATE]
            await settled(on)
            await on.create(component(deployment()), application())
            await on.synced()
            assert "mutually exclusive" in await refused(
                on, application({"componentName": "web", "revisionName": "web-v1"}, name="bad")
            )
            figures = await asyncio.to_thread(fetch, f"http://127.0.0.1:{metrics}/metrics")
            reviews = "oam_webhook_requests_total"
            assert f'{reviews}{{webhook="mutating-components",result="allowed"}}' in figures
            denied = (
                f'{reviews}{{webhook="validating-applicationconfigurations",result="denied"}} 1'
            )
            assert denied in figures
            count = 'oam_webhook_requests_seconds_count{webhook="validating-components"}'
            assert count in figures
            held = {"metadata": {"finalizers": ["example.com/held"]}}
            await on.patch(APPLICATION_CONFIGURATIONS, "app", held)
        # Without the runtime nothing is made, but what goes can go.
        with pytest.raises(ApiError, match="failed calling webhook"):
            await on.create(component(deployment(), name="other"))
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"metadata": {"finalizers": None}})
        await on.gone(APPLICATION_CONFIGURATIONS, "app")

    play(plane, test, with_runtime=False)
