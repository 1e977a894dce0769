"""A container runtime in memory: containers are tasks that do what their command line says.

=====================  ==============================================================
command line           what the container does
=====================  ==============================================================
``run``                runs until it gets a signal
``stubborn``           runs until SIGKILL
``exit CODE``          ends at once
``missing``            can't be executed
=====================  ==============================================================
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import replace

from oamkit.errors import SandboxError
from oamkit.sandbox.cri import (
    ContainerConfig,
    ContainerState,
    ContainerStatus,
    PodConfig,
    PodStatus,
)


class MemorySession:
    """An exec session whose program says its arguments and ends; ``fail N`` ends with N, ``cat`` gives back its input."""

    def __init__(self, argv):
        self.stdin = self.stdout = self.stderr = None
        self.argv = list(argv)
        self.closed = False
        self.sizes = []

    async def open(self):
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stderr.feed_eof()
        if self.argv[0] == "cat":
            self.stdin = _Echo(self.stdout)
        else:
            self.stdout.feed_data(" ".join(self.argv).encode())
            self.stdout.feed_eof()
        return self

    async def resize(self, width, height):
        self.sizes.append((width, height))

    async def wait(self):
        if self.argv[0] == "cat":
            await self.stdin.closed.wait()
        if self.argv[0] == "hang":
            await asyncio.Event().wait()
        return int(self.argv[1]) if self.argv[0] == "fail" else 0

    async def close(self):
        self.closed = True


class _Echo:
    def __init__(self, reader):
        self._reader = reader
        self.closed = asyncio.Event()

    def write(self, data):
        self._reader.feed_data(data)

    async def drain(self):
        pass

    def close(self):
        if not self.closed.is_set():
            self._reader.feed_eof()
            self.closed.set()


class MemoryRuntime:
    def __init__(self):
        self.pod_configs: dict[str, PodConfig] = {}
        self.starts: dict[tuple[str, str, int], ContainerConfig] = {}
        self.runs: dict[tuple[str, str, int], ContainerStatus] = {}
        self.ends: dict[tuple[str, str, int], asyncio.Event] = {}
        self.signals: list[tuple[str, int]] = []
        self.ports: dict[int, int] = {}
        self.sessions: list[MemorySession] = []

    def by_name(self, name):
        """All starts of a container, in order."""
        return [c for key, c in sorted(self.starts.items()) if key[1] == name]

    async def start(self):
        pass

    async def close(self):
        pass

    def _status(self, uid):
        runs = tuple(run for key, run in self.runs.items() if key[0] == uid)
        number = list(self.pod_configs).index(uid) + 2
        return PodStatus(self.pod_configs[uid], f"10.244.0.{number}", runs)

    async def pods(self):
        return tuple(self._status(uid) for uid in self.pod_configs)

    async def start_pod(self, config):
        self.pod_configs[config.uid] = config
        return self._status(config.uid)

    async def remove_pod(self, uid):
        for key in [key for key in self.runs if key[0] == uid]:
            self._end(key, 137)
        self.pod_configs.pop(uid, None)

    async def start_container(self, uid, config):
        if uid not in self.pod_configs:
            raise SandboxError("no such Pod")
        key = (uid, config.name, config.attempt)
        assert key not in self.starts, f"{key} was started twice"
        self.starts[key] = config
        self.ends[key] = asyncio.Event()
        status = ContainerStatus(
            config.name,
            config.attempt,
            "-".join(map(str, key)),
            ContainerState.RUNNING,
            time.time(),
        )
        self.runs[key] = status
        word = config.argv[0]
        if word == "missing":
            self._end(key, 127, reason="ContainerCannotRun", message="no such program")
        elif word == "exit":
            self._end(key, int(config.argv[1]))
        return self.runs[key]

    def _end(self, key, code, *, reason="", message=""):
        run = self.runs[key]
        if run.state is ContainerState.EXITED:
            return
        self.runs[key] = replace(
            run,
            state=ContainerState.EXITED,
            finished_at=time.time(),
            exit_code=code,
            reason=reason or ("Error" if code else "Completed"),
            message=message,
        )
        self.ends[key].set()

    def end(self, name, code):
        """Let the newest start of a container end."""
        self._end(max(key for key in self.runs if key[1] == name), code)

    async def wait_container(self, uid, name, attempt):
        await self.ends[uid, name, attempt].wait()
        return self.runs[uid, name, attempt]

    async def signal_container(self, uid, name, number):
        self.signals.append((name, number))
        key = max(key for key in self.runs if key[:2] == (uid, name))
        if number == signal.SIGKILL or self.starts[key].argv[0] != "stubborn":
            self._end(key, 128 + number)

    async def exec(self, uid, name, argv, *, stdin, tty):
        if argv[0] == "nosuch":
            raise SandboxError('exec: "nosuch": not found')
        session = await MemorySession(argv).open()
        self.sessions.append(session)
        return session

    async def attach(self, uid, name):
        return await self.exec(uid, name, ["cat"], stdin=True, tty=False)

    async def connect(self, uid, port):
        return await asyncio.open_connection("127.0.0.1", self.ports.get(port, port))
