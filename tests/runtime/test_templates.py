"""Templates of definitions, by the real CUE and on a real API server: definitions as KubeVela's users write them, in our own words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    INGRESSES,
    SERVICES,
    Obj,
    Scene,
    application,
    component,
    condition,
    oam,
    play,
)
from support.apiserver import ControlPlane
from test_webhooks import play_with_webhooks, refused

from oamkit.cue.schematic import answer
from oamkit.errors import OamKitError, RenderError
from oamkit.kube import Resource
from oamkit.oam.schematic import CueCall, Template
from oamkit.runtime.templates import Templates

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

WEBSERVICE = """\
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	spec: {
		replicas: parameter.replicas
		selector: matchLabels: app: context.name
		template: {
			metadata: labels: app: context.name
			spec: containers: [{
				name:  context.name
				image: parameter.image
				if parameter["cmd"] != _|_ {
					command: parameter.cmd
				}
				if parameter["env"] != _|_ {
					env: [for key, value in parameter.env {name: key, "value": value}]
				}
				if parameter["port"] != _|_ {
					ports: [{containerPort: parameter.port}]
				}
			}]
		}
	}
}
outputs: {
	if parameter["port"] != _|_ {
		service: {
			apiVersion: "v1"
			kind:       "Service"
			metadata: name: context.name
			spec: {
				selector: app: context.name
				ports: [{port: parameter.port}]
			}
		}
	}
}
parameter: {
	// +usage=Which image runs
	// +short=i
	image: string
	replicas: *1 | int
	cmd?: [...string]
	port?: int & >0 & <65536
	env?: [string]: string
}
"""
WORKER = """\
import "strings"

_labels: {app: context.name, team: strings.ToLower(parameter.team)}
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	spec: {
		selector: matchLabels: _labels
		template: {
			metadata: labels: _labels
			spec: containers: [{name: context.name, image: parameter.image}]
		}
	}
}
parameter: {
	image: string
	team:  *"None" | string
}
"""
GATEWAY = """\
outputs: ingress: {
	apiVersion: "networking.k8s.io/v1"
	kind:       "Ingress"
	metadata: {
		name: context.name
		annotations: from: "\\(context.appName)/\\(context.namespace)"
	}
	spec: rules: [{
		host: parameter.host
		http: paths: [for path, port in parameter.http {
			"path":   path
			pathType: "Prefix"
			backend: service: {name: context.outputs.service.metadata.name, "port": number: port}
		}]
	}]
}
parameter: {
	host: string
	http: [string]: int
}
"""
SIDECAR = """\
patch: {
	// +patchKey=name
	spec: template: spec: containers: [{
		name:  parameter.name
		image: parameter.image
	}]
}
parameter: {name: string, image: string}
"""
ENV = """\
patch: spec: template: spec: {
	// +patchKey=name
	containers: [{
		name: context.name
		// +patchKey=name
		env: [for key, value in parameter {name: key, "value": value}]
	}]
}
parameter: [string]: string
"""
SCALER = """\
patch: spec: {
	// +patchStrategy=retainKeys
	replicas: parameter.replicas
}
parameter: replicas: *2 | int
"""
SETTINGS = """\
outputs: {
	for name, content in parameter.files {
		(name): {
			apiVersion: "v1"
			kind:       "ConfigMap"
			data: content
		}
	}
}
parameter: files: [string]: [string]: string
"""
TRAITS = {
    "gateway": GATEWAY,
    "sidecar": SIDECAR,
    "env": ENV,
    "scaler": SCALER,
    "settings": SETTINGS,
}
REFS = {"gateway": "ingresses.networking.k8s.io", "settings": "configmaps"}
WORKLOADS = Resource("core.oam.dev", "v1alpha2", "workloaddefinitions", "WorkloadDefinition", False)
TRAIT_DEFINITIONS = Resource(
    "core.oam.dev", "v1alpha2", "traitdefinitions", "TraitDefinition", False
)


def definition(kind: str, name: str, template: str, ref: str = "deployments.apps") -> Obj:
    spec = {"definitionRef": {"name": ref}, "schematic": {"cue": {"template": template}}}
    return oam(f"{kind}Definition", name, spec)


async def define(on: Scene) -> None:
    for name, template in {"webservice": WEBSERVICE, "worker": WORKER}.items():
        obj = definition("Workload", name, template)
        obj["metadata"]["labels"] = {"scene": on.namespace}
        await on.client.create(WORKLOADS, obj)
    for name, template in TRAITS.items():
        obj = definition("Trait", name, template, REFS.get(name, "deployments.apps"))
        obj["metadata"]["labels"] = {"scene": on.namespace}
        await on.client.create(TRAIT_DEFINITIONS, obj)


def defined(
    test: Callable[[Scene], Awaitable[None]], how: Callable[[Scene], Awaitable[None]] = define
) -> Callable[[Scene], Awaitable[None]]:
    """A test in a cluster that has the definitions."""

    async def whole(on: Scene) -> None:
        await how(on)
        try:
            await test(on)
        finally:
            kinds = "workloaddefinitions,traitdefinitions"
            await asyncio.to_thread(on.plane.kubectl, "delete", kinds, f"-lscene={on.namespace}")

    return whole


def typed(type_: str, **properties: Any) -> Obj:
    return component({"type": type_, "properties": properties})


def with_traits(**traits: Obj) -> Obj:
    entries = [{"trait": {"name": name, "properties": each}} for name, each in traits.items()]
    return application({"componentName": "web", "traits": entries})


def containers(obj: Obj) -> list[Obj]:
    found: list[Obj] = obj["spec"]["template"]["spec"]["containers"]
    return found


def test_a_few_parameters_become_a_whole_application(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(typed("webservice", image="nginx:1", port=80, env={"A": "1"}, cmd=["run"]))
        await on.create(
            with_traits(
                gateway={"host": "shop.example", "http": {"/": 80}},
                sidecar={"name": "log", "image": "busybox"},
                env={"A": "1", "B": "2"},
                scaler={"replicas": 3},
                settings={"files": {"app": {"a.txt": "x"}}},
            )
        )
        made = await on.there(DEPLOYMENTS, "web")
        assert made["spec"]["replicas"] == 3
        web, log = containers(made)
        assert (web["image"], web["command"], log["name"]) == ("nginx:1", ["run"], "log")
        assert web["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
        service = await on.there(SERVICES, "web")
        assert service["spec"]["ports"][0]["port"] == 80
        ingress = await on.there(INGRESSES, "web")
        rule = ingress["spec"]["rules"][0]
        assert rule["http"]["paths"][0]["backend"]["service"] == {
            "name": "web",
            "port": {"number": 80},
        }
        assert ingress["metadata"]["annotations"]["from"] == f"app/{on.namespace}"
        assert (await on.there(CONFIG_MAPS, "web-app"))["data"] == {"a.txt": "x"}
        app = await on.synced()
        kinds = [each["traitRef"]["kind"] for each in app["status"]["workloads"][0]["traits"]]
        assert kinds == ["Service", "Ingress", "ConfigMap"]
        # Component, parameters and traits can change; what isn't made any more goes.
        spec = {"workload": {"type": "webservice", "properties": {"image": "nginx:2"}}}
        await on.client.merge_patch(
            APPLICATION_CONFIGURATIONS,
            "app",
            {"spec": with_traits(scaler={})["spec"]},
            on.namespace,
        )
        current = await on.get(COMPONENTS, "web")
        assert current is not None
        await on.client.update(COMPONENTS, {**current, "spec": spec})
        await on.there(
            DEPLOYMENTS,
            "web",
            lambda obj: containers(obj)[0]["image"] == "nginx:2" and len(containers(obj)) == 1,
        )
        await on.gone(SERVICES, "web")
        await on.gone(INGRESSES, "web")
        await on.gone(CONFIG_MAPS, "web-app")

    play_with_webhooks(plane, defined(test))


def test_a_changed_template_changes_what_it_made(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(typed("worker", image="busybox", team="Blue"), application())
        made = await on.there(DEPLOYMENTS, "web")
        assert made["spec"]["template"]["metadata"]["labels"]["team"] == "blue"
        new = WORKER.replace("image: parameter.image}", 'image: parameter.image, args: ["-v"]}')
        await on.client.merge_patch(
            WORKLOADS, "worker", {"spec": {"schematic": {"cue": {"template": new}}}}
        )
        await on.there(DEPLOYMENTS, "web", lambda obj: containers(obj)[0].get("args") == ["-v"])

    play_with_webhooks(plane, defined(test))


def test_mistakes_are_refused_when_they_are_applied(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        message = await refused(on, typed("webservice", imag="x"))
        assert "parameter.imag: field not allowed" in message
        assert 'WorkloadDefinition "webservice"' in message
        message = await refused(on, typed("webservice", image="x", port="80"))
        line = WEBSERVICE.splitlines().index("\tport?: int & >0 & <65536") + 1
        assert f"webservice.cue:{line}:9: parameter.port: conflicting values" in message
        # What an application may still give may be missing in the Component, but not in the application.
        await on.create(typed("webservice", port=80))
        assert "parameter.image: incomplete value string" in await refused(on, application())
        await on.create({**typed("worker", image="x"), "metadata": {"name": "fine"}})
        app = with_traits(gateway={"host": 5})
        app["spec"]["components"][0]["componentName"] = "fine"
        assert "parameter.host: conflicting values" in await refused(on, app)

        def wrong(template: str, kind: str = "Workload") -> Obj:
            obj = definition(kind, f"wrong-{on.namespace}", template)
            obj["metadata"]["labels"] = {"scene": on.namespace}
            return obj

        assert "wrong-" in (message := await refused(on, wrong("output: {\n\ta: nothing\n}")))
        assert ':2:5: output.a: reference "nothing" not found' in message
        assert ":1:9: " in await refused(on, wrong("output: ]"))
        assert "context.publishVersion isn't supported" in await refused(
            on, wrong("output: a: context.publishVersion")
        )
        assert 'package "vela/op" undefined' in await refused(
            on, wrong('import "vela/op"\noutput: a: op.#Log')
        )
        assert "patchOutputs isn't supported" in await refused(
            on, wrong("patch: {}\npatchOutputs: {}", "Trait")
        )

    play_with_webhooks(plane, defined(test))


def test_without_webhooks_the_condition_tells(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        written = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"labels": {"workload.oam.dev/type": "webservice"}},
            "properties": {"image": "nginx", "prt": 80},
        }
        await on.create(component(written), application())
        message = await on.failed("field not allowed")
        assert 'cannot render workload for component "web"' in message
        assert "parameter.prt: field not allowed" in message
        current = await on.get(COMPONENTS, "web")
        assert current is not None
        del current["spec"]["workload"]["properties"]["prt"]
        await on.client.update(COMPONENTS, current)
        app = await on.synced()
        assert condition(app)["status"] == "True"
        await on.there(DEPLOYMENTS, "web")

    play(plane, defined(test))


LESSON = Path(__file__).parents[2] / "flask-demo" / "platform" / "definitions"


def test_lesson_12s_templates_through_the_runtime(plane: ControlPlane) -> None:
    refs = {"gateway": "ingresses.networking.k8s.io"}

    async def define_lessons(on: Scene) -> None:
        for file in sorted(LESSON.glob("*.cue")):
            workload = file.stem in ("webservice", "worker")
            kind, resource = ("Workload", WORKLOADS) if workload else ("Trait", TRAIT_DEFINITIONS)
            ref = refs.get(file.stem, "deployments.apps")
            obj = definition(kind, file.stem, file.read_text(), ref)
            obj["metadata"]["labels"] = {"scene": on.namespace}
            await on.client.create(resource, obj)

    async def test(on: Scene) -> None:
        await on.create(typed("webservice", image="flask-sample:v1", replicas=2, env={"A": "1"}))
        worker = typed("worker", image="flask-sample:v1")
        await on.create({**worker, "metadata": {"name": "mailer"}})
        web = {
            "componentName": "web",
            "traits": [{"trait": {"name": "gateway", "properties": {"path": "/shop"}}}],
        }
        mailer = {
            "componentName": "mailer",
            "traits": [{"trait": {"name": "env", "properties": {"SENDER": "a@b.example"}}}],
        }
        await on.create(application(web, mailer))
        made = await on.there(DEPLOYMENTS, "web")
        assert (made["spec"]["replicas"], containers(made)[0]["env"]) == (
            2,
            [{"name": "A", "value": "1"}],
        )
        [path] = (await on.there(INGRESSES, "web"))["spec"]["rules"][0]["http"]["paths"]
        assert (path["path"], path["backend"]["service"]["name"]) == ("/shop", "web")
        assert (await on.there(SERVICES, "web"))["spec"]["ports"][0]["port"] == 80
        other = await on.there(DEPLOYMENTS, "mailer")
        assert containers(other)[0]["env"] == [{"name": "SENDER", "value": "a@b.example"}]
        assert await on.get(SERVICES, "mailer") is None
        await on.synced()
        assert "replica: field not allowed" in await refused(
            on, {**typed("webservice", image="x", replica=3), "metadata": {"name": "typo"}}
        )

    play_with_webhooks(plane, defined(test, define_lessons))


CALL = CueCall("a test", "a.cue", "output: a: 1\n", 1)


def test_each_question_is_asked_once_and_one_at_a_time() -> None:
    asked: list[str] = []
    at_work = threading.Semaphore(1)

    def ask(call: CueCall) -> Obj:
        assert at_work.acquire(blocking=False)
        asked.append(call.file)
        at_work.release()
        return {"file": call.file}

    async def main() -> None:
        templates = Templates(ask)
        calls = [CueCall("", f"{n % 5}", "", 0) for n in range(50)]
        found = await asyncio.gather(*(templates.answer(call) for call in calls))
        assert [each["file"] for each in found if isinstance(each, dict)] == [c.file for c in calls]

    asyncio.run(main())
    assert sorted(asked) == ["0", "1", "2", "3", "4"]


def test_a_passing_failure_is_not_kept_a_real_answer_is() -> None:
    answers = [
        RenderError("slow", code="cue-limit"),
        RenderError("none", code="missing-tool"),
        RenderError("wrong"),
        {"never": "asked"},
    ]

    async def main() -> list[Any]:
        templates = Templates(lambda call: answers.pop(0))
        return [await templates.answer(CALL) for _ in range(4)]

    assert [str(each) for each in asyncio.run(main())] == ["slow", "none", "wrong", "wrong"]


def test_a_hostile_template_is_stopped() -> None:
    doubling = 'a0: "0123456789abcdef"\n' + "".join(
        f'a{n + 1}: "\\(a{n})\\(a{n})"\n' for n in range(40)
    )
    found = answer(CueCall("a test", "a.cue", doubling, 41))
    assert isinstance(found, OamKitError)
    assert found.code == "cue-limit"
    assert "MiB of memory" in found.message


@pytest.mark.parametrize(
    "text", ["\\(context.name)", '"}', "\n", "\x00\x7f", "\\", "\u2028", "_|_"]
)
def test_what_users_write_is_data_never_cue(text: str) -> None:
    found = Template("WorkloadDefinition", "a", "output: t: parameter.t\nparameter: t: string\n")
    assert answer(found.call({"name": "web"}, {"t": text})) == {
        "output": {"t": text},
        "parameter": {"t": text},
        "context": {"name": "web"},
    }


def test_without_the_program_it_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "oamkit_binaries", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = answer(CALL)
    assert isinstance(found, OamKitError)
    assert "the program cue isn't there" in found.message
    assert found.code == "missing-tool"
