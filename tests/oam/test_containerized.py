"""What a ContainerizedWorkload stands for. Numbers in names are those of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import InputError
from oamkit.oam.containerized import Translation, config_maps, translate

MARK = {"containerizedworkload.oam.crossplane.io": "cw-uid"}
OWNER = {
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "ContainerizedWorkload",
    "name": "web",
    "uid": "cw-uid",
    "controller": True,
    "blockOwnerDeletion": True,
}


def workload(*containers: dict[str, Any], metadata: Any = (), **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "ContainerizedWorkload",
        "metadata": {"name": "web", "namespace": "shop", "uid": "cw-uid", **dict(metadata)},
        "spec": {"containers": list(containers), **spec},
    }


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "nginx", **fields}


def pod(translation: Translation) -> dict[str, Any]:
    made: dict[str, Any] = translation.deployment["spec"]["template"]["spec"]
    return made


def made(**fields: Any) -> dict[str, Any]:
    """The Pod's container made of one with these fields."""
    found: dict[str, Any] = pod(translate(workload(container(**fields))))["containers"][0]
    return found


def test_11_4_64_an_empty_workload_is_a_selector_and_the_label_for_it() -> None:
    deployment = translate(workload()).deployment
    assert deployment["metadata"]["name"] == "web"
    assert deployment["metadata"]["ownerReferences"] == [OWNER]
    assert deployment["metadata"]["labels"] == MARK  # by it we find what is ours
    assert deployment["spec"] == {
        "selector": {"matchLabels": MARK},
        "template": {"metadata": {"labels": MARK}, "spec": {}},
    }


def test_11_4_65_labels_go_to_the_pods_too_and_annotations_to_the_deployment_only() -> None:
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    metadata = {"labels": {"app": "x"}, "annotations": {"note": "y", last_applied: "{}"}}
    deployment = translate(workload(metadata=metadata)).deployment
    assert deployment["metadata"]["labels"] == {"app": "x", **MARK}
    assert deployment["metadata"]["annotations"] == {"note": "y"}
    assert deployment["spec"]["template"]["metadata"] == {"labels": {"app": "x", **MARK}}
    assert deployment["spec"]["selector"]["matchLabels"] == MARK


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        ({"osType": "linux"}, {"kubernetes.io/os": "linux"}),
        ({"arch": "arm64"}, {"kubernetes.io/arch": "arm64"}),
        (
            {"osType": "windows", "arch": "i386"},
            {"kubernetes.io/os": "windows", "kubernetes.io/arch": "386"},
        ),
    ],
)
def test_11_4_66_and_14_14_system_and_architecture_are_labels_of_nodes(
    spec: Any, selector: Any
) -> None:
    assert pod(translate(workload(**spec)))["nodeSelector"] == selector


def test_11_4_67_variables_have_a_value_or_a_secret_else_they_are_dropped() -> None:
    secret = {"name": "s", "key": "k"}
    env = [
        {"name": "A", "value": ""},
        {"name": "B", "fromSecret": secret},
        {"name": "C", "value": "c", "fromSecret": secret},
        {"name": "D"},
    ]
    assert made(env=env)["env"] == [
        {"name": "A", "value": ""},
        {"name": "B", "valueFrom": {"secretKeyRef": secret}},
        {"name": "C", "value": "c"},
    ]


def test_11_4_68_resources_are_requests_and_what_is_left_out_is_zero() -> None:
    assert made(resources={})["resources"] == {"requests": {"cpu": "0", "memory": "0"}}
    both = {"cpu": {"required": "2"}, "memory": {"required": "1Gi"}, "gpu": {"required": "1"}}
    assert made(resources=both)["resources"] == {"requests": {"cpu": "2", "memory": "1Gi"}}
    assert "resources" not in made()


def test_11_4_68_volumes_are_mounted_and_there() -> None:
    volumes = [
        {"name": "scratch", "mountPath": "/tmp/x"},
        {"name": "cache", "mountPath": "/c", "disk": {"required": "1Gi", "ephemeral": True}},
        {"name": "data", "mountPath": "/d", "accessMode": "RO", "disk": {"required": "2Gi"}},
        {
            "name": "all",
            "mountPath": "/a",
            "sharingPolicy": "Shared",
            "disk": {"required": "3Gi"},
        },
    ]
    translation = translate(
        workload(
            container(resources={"volumes": volumes}),
            container(name="second", resources={"volumes": volumes[:1]}),
        )
    )
    assert pod(translation)["volumes"] == [
        {"name": "scratch", "emptyDir": {}},
        {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
        {"name": "all", "persistentVolumeClaim": {"claimName": "web-all"}},
    ]
    first, second = pod(translation)["containers"]
    assert first["volumeMounts"][2] == {"name": "data", "mountPath": "/d", "readOnly": True}
    assert second["volumeMounts"] == [{"name": "scratch", "mountPath": "/tmp/x"}]
    assert [
        (claim["metadata"]["name"], claim["spec"]["accessModes"]) for claim in translation.claims
    ] == [("web-data", ["ReadWriteOnce"]), ("web-all", ["ReadWriteMany"])]
    assert translation.claims[0]["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    assert translation.claims[0]["metadata"]["ownerReferences"] == [OWNER]


def test_11_4_69_the_service_has_the_first_port_of_the_first_container_only() -> None:
    ports = [{"name": "http", "containerPort": 80}, {"name": "admin", "containerPort": 81}]
    other = [{"name": "other", "containerPort": 90}]
    service = translate(workload(container(ports=ports), container(ports=other))).service
    assert service is not None
    assert service["metadata"]["labels"] == MARK
    assert service["spec"] == {
        "type": "ClusterIP",
        "selector": MARK,
        "ports": [{"name": "web", "port": 80, "targetPort": 80, "protocol": "TCP"}],
    }


def test_6_2_a_port_of_a_later_container_and_its_protocol_count_and_without_any_there_is_no_service() -> (
    None
):
    ports = [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]
    service = translate(workload(container(), container(name="b", ports=ports))).service
    assert service is not None
    assert service["spec"]["ports"] == [
        {"name": "web", "port": 53, "targetPort": 53, "protocol": "UDP"}
    ]
    assert translate(workload(container())).service is None


def test_11_4_70_files_come_by_config_map_and_by_secret() -> None:
    config = [
        {"path": "/test/path/config", "value": "x"},
        {"path": "/secrets/pw", "fromSecret": {"name": "s", "key": "k"}},
    ]
    made_pod = pod(translate(workload(container(config=config))))
    name = "web-main-3972676475"
    assert made_pod["volumes"] == [
        {"name": name, "configMap": {"name": name}},
        {"name": "s", "secret": {"secretName": "s", "items": [{"key": "k", "path": "k"}]}},
    ]
    assert made_pod["containers"][0]["volumeMounts"] == [
        {"name": name, "mountPath": "/test/path/"},
        {"name": "s", "mountPath": "/secrets/pw"},
    ]


def test_11_4_71_a_config_map_is_named_by_the_path_and_its_key_by_the_file() -> None:
    source = workload(
        container(config=[{"path": "/test/path/configmap", "value": "x"}]),
        metadata={"labels": {"app": "x"}},
    )
    (made_map,) = config_maps(source, translate(source), "deployment-uid")
    assert made_map["metadata"]["name"].startswith("web-main-")
    assert made_map["metadata"]["labels"] == {"app": "x", **MARK}
    assert made_map["metadata"]["ownerReferences"][0]["uid"] == "deployment-uid"
    assert made_map["data"] == {"configmap": "x"}


def test_6_3_two_files_of_one_directory_share_a_mount() -> None:
    config = [{"path": "/etc/app/a", "value": "1"}, {"path": "/etc/app/b", "value": "2"}]
    made_pod = pod(translate(workload(container(config=config))))
    (volume,) = made_pod["volumes"]
    assert len(volume["projected"]["sources"]) == 2
    (mount,) = made_pod["containers"][0]["volumeMounts"]
    assert mount == {"name": volume["name"], "mountPath": "/etc/app/"}


def test_6_3_two_keys_of_one_secret_are_two_volumes_of_different_names() -> None:
    config = [
        {"path": path, "fromSecret": {"name": "My.Secret", "key": path[1:]}}
        for path in ("/a", "/b")
    ]
    first, second = pod(translate(workload(container(config=config))))["volumes"]
    assert first["name"] != second["name"]
    for volume in (first, second):
        assert volume["secret"]["secretName"] == "My.Secret"
        assert volume["name"].replace("-", "").isalnum()


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"path": "/a/b"}, "spec.containers[0].config[0]"),
        ({"path": "b", "value": "x"}, "spec.containers[0].config[0].path"),
        ({"path": "/a/", "value": "x"}, "spec.containers[0].config[0].path"),
    ],
)
def test_6_3_a_file_that_makes_no_sense_is_told_by_its_field(entry: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        translate(workload(container(config=[entry])))
    assert caught.value.field == field


def test_6_1_probes_ports_commands_and_pull_secrets_are_the_same_in_other_words() -> None:
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 0, "timeoutSeconds": 3}
    fields = {
        "command": ["a"],
        "args": ["b"],
        "ports": [{"name": "http", "containerPort": 80}],
        "livenessProbe": probe,
        "readinessProbe": {"exec": {"command": ["true"]}},
        "imagePullSecret": "registry",
    }
    translation = translate(workload(container(**fields), container(name="b", **fields)))
    first = pod(translation)["containers"][0]
    assert first["command"] == ["a"]
    assert first["args"] == ["b"]
    assert first["ports"] == [{"name": "http", "containerPort": 80, "protocol": "TCP"}]
    assert first["livenessProbe"] == probe
    assert first["readinessProbe"] == {"exec": {"command": ["true"]}}
    assert pod(translation)["imagePullSecrets"] == [{"name": "registry"}]
    assert "replicas" not in translation.deployment["spec"]
