"""What holds for every ContainerizedWorkload: the Deployment is one that a cluster can run, or the error names a field."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.mutations import mutated

from oamkit.errors import InputError
from oamkit.oam.containerized import Translation, config_maps, translate

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
secrets = st.fixed_dictionaries(
    {"name": st.sampled_from(["s", "Big.Secret", "x" * 80]), "key": st.sampled_from("kl")}
)
files = st.fixed_dictionaries(
    {"path": st.sampled_from(["/a/x", "/a/y", "/b/x", "/x", "/a/b/c.d"])},
    optional={"value": st.text("ab", max_size=2), "fromSecret": secrets},
)
disks = st.fixed_dictionaries({"required": st.just("1Gi")}, optional={"ephemeral": st.booleans()})
volumes = st.fixed_dictionaries(
    {"name": st.sampled_from(["v", "w"]), "mountPath": st.sampled_from(["/v", "/w", "/a"])},
    optional={"disk": disks, "accessMode": st.sampled_from(["RO", "RW"])},
)
ports = st.fixed_dictionaries(
    {"name": st.sampled_from(["http", "dns"]), "containerPort": st.integers(1, 65535)},
    optional={"protocol": st.sampled_from(["TCP", "UDP"])},
)
little = st.fixed_dictionaries({"required": st.just("1")})
containers = st.fixed_dictionaries(
    {"name": st.sampled_from(["one", "two"]), "image": st.just("nginx")},
    optional={
        "config": st.lists(files, max_size=4),
        "ports": st.lists(ports, max_size=2),
        "env": st.lists(st.fixed_dictionaries({"name": st.just("A")}, optional={"value": st.just("b"), "fromSecret": secrets}), max_size=2),
        "imagePullSecret": st.sampled_from(["p", "q"]),
        "resources": st.fixed_dictionaries({"cpu": little, "memory": little}, optional={"volumes": st.lists(volumes, max_size=3)}),
    },
)  # fmt: skip
workloads = st.fixed_dictionaries(
    {
        "apiVersion": st.just("core.oam.dev/v1alpha2"),
        "kind": st.just("ContainerizedWorkload"),
        "metadata": st.just({"name": "web", "namespace": "shop", "uid": "cw-uid"}),
        "spec": st.fixed_dictionaries(
            {"containers": st.lists(containers, max_size=2, unique_by=lambda each: each["name"])},
            optional={"osType": st.sampled_from(["linux", "windows"])},
        ),
    }
)


def translated(workload: Any) -> Translation | str:
    """The translation, or how its absence is explained."""
    try:
        return translate(workload)
    except InputError as error:
        return str(error.message)


@settings(deadline=None, max_examples=150)
@given(workloads)
def test_every_translation_is_whole(workload: dict[str, Any]) -> None:
    before = copy.deepcopy(workload)
    made = translated(workload)
    event("refused" if isinstance(made, str) else "translated")
    assert workload == before, "the input was changed"
    if isinstance(made, str):
        assert made
        return
    assert translated(workload) == made, "it isn't the same each time"
    spec = made.deployment["spec"]
    pod = spec["template"]["spec"]
    selector = spec["selector"]["matchLabels"].items()
    assert selector <= spec["template"]["metadata"]["labels"].items()
    volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
    assert len(volumes) == len(pod.get("volumes", ())), "two volumes have one name"
    mounted = set()
    for container in pod.get("containers", ()):
        mounts = container.get("volumeMounts", [])
        assert {mount["name"] for mount in mounts} <= set(volumes), "a mount without its volume"
        paths = [mount["mountPath"] for mount in mounts]
        assert len(set(paths)) == len(paths), "two mounts of one path"
        mounted |= {mount["name"] for mount in mounts}
    assert mounted == set(volumes), "a volume that nobody mounts"
    assert all(LABEL.fullmatch(name) for name in volumes)
    claims = {claim["metadata"]["name"] for claim in made.claims}
    used = {v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v}  # fmt: skip
    assert used == claims
    maps = {obj["metadata"]["name"]: obj for obj in config_maps(workload, made, "uid")}
    json.dumps([made.deployment, made.service, list(maps.values())])
    if made.service is not None:
        (port,) = made.service["spec"]["ports"]
        declared = {(each["containerPort"], each["protocol"]) for c in pod["containers"] for each in c.get("ports", ())}  # fmt: skip
        assert (port["port"], port["protocol"]) in declared
        assert made.service["spec"]["selector"].items() == selector


@settings(deadline=None, max_examples=150)
@given(workloads.flatmap(lambda good: mutated(good["spec"], names=["path", "value", "ports", "x"])))
def test_whatever_stands_in_the_spec_is_translated_or_explained(spec: Any) -> None:
    metadata = {"name": "web", "namespace": "shop", "uid": "cw-uid"}
    made = translated({"metadata": metadata, "spec": spec if isinstance(spec, dict) else {}})
    assert made
