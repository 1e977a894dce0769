import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.sandbox.agent.environment import (
    command_line,
    environment,
    expand,
    service_environment,
)
from oamkit.sandbox.agent.fields import quantity
from oamkit.sandbox.agent.model import SourceMissingError


@given(st.text(alphabet="abc$()", max_size=12))
def test_text_without_references_survives_expansion(text):
    if "$(" not in text and "$$" not in text:
        assert expand(text, {}) == text


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), st.text(max_size=5)))
def test_an_escaped_reference_is_never_expanded(values):
    for name in values:
        assert expand(f"$$({name})", values) == f"$({name})"


def test_later_sources_win_and_references_see_what_stands_above(make_pod, make_inputs):
    container = {
        "name": "main",
        "envFrom": [
            {"configMapRef": {"name": "base"}},
            {"prefix": "DB_", "secretRef": {"name": "db"}},
        ],
        "env": [
            {"name": "HOST", "value": "example"},
            {"name": "URL", "value": "http://$(HOST):$(WEB_SERVICE_PORT)/$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "COLOUR", "value": "green"},
        ],
    }
    inputs = make_inputs(
        configmaps={"base": {"COLOUR": "red", "SIZE": "1"}},
        secrets={"db": {"PASS": base64.b64encode(b"s3cret").decode()}},
    )
    env = environment(
        container,
        make_pod(),
        inputs,
        image_env=["LANG=C", "SIZE=0"],
        services={"WEB_SERVICE_PORT": "80"},
    )
    assert env["URL"] == "http://example:80/$(LATER)"
    assert env["COLOUR"] == "green"
    assert env["SIZE"] == "1"
    assert env["DB_PASS"] == "s3cret"
    assert env["LANG"] == "C"
    assert env["HOSTNAME"] == "web"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "gone", "key": "a"}}, 'configmap "gone" not found'),
        ({"secretKeyRef": {"name": "gone", "key": "a"}}, 'secret "gone" not found'),
        (
            {"configMapKeyRef": {"name": "base", "key": "no"}},
            "couldn't find key no in ConfigMap shop/base",
        ),
    ],
)
def test_a_missing_source_is_named(make_pod, make_inputs, source, message):
    container = {"name": "main", "env": [{"name": "A", "valueFrom": source}]}
    with pytest.raises(SourceMissingError, match=message):
        environment(container, make_pod(), make_inputs(configmaps={"base": {}}))


def test_a_missing_optional_source_leaves_the_variable_out(make_pod, make_inputs):
    source = {"configMapKeyRef": {"name": "gone", "key": "a", "optional": True}}
    container = {
        "name": "main",
        "env": [{"name": "A", "valueFrom": source}],
        "envFrom": [{"secretRef": {"name": "gone", "optional": True}}],
    }
    assert "A" not in environment(container, make_pod(), make_inputs())


def test_the_downward_api_reaches_variables(make_pod, make_inputs):
    pod = make_pod()
    pod["metadata"]["labels"] = {"app": "web"}
    container = {
        "name": "main",
        "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "64Mi"}},
        "env": [
            {"name": name, "valueFrom": {kind: body}}
            for name, kind, body in (
                ("NAME", "fieldRef", {"fieldPath": "metadata.name"}),
                ("APP", "fieldRef", {"fieldPath": "metadata.labels['app']"}),
                ("IP", "fieldRef", {"fieldPath": "status.podIP"}),
                ("CPU", "resourceFieldRef", {"resource": "limits.cpu"}),
                ("MILLI", "resourceFieldRef", {"resource": "limits.cpu", "divisor": "1m"}),
                ("MEM", "resourceFieldRef", {"resource": "requests.memory", "divisor": "1Mi"}),
                ("MAX", "resourceFieldRef", {"resource": "limits.memory", "divisor": "1Gi"}),
            )
        ],
    }
    pod["spec"]["containers"] = [container]
    env = environment(container, pod, make_inputs(pod_ip="10.244.0.9"))
    wanted = ("NAME", "APP", "IP", "CPU", "MILLI", "MEM", "MAX")
    assert [env[key] for key in wanted] == ["web", "web", "10.244.0.9", "2", "1500", "64", "4"]


def test_an_unknown_field_is_refused(make_pod, make_inputs):
    source = {"fieldRef": {"fieldPath": "spec.nothing"}}
    container = {"name": "main", "env": [{"name": "A", "valueFrom": source}]}
    with pytest.raises(SourceMissingError, match=r"spec\.nothing"):
        environment(container, make_pod(), make_inputs())


def test_services_become_variables_as_the_documentation_has_it():
    service = {
        "metadata": {"name": "redis-primary", "namespace": "shop"},
        "spec": {"clusterIP": "10.96.0.11", "ports": [{"port": 6379, "protocol": "TCP"}]},
    }
    headless = {
        "metadata": {"name": "h", "namespace": "shop"},
        "spec": {"clusterIP": "None", "ports": [{"port": 1}]},
    }
    assert service_environment([service, headless], "shop", links=True) == {
        "REDIS_PRIMARY_SERVICE_HOST": "10.96.0.11",
        "REDIS_PRIMARY_SERVICE_PORT": "6379",
        "REDIS_PRIMARY_PORT": "tcp://10.96.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP": "tcp://10.96.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP_PROTO": "tcp",
        "REDIS_PRIMARY_PORT_6379_TCP_PORT": "6379",
        "REDIS_PRIMARY_PORT_6379_TCP_ADDR": "10.96.0.11",
    }
    assert service_environment([service], "other", links=True) == {}
    assert service_environment([service], "shop", links=False) == {}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, ("entry", "image-arg")),
        ({"command": ["c"]}, ("c",)),
        ({"args": ["a"]}, ("entry", "a")),
        ({"command": ["c"], "args": ["$(X)"]}, ("c", "1")),
    ],
)
def test_command_and_args_replace_what_the_image_says(container, expected):
    assert command_line(container, {"X": "1"}, ("entry",), ("image-arg",)) == expected


@given(st.integers(0, 10**6), st.sampled_from(["", "k", "M", "Ki", "Mi", "m"]))
def test_quantities_keep_their_size(number, suffix):
    factors = {"": 1, "k": 1e3, "M": 1e6, "Ki": 1024, "Mi": 1024**2, "m": 1e-3}
    assert float(quantity(f"{number}{suffix}")) == pytest.approx(number * factors[suffix])


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "5KB", "--1"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="no resource quantity"):
        quantity(text)
