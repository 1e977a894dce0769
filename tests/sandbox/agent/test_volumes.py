import base64
from pathlib import Path

import pytest

from oamkit.sandbox.agent.model import Ref, SourceMissingError, TokenKey
from oamkit.sandbox.agent.references import references, token_keys
from oamkit.sandbox.agent.volumes import mounts, unsupported, volume_content

TOKEN = {
    "name": "kube-api-access",
    "projected": {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ],
    },
}


def test_a_service_account_volume_has_token_ca_and_namespace(make_pod, make_inputs):
    key = TokenKey("", 3607)
    inputs = make_inputs(configmaps={"kube-root-ca.crt": {"ca.crt": "PEM"}}, tokens={key: "jwt"})
    pod = make_pod(volumes=[TOKEN])
    files = volume_content(TOKEN, pod, inputs)
    assert {path: file.data for path, file in files.items()} == {
        "token": b"jwt",
        "ca.crt": b"PEM",
        "namespace": b"shop",
    }
    assert token_keys(pod) == {key}
    assert references(pod) == {Ref("ConfigMap", "kube-root-ca.crt")}


def test_items_choose_keys_paths_and_modes(make_pod, make_inputs):
    volume = {
        "name": "v",
        "secret": {
            "secretName": "s",
            "defaultMode": 0o400,
            "items": [{"key": "a", "path": "deep/a"}, {"key": "b", "path": "b", "mode": 0o440}],
        },
    }
    data = {key: base64.b64encode(key.encode()).decode() for key in "abc"}
    files = volume_content(volume, make_pod(), make_inputs(secrets={"s": data}))
    assert {path: (file.data, file.mode) for path, file in files.items()} == {
        "deep/a": (b"a", 0o400),
        "b": (b"b", 0o440),
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "gone"}, 'configmap "gone" not found'),
        ({"name": "c", "items": [{"key": "no", "path": "x"}]}, "non-existent key: no in shop/c"),
        ({"name": "c", "items": [{"key": "a", "path": "../x"}]}, r"must not contain '\.\.'"),
    ],
)
def test_what_is_missing_is_named(make_pod, make_inputs, config, message):
    inputs = make_inputs(configmaps={"c": {"a": "1"}})
    with pytest.raises(SourceMissingError, match=message):
        volume_content({"name": "v", "configMap": config}, make_pod(), inputs)


def test_missing_optional_sources_leave_an_empty_volume(make_pod, make_inputs):
    volume = {"name": "v", "configMap": {"name": "gone", "optional": True}}
    assert volume_content(volume, make_pod(), make_inputs()) == {}


def test_labels_are_written_one_a_line(make_pod, make_inputs):
    pod = make_pod()
    pod["metadata"]["labels"] = {"b": "2", "a": 'with "quotes"'}
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    files = volume_content({"name": "v", "downwardAPI": {"items": [item]}}, pod, make_inputs())
    assert files["labels"].data == b'a="with \\"quotes\\""\nb="2"'


def test_a_claim_is_refused_with_what_to_use_instead():
    message = unsupported([{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}])
    assert "persistentVolumeClaim" in message
    assert "emptyDir" in message
    assert unsupported([{"name": "d", "emptyDir": {}}]) == ""


def test_mounts_come_outermost_first_and_api_content_is_read_only():
    container = {
        "name": "main",
        "volumeMounts": [
            {"name": "data", "mountPath": "/a/b", "subPathExpr": "$(POD)/x"},
            {"name": "conf", "mountPath": "/a"},
        ],
    }
    folders = {"data": Path("/v/data"), "conf": Path("/v/conf")}
    plans = mounts(container, folders, frozenset({"conf"}), {"POD": "web"})
    assert [(str(p.mount.source), p.mount.target, p.mount.read_only, p.make) for p in plans] == [
        ("/v/conf", "/a", True, False),
        ("/v/data/web/x", "/a/b", False, True),
    ]


def test_a_sub_path_must_stay_in_its_volume():
    container = {
        "name": "main",
        "volumeMounts": [{"name": "data", "mountPath": "/a", "subPath": "../../etc"}],
    }
    with pytest.raises(SourceMissingError, match="must not contain"):
        mounts(container, {"data": Path("/v")}, frozenset(), {})
