"""What only the loopback layout promises; run by ``runtime_driver.py``."""

from __future__ import annotations

import asyncio
import json
import os
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.sandbox.cri import Mount
from oamkit.sandbox.loopback import LoopbackRuntime, end_pods

if TYPE_CHECKING:
    from runtime_driver import World

SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, bind={bind!r}, port={port})"

FIRST_PORT = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def python_image(world: World) -> Path:
    """An image as the kit builds them: a virtual environment at /usr/local."""
    rootfs = world.folder / "python-image"
    if not rootfs.exists():
        venv.create(rootfs / "usr/local", symlinks=True, with_pip=False)
        (rootfs / "app").mkdir()
        (rootfs / "app/data.txt").write_text("from the image\n")
        tool = rootfs / "usr/local/bin/tool"
        tool.write_text("#!/usr/local/bin/python\nimport sys\nprint(sys.prefix)\nsys.exit(4)\n")
        tool.chmod(0o755)
    return rootfs


async def a_script_runs_with_the_images_interpreter(world: World) -> None:
    for argv in (["tool"], ["/usr/local/bin/tool"], ["sh", "-c", "exec tool"]):
        ended = await world.run(*argv, rootfs=python_image(world))
        assert ended.status.exit_code == 4, ended
        root = ended.pod.config.directory / "runtime/main.0/root"
        assert world.output(ended.pod).strip() == f"{root}/usr/local"


async def python_opens_the_containers_files(world: World) -> None:
    volume = world.folder / "token-volume"
    volume.mkdir(exist_ok=True)
    (volume / "token").write_text("secret\n")
    program = (
        "import os, pathlib\n"
        "print(open('/app/data.txt').read(), end='')\n"
        "folder = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount')\n"
        "print((folder / 'token').read_text(), end='')\n"
        "print(os.listdir(folder), folder.exists(), os.path.exists('/no/such'))\n"
        "pathlib.Path('/app/new').write_text('x')\n"
    )
    ended = await world.run(
        "python",
        "-c",
        program,
        rootfs=python_image(world),
        mounts=(Mount(volume, "/var/run/secrets/kubernetes.io/serviceaccount"),),
    )
    expected = "from the image\nsecret\n['token'] True False\n"
    assert world.output(ended.pod) == expected
    assert not (world.folder / "python-image/app/new").exists()


async def localhost_is_the_pods_own(world: World) -> None:
    pods = [await world.pod() for _ in range(2)]
    for pod, bind in zip(pods, ("127.0.0.1", "::"), strict=True):
        await world.start(pod, world.python, "-c", SERVER.format(bind=bind, port=8099))
    for pod in pods:
        assert b"200 OK" in await world.fetch(pod, 8099)
        fetch = "import urllib.request as u; print(u.urlopen('http://localhost:8099/').status)"
        assert (await world.exec(pod, world.python, "-c", fetch))[1] == b"200\n"


async def a_socket_has_the_pods_address(world: World) -> None:
    program = "import socket; s = socket.create_server(('', 0)); print(s.getsockname()[0], socket.gethostname())"
    ended = await world.run(world.python, "-c", program)
    assert world.output(ended.pod).split() == [ended.pod.ip, ended.pod.config.hostname]


async def asyncio_listens_and_connects_as_well(world: World) -> None:
    program = (
        "import asyncio\n"
        "async def answer(reader, writer):\n"
        "    writer.write(b'hello'); writer.close(); await writer.wait_closed()\n"
        "async def main():\n"
        "    server = await asyncio.start_server(answer, '0.0.0.0', 8098)\n"
        "    reader, writer = await asyncio.open_connection('127.0.0.1', 8098)\n"
        "    print((await reader.read()).decode()); writer.close(); server.close()\n"
        "asyncio.run(main())\n"
    )
    ended = await world.run(world.python, "-c", program)
    assert world.output(ended.pod) == "hello\n", ended.log


async def names_of_services_are_looked_up_in_the_cluster(world: World) -> None:
    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
            questions = data[12:]
            known = questions.startswith(b"\x03web\x07default\x03svc\x07cluster\x05local\x00")
            header = data[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\x01"
            answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04" + bytes((127, 96, 0, 77))
            counts = (b"\0\x01" if known else b"\0\0") + bytes(4)
            self.transport.sendto(header + counts + questions + (answer if known else b""), sender)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    server = "{}:{}".format(*transport.get_extra_info("sockname"))
    pod = await world.pod(nameservers=(server,), hosts={"127.0.0.9": ("db",)})
    program = (
        "import socket\n"
        "for name in ('web', 'web.default', 'web.default.svc.cluster.local', 'db', '127.0.0.3'):\n"
        "    print(socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)[0][4][0], socket.gethostbyname(name))\n"
    )
    ended = await world.run(world.python, "-c", program, pod=pod)
    transport.close()
    assert world.output(pod).splitlines() == [
        *["127.96.0.77 127.96.0.77"] * 3,
        "127.0.0.9 127.0.0.9",
        "127.0.0.3 127.0.0.3",
    ], ended.log


async def a_port_for_root_is_refused_in_clear_words(world: World) -> None:
    if os.getuid() == 0 or FIRST_PORT <= 80:
        return
    ended = await world.run(world.python, "-c", SERVER.format(bind="0.0.0.0", port=80))
    assert "ports below 1024 are for root" in world.output(ended.pod)


async def a_sitecustomize_of_the_image_is_loaded_too(world: World) -> None:
    folder = world.folder / "own"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("print('its own')\n")
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)}
    ended = await world.run(world.python, "-c", "import socket", env=env)
    assert world.output(ended.pod) == "its own\n"


async def all_pods_end_with_the_sandbox(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sh", "-c", "setsid sleep 11111 & echo up; wait")
    await world.until_output(pod, "up")
    assert isinstance(world.runtime, LoopbackRuntime)
    end_pods(world.pods_dir)
    status = await world.soon(world.runtime.wait_container(pod.config.uid, "main", 0))
    assert status.exit_code == 137


async def what_left_its_session_ends_with_the_pod(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sh", "-c", "setsid sleep 22222 & echo up; wait")
    await world.until_output(pod, "up")
    status = json.loads((pod.config.directory / "runtime/main.0/status.json").read_text())
    os.kill(status["shim"][0], 9)  # nobody adopts its orphans any more
    await world.runtime.remove_pod(pod.config.uid)
    await world.until(lambda: not world.running("sleep 22222"), "the end of the process")
