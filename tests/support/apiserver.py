"""A real control plane for tests: etcd and kube-apiserver, with kube-controller-manager if asked for, on loopback.

Identities are bearer tokens (``--token-auth-file``). Nothing is left behind: programs are
stopped by their process id, and all files are below the folder that is given.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from oamkit.runtime.certificates import CERTIFICATE, KEY, TRUSTED, renewed

__all__ = ["ADMIN_TOKEN", "ControlPlane", "control_plane", "program"]

ADMIN_TOKEN = "admin-token-for-tests"
START_SECONDS = 60.0


def program(name: str) -> str:
    """Where a program is: in the folder ``OAMKIT_TEST_BIN``, else in the wheel ``oamkit-binaries``."""
    folder = os.environ.get("OAMKIT_TEST_BIN")
    if folder:
        return str(Path(folder) / name)
    import oamkit_binaries

    return str(oamkit_binaries.path(name))


def free_ports(number: int) -> list[int]:
    """Ports that nobody listened on a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


@dataclass
class ControlPlane:
    """A control plane below one folder.

    Args:
        folder: For data, logs and certificates.
        users: From a bearer token to its user's name; the admin is always there.
        audited: Whether the API server keeps an audit log, see :meth:`audit`.
    """

    folder: Path
    users: dict[str, str] = field(default_factory=dict)
    audited: bool = False
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._etcd_port, self._etcd_peer_port, self._port = free_ports(3)
        self.kubeconfig = self._write_kubeconfig("admin", ADMIN_TOKEN)
        # Tests make connections by the thousand: signing with such a key takes a tenth of what the server's own kind takes.
        made = renewed({}, ("127.0.0.1",), datetime.now(UTC)) or {}
        for name in (TRUSTED, CERTIFICATE, KEY):
            (self.folder / name).write_bytes(made[name])
        (self.folder / "tokens.csv").write_text(
            f"{ADMIN_TOKEN},admin,admin,system:masters\n"
            + "".join(f"{token},{user},{user}\n" for token, user in self.users.items())
        )
        (self.folder / "sa.key").write_bytes(
            rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def pid(self, name: str) -> int:
        """The process id of one of its programs."""
        return self._processes[name].pid

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig file of another user."""
        return self._write_kubeconfig(self.users[token], token)

    def start(self, *, controller_manager: bool = False) -> None:
        """Start everything, and wait until the API server is ready."""
        self._start_etcd()
        self.start_api_server()
        if controller_manager:
            self.start_controller_manager()

    def start_controller_manager(self) -> None:
        """Start the controllers that deploy and reap. The reaper looks for new CRDs only every 30 s: make yours first."""
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={free_ports(1)[0]}",
            "--controllers=garbage-collector-controller,namespace-controller,"
            "serviceaccount-controller,deployment-controller,replicaset-controller,"
            "clusterrole-aggregation-controller",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            f"--cert-dir={self.folder / 'kcm'}",
        )

    def start_api_server(self) -> None:
        """Start the API server, and wait until it is ready."""
        sa_key = self.folder / "sa.key"
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--tls-cert-file={self.folder / CERTIFICATE}",
            f"--tls-private-key-file={self.folder / KEY}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={sa_key}",
            f"--service-account-signing-key-file={sa_key}",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            "--shutdown-delay-duration=0s",
            *self._audit_flags(),
        )
        self._wait_ready()

    def _audit_flags(self) -> list[str]:
        if not self.audited:
            return []
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        }
        path = self.folder / "audit-policy.json"
        path.write_text(json.dumps(policy))
        return [f"--audit-policy-file={path}", f"--audit-log-path={self.folder / 'audit.log'}"]

    def stop_api_server(self) -> None:
        """Stop the API server at once, as a crash does; etcd keeps the objects."""
        self._end("kube-apiserver")

    def stop(self) -> None:
        """Stop everything at once: nobody needs what it would save."""
        for name in list(self._processes):
            self._end(name)

    def kubectl(self, *args: str, input: str | None = None, check: bool = True) -> str:
        """Run the real kubectl as the admin; returns what it printed."""
        done = subprocess.run(
            [program("kubectl"), f"--kubeconfig={self.kubeconfig}", *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(self.folder)},
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout + ("" if check else done.stderr)

    def audit(self, user: str = "") -> Iterator[Any]:
        """What was asked of the API server until now, each request when it was answered [of one user].

        https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
        """
        for line in (self.folder / "audit.log").read_text().splitlines():
            entry = json.loads(line)
            if not user or entry["user"]["username"] == user:
                yield entry

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start_etcd(self) -> None:
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{self._etcd_port}",
            f"--advertise-client-urls=http://127.0.0.1:{self._etcd_port}",
            f"--listen-peer-urls=http://127.0.0.1:{self._etcd_peer_port}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{self._etcd_peer_port}",
            f"--initial-cluster=default=http://127.0.0.1:{self._etcd_peer_port}",
            "--unsafe-no-fsync",
        )

    def _run(self, name: str, *args: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [program(name), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    "HOME": str(self.folder),
                    "GOMAXPROCS": "2",
                    "GOGC": os.environ.get("GOGC", "100"),
                },
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def _wait_ready(self) -> None:
        context = ssl._create_unverified_context()
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise AssertionError(f"{name} ended:\n{self.log(name)[-3000:]}")
            request = http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=5, context=context
            )
            with contextlib.closing(request), contextlib.suppress(OSError):
                request.request("GET", "/readyz")
                if request.getresponse().status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready:\n{self.log('kube-apiserver')[-3000:]}")

    def trusting_kubeconfig(self, file: Path) -> Path:
        """Write the administrator's kubeconfig so that it trusts the authority of the server's certificate."""
        config = json.loads(self.kubeconfig.read_text())
        authority = str(self.folder / TRUSTED)
        config["clusters"][0]["cluster"] = {
            "server": self.server,
            "certificate-authority": authority,
        }
        file.write_text(json.dumps(config))
        return file

    def _write_kubeconfig(self, user: str, token: str) -> Path:
        path = self.folder / f"{user}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.server, "insecure-skip-tls-verify": True},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
        }
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path


@contextlib.contextmanager
def control_plane(
    folder: Path,
    *,
    controller_manager: bool = False,
    users: dict[str, str] | None = None,
    audited: bool = False,
) -> Iterator[ControlPlane]:
    """A control plane that is stopped at the end, however that comes."""
    plane = ControlPlane(folder, users or {}, audited)
    try:
        plane.start(controller_manager=controller_manager)
        yield plane
    finally:
        plane.stop()
