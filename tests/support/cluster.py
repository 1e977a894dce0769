"""A whole sandbox, used the way a person does: by the programs ``oamkit`` and ``kubectl``."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from support.layers import lent_layers

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
IMAGE = "flask-sample:v1"

Object = dict[str, Any]
Done = subprocess.CompletedProcess[str]


class Cluster:
    """A sandbox in an ``OAMKIT_HOME`` of its own, with the image of ``flask-demo`` in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "data" / "sandbox"
        self.kubeconfig = self.folder / "kubeconfig"
        self.env = {**os.environ, "OAMKIT_HOME": str(home), "KUBECONFIG": str(self.kubeconfig)}
        self.env["PATH"] = f"{BIN}:{os.environ['PATH']}"
        self._numbers = itertools.count(1)

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """Start one of the kit's programs; the caller ends it."""
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(
            [str(BIN / argv[0]), *argv[1:]],
            env=self.env,
            cwd=ROOT,
            **{"text": True, **pipe, **options},
        )

    def run(self, *argv: str, input: str = "", check: bool = True, timeout: float = 60) -> Done:
        """Run one of the kit's programs to its end."""
        done = subprocess.run(
            [str(BIN / argv[0]), *argv[1:]],
            env=self.env,
            cwd=ROOT,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        words = f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert not check or done.returncode == 0, words
        return done

    def up(self) -> None:
        self.run("oamkit", "sandbox", "up", timeout=110)

    def status(self) -> Object:
        status: Object = json.loads((self.folder / "state.json").read_text())
        return status

    def component(self, name: str) -> int:
        """The process id of a component, as this machine sees it."""
        from oamkit.sandbox.lifecycle import Sandbox

        state = Sandbox().status()
        assert state is not None
        pid = next(each.pid for each in state.components if each.name == name)
        assert pid is not None
        return pid

    def namespace(self) -> Namespace:
        """Make a namespace of a new name."""
        name = f"test-{next(self._numbers)}"
        self.run("kubectl", "create", "namespace", name)
        return Namespace(self, name)

    def fetch(self, host: str, path: str = "/") -> tuple[int, str]:
        """Ask the Ingress for a page: status code and body."""
        url = f"http://127.0.0.1:{self.status()['ports']['http']}{path}"
        request = urllib.request.Request(url, headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


class Namespace:
    """A namespace of a cluster, and what is typed there."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def kubectl(self, *argv: str, **options: Any) -> Done:
        return self.cluster.run("kubectl", "-n", self.name, *argv, **options)

    def says(self, *argv: str, **options: Any) -> str:
        """What ``kubectl`` prints, with what it complains of."""
        done = self.kubectl(*argv, **options)
        return done.stdout + done.stderr

    def refused(self, *argv: str, **options: Any) -> str:
        """What ``kubectl`` says when it fails."""
        done = self.kubectl(*argv, check=False, **options)
        assert done.returncode != 0, done.stdout
        return done.stderr

    @contextlib.contextmanager
    def started(self, *argv: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
        """A ``kubectl`` that runs beside the test."""
        with self.cluster.start("kubectl", "-n", self.name, *argv, **options) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait(10)

    def apply(self, *objects: Object) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "-f", "-", input=text)

    def get(self, kind: str, name: str) -> Object:
        found: Object = json.loads(self.kubectl("get", kind, name, "-o", "json").stdout)
        return found

    def wait(self, what: str, condition: str, seconds: int = 30) -> None:
        """``kubectl wait``, also for an object that isn't there yet."""
        flag = f"--for={condition}"
        eventually(
            lambda: self.kubectl("get", what, check=False).returncode == 0, what=f"{what} is there"
        )
        self.kubectl("wait", what, flag, f"--timeout={seconds}s")

    def ready(self, *pods: str) -> None:
        for pod in pods:
            self.wait(f"pod/{pod}", "condition=Ready")

    def logs(self, *argv: str) -> str:
        return self.kubectl("logs", *argv).stdout

    def events(self, name: str) -> list[Object]:
        """The events of an object, oldest first."""
        selector = f"--field-selector=involvedObject.name={name}"
        text = self.kubectl("get", "events", selector, "-o", "json").stdout
        items: list[Object] = json.loads(text)["items"]
        return items

    def python(self, pod: str, code: str) -> str:
        """What a Python program prints in a Pod."""
        return self.kubectl("exec", pod, "--", "python", "-c", code).stdout.strip()


class Terminal:
    """A program at a terminal of its own; what it prints is compared as it comes."""

    def __init__(self, cluster: Cluster, *argv: str, rows: int = 24, columns: int = 80) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        self.process = subprocess.Popen(
            [str(BIN / argv[0]), *argv[1:]],
            env={**cluster.env, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def expect(self, text: str, *, within: float = 30) -> None:
        """Read on until some text has come; what stood before it is forgotten."""
        deadline = time.monotonic() + within
        while text not in self.text:
            assert self._read(deadline), f"{text!r} isn't in {self.text!r}"
        self.text = self.text.partition(text)[2]

    def ends(self, *, within: float = 30) -> int:
        """Wait for the end of the program, and return its exit code."""
        deadline = time.monotonic() + within
        while self._read(deadline):
            pass
        return self.process.wait(10)

    def _read(self, deadline: float) -> bool:
        if not select.select([self._ours], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # EIO: nobody has the other end open
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A sandbox that is up and knows the image of ``flask-demo``; all of it is gone afterwards."""
    from oamkit import paths

    home = Path(tempfile.mkdtemp(prefix="oamkit-e2e-"))
    cluster = Cluster(home)
    before = os.environ.get("OAMKIT_HOME")
    os.environ["OAMKIT_HOME"] = str(home)
    try:
        with lent_layers(home):
            with cluster.start("oamkit", "build", "flask-demo", "-t", IMAGE) as build:
                cluster.up()
                words, _ = build.communicate(timeout=120)
                assert build.returncode == 0, words
            yield cluster
    finally:
        cluster.run("oamkit", "sandbox", "down", check=False)
        cluster.run("oamkit", "sandbox", "reset", "--yes", check=False)
        shutil.rmtree(paths.runtime(), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
        os.environ.pop("OAMKIT_HOME")
        if before is not None:
            os.environ["OAMKIT_HOME"] = before


def eventually(condition: Callable[[], Any], *, within: float = 30, what: str = "") -> Any:
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"didn't happen within {within} s: {what or condition}"
        time.sleep(0.1)
    return value


def container(*command: str, name: str = "main", image: str = IMAGE, **rest: Any) -> Object:
    asked = {"command": list(command)} if command else {}
    return {"name": name, "image": image, **asked, **rest}


def python(code: str, **rest: Any) -> Object:
    """A container that runs a Python program."""
    return container("python", "-u", "-c", code, **rest)


SLEEP = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"


def sleeper(**rest: Any) -> Object:
    """A container that does nothing, and ends when it is asked to."""
    return python(SLEEP, **rest)


def pod(name: str, *containers: Object, labels: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 5, **spec},
    }


def template(app: str, *containers: Object, **spec: Any) -> Object:
    """A Pod template, whose Pods have the label ``app``."""
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 5, **spec},
    }


def workload(kind: str, name: str, *containers: Object, **spec: Any) -> Object:
    """A Deployment, StatefulSet or DaemonSet."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, *containers),
            **spec,
        },
    }


def web(**rest: Any) -> Object:
    """A container of flask-demo, as its image starts it."""
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}
    return container(name="web", readinessProbe=probe, ports=[{"containerPort": 80}], **rest)


def service(name: str, *, port: int = 80, app: str = "", **spec: Any) -> Object:
    ports = [{"port": port, "name": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app or name}, "ports": ports, **spec},
    }


def ingress(name: str, host: str, *rules: tuple[str, str, str]) -> Object:
    """An Ingress of one host; rules are path, path type and Service."""
    paths = [
        {
            "path": path,
            "pathType": path_type,
            "backend": {"service": {"name": target, "port": {"number": 80}}},
        }
        for path, path_type, target in rules
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": [{"host": host, "http": {"paths": paths}}]},
    }
