"""The course's demo where namespaces are refused, as in the containers of Binder and of most hubs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.layers import lent_layers

from oamkit.errors import InputError
from oamkit.sandbox import prepare
from oamkit.sandbox.agent.assembly import where_pods_live
from oamkit.sandbox.config import Layout

ROOT = Path(__file__).parents[2]


def test_the_layout_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in Layout:
        monkeypatch.setenv("OAMKIT_SANDBOX_LAYOUT", str(layout))
        assert prepare.best_layout() is layout
    monkeypatch.setenv("OAMKIT_SANDBOX_LAYOUT", "klingon")
    with pytest.raises(InputError, match="namespaced, loopback"):
        prepare.best_layout()


@pytest.mark.parametrize(
    ("layout", "pod", "node"),
    [
        (Layout.LOOPBACK, "127.244.3.7", "127.0.0.1"),
        (Layout.NAMESPACED, "10.244.3.7", "10.244.0.1"),
    ],
)
def test_what_listens_at_the_node_is_found_there_and_not_among_the_pods(
    layout: Layout, pod: str, node: str
) -> None:
    config: Any = SimpleNamespace(layout=layout, node_ip=layout.node_ip, pod_cidr="10.244.0.0/16")
    assert where_pods_live(config, "10.244.3.7", 80) == (pod, 80)
    assert where_pods_live(config, layout.node_ip, 6443) == (node, 6443)


LISTEN = """
import asyncio, socket, sys
sys.path.insert(0, sys.argv[1])
import oamkit_pod_network
oamkit_pod_network.install({"ip": "10.244.9.7", "home": "127.244.9.7", "prefix": "10.244.", "hostname": "web"})

async def main():
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    server = await asyncio.start_server(lambda reader, writer: writer.close(), None, port)
    reader, writer = await asyncio.open_connection("10.244.9.7", port)
    writer.close()
    server.close()
    print("reached")

asyncio.run(main())
"""


def test_a_program_that_listens_on_all_addresses_of_both_families_is_reached() -> None:
    hook = ROOT / "oamkit" / "sandbox" / "loopback_hook"
    done = subprocess.run(
        [sys.executable, "-c", LISTEN, str(hook)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "reached\n", done.stderr


@pytest.mark.sandbox
@pytest.mark.notebooks
@pytest.mark.timeout(300)
def test_the_course_s_demo_runs_where_namespaces_are_refused(tmp_path: Path) -> None:
    """As in Binder's container: an ordinary container of an ordinary user may make no namespaces, so the loopback layout is taken."""
    env = {
        **os.environ,
        "OAMKIT_HOME": str(tmp_path / "home"),
        "OAMKIT_SANDBOX_LAYOUT": "loopback",
        "OAMKIT_PROVIDER": "sandbox",
    }
    code = (
        "import sys, pathlib\nfrom oamkit.course.runner import run_course\n"
        "done = run_course(['06'], output=pathlib.Path(sys.argv[1]))\n"
        "print(done.lessons[-1].failure)\nsys.exit(not done.passed)"
    )
    try:
        with lent_layers(tmp_path / "home"):
            done = _run(env, "-c", code, str(tmp_path / "out"))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        assert "Hello World from Flask" in done.stdout
        status = _run(env, "-m", "oamkit.cli", "sandbox", "status").stdout
        assert re.search(r"layout +loopback", status), status
    finally:
        _run(env, "-m", "oamkit.cli", "sandbox", "reset", "--yes")


def _run(env: dict[str, str], *argv: str) -> Any:
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280
    )
