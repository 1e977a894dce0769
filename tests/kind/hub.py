"""A JupyterHub in the container of the single-user image: it starts the servers of two people, whose doors are then tried.

Run inside the container, by its Python. What a hub needs besides and the image hasn't is a proxy; the servers are called where they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

API = "http://127.0.0.1:8081/hub/api"
TOKEN = "the-test-s-own-token"
SECONDS = 120
CONFIG = f"""
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    routes = {{}}
    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {{"routespec": routespec, "target": target, "data": data}}
    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)
    async def get_all_routes(self):
        return self.routes

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = [{{"name": "test", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:servers", "tokens"]}}]
c.Authenticator.allow_all = True
c.Spawner.cmd = ["jupyterhub-singleuser"]
c.Spawner.notebook_dir = "/srv/oamkit"
c.Spawner.env_keep = ["PATH", "JUPYTER_CONFIG_PATH", "JUPYTER_PATH"]
"""


def call(url: str, token: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Return the status of an answer, and what it holds."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"token {token}"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(what: str, condition: Any) -> Any:
    """Wait for a condition, and return what it returned."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if found := condition():
                return found
        except urllib.error.URLError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {SECONDS} s: {what}")
        time.sleep(0.2)


def server(name: str) -> tuple[str, str]:
    """Have the hub start somebody's server; return where it is, and a token of theirs."""
    assert call(f"{API}/users/{name}", TOKEN, "POST")[0] == 201
    status, found = call(f"{API}/users/{name}/server", TOKEN, "POST")
    assert status in (201, 202), found
    until(f"{name}'s server", lambda: call(f"{API}/users/{name}", TOKEN)[1]["servers"][""]["ready"])
    port = until("its address", lambda: port_of(name))
    status, made = call(f"{API}/users/{name}/tokens", TOKEN, "POST", {})
    assert status == 201, made
    return f"http://127.0.0.1:{port}/user/{name}/api/contents/notebooks", made["token"]


def port_of(name: str) -> str:
    """The port that the server was told, in its environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            values = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        environ = dict(value.partition("=")[::2] for value in values)
        if environ.get("JUPYTERHUB_USER") == name:
            return environ["JUPYTERHUB_SERVICE_URL"].split(":")[2].partition("/")[0]
    return ""


def main() -> None:
    """Start the hub, look, and stop it."""
    folder = Path(mkdtemp())
    (folder / "jupyterhub_config.py").write_text(CONFIG)
    log = (folder / "log").open("w+")
    hub = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub"], cwd=folder, stdout=log, stderr=log, env=os.environ
    )
    try:
        until("the hub", lambda: call(API + "/", TOKEN)[0] == 200)
        people = {name: server(name) for name in ("anna", "ben")}
        for name, (url, token) in people.items():
            status, found = call(url, token)
            assert (status, found["path"]) == (200, "notebooks"), (name, status, found)
            for stranger in ("", *(other for who, (_, other) in people.items() if who != name)):
                assert call(url, stranger)[0] == 403, (name, stranger)
    except BaseException:
        log.flush()
        print((folder / "log").read_text()[-6000:], file=sys.stderr)
        raise
    finally:
        hub.terminate()
        hub.wait(30)
    print("both at home, neither at the other's")


if __name__ == "__main__":
    main()
