"""What only the namespaced layout promises; run by ``runtime_driver.py``."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.sandbox import linux
from oamkit.sandbox.cri import Mount

if TYPE_CHECKING:
    from runtime_driver import World

SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=80)"


async def a_pod_has_its_own_etc(world: World) -> None:
    pod = await world.pod(hosts={"10.1.2.3": ("db", "db.example")})
    script = "hostname; cat /etc/hostname /etc/resolv.conf; grep -E 'db|web' /etc/hosts; id -un"
    await world.run("sh", "-c", script, pod=pod)
    name = pod.config.hostname
    assert world.output(pod).splitlines() == [
        name,
        name,
        "nameserver 10.96.0.10",
        "search default.svc.cluster.local svc.cluster.local",
        "options ndots:5",
        f"{pod.ip}\t{name}",
        "10.1.2.3\tdb db.example",
        "root",
    ]


async def a_container_sees_its_own_processes_only(world: World) -> None:
    ended = await world.run("sh", "-c", "echo $$; echo /proc/[0-9]*")
    assert world.output(ended.pod) == "1\n/proc/1\n"


async def the_host_is_not_visible_but_for_what_is_lent(world: World) -> None:
    home = world.folder / "home"
    home.mkdir(exist_ok=True)
    (home / "secret").write_text("x")
    ended = await world.run("sh", "-c", f"ls -A /; ls {home} /home /root/.ssh")
    assert ended.status.exit_code == 2
    names = {text.decode() for stream, _, text in ended.log if stream == "stdout"}
    lent = {path.parts[1] for path in world.config(ended.pod, ["true"]).host_paths}
    assert names <= lent | {
        "dev",
        "proc",
        "sys",
        "etc",
        "tmp",
        *(path.name for path in world.rootfs.iterdir()),
    }


async def privileges_are_dropped(world: World) -> None:
    ended = await world.run("grep", "-E", "^(CapEff|CapBnd|NoNewPrivs)", "/proc/self/status")
    # Docker's 14: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, …
    assert world.output(ended.pod).split() == [
        "CapEff:", "00000000a80425fb", "CapBnd:", "00000000a80425fb", "NoNewPrivs:", "1",
    ]  # fmt: skip


async def the_machine_cannot_be_changed(world: World) -> None:
    script = (
        "for f in /usr/x /bin/x /sys/x /proc/sys/kernel/hostname /proc/sysrq-trigger; do"
        " (echo 1 > $f) 2>/dev/null && echo wrote $f; done; mount -t tmpfs none /tmp && echo mounted; true"
    )
    ended = await world.run("sh", "-c", script)
    assert [text for stream, _, text in ended.log if stream == "stdout"] == []


async def what_the_image_has_wins_over_what_the_host_lends(world: World) -> None:
    rootfs = world.folder / "image-with-usr"
    (rootfs / "usr/local/bin").mkdir(parents=True, exist_ok=True)
    (rootfs / "usr/local/bin/greet").write_text("#!/bin/sh\necho from the image\n")
    (rootfs / "usr/local/bin/greet").chmod(0o755)
    script = (
        "greet; test -e /usr/bin/env && echo host; echo 1 > /usr/local/new && cat /usr/local/new"
    )
    ended = await world.run("sh", "-c", script, rootfs=rootfs)
    assert world.output(ended.pod).splitlines() == ["from the image", "host", "1"]
    assert not (rootfs / "usr/local/new").exists()


async def a_link_in_an_image_does_not_lead_out_of_it(world: World) -> None:
    rootfs = world.folder / "image-with-links"
    outside = world.folder / "outside"
    outside.mkdir(exist_ok=True)
    if not rootfs.exists():
        rootfs.mkdir()
        (rootfs / "data").symlink_to(outside)
        (rootfs / "etc").symlink_to(outside)
    volume = world.folder / "volume"
    volume.mkdir(exist_ok=True)
    mounts = (Mount(volume, "/data/deep"),)
    ended = await world.run("sh", "-c", "ls /data", rootfs=rootfs, mounts=mounts)
    assert "deep" in world.output(ended.pod)
    assert list(outside.iterdir()) == []


async def a_read_only_volume_cannot_be_written_to(world: World) -> None:
    volume = world.folder / "volume"
    volume.mkdir(exist_ok=True)
    (volume / "sub").mkdir(exist_ok=True)
    mounts = (Mount(volume, "/data", read_only=True), Mount(world.folder, "/data/sub"))
    script = "echo 1 > /data/x; echo 1 > /data/sub/written"
    await world.run("sh", "-c", script, mounts=mounts)
    assert not (volume / "x").exists()
    assert (world.folder / "written").exists()


async def a_file_can_be_a_volume(world: World) -> None:
    file = world.folder / "config.yaml"
    file.write_text("a: 1\n")
    ended = await world.run(
        "cat", "/etc/app/config.yaml", mounts=(Mount(file, "/etc/app/config.yaml"),)
    )
    assert world.output(ended.pod) == "a: 1\n"


async def a_read_only_root_takes_volumes_all_the_same(world: World) -> None:
    volume = world.folder / "volume"
    volume.mkdir(exist_ok=True)
    script = "(echo 1 > /x) 2>/dev/null || echo refused; echo 1 > /data/y && echo 1 > /dev/shm/z && echo fine"
    ended = await world.run(
        "sh", "-c", script, mounts=(Mount(volume, "/data"),), read_only_rootfs=True
    )
    assert [text for stream, _, text in ended.log if stream == "stdout"] == [b"refused", b"fine"]


async def the_writable_layer_ends_with_the_container(world: World) -> None:
    pod = await world.pod()
    await world.run("sh", "-c", "echo 1 > /left; chmod 0 /left; mkdir -m 0 /dir", pod=pod)
    folder = pod.config.directory / "runtime/main.0"
    await world.until(lambda: not (folder / "layers").exists(), "removing the layer")
    ended = await world.run("ls", "/left", pod=pod, attempt=1)
    assert ended.status.exit_code == 2


async def sigterm_without_a_handler_is_ignored_as_by_any_first_process(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    await world.runtime.signal_container(pod.config.uid, "main", 15)
    code, _, _ = await world.exec(pod, "true")
    assert code == 0


async def a_pod_reaches_services_by_the_node_and_itself_too(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, world.python, "-c", SERVER)
    await world.fetch(pod, 80)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        backend_reader, backend = await asyncio.open_connection(pod.ip, 80)
        backend.write(request.replace(b"Connection", b"X-Connection"))
        backend.write_eof()
        writer.write(await backend_reader.read())
        for each in (backend, writer):
            each.close()
            await each.wait_closed()

    server = await asyncio.start_server(relay, "10.96.0.50", 80)
    fetch = "import urllib.request as u; print(u.urlopen('http://10.96.0.50/').status)"
    code, out, err = await world.exec(pod, world.python, "-c", fetch)
    server.close()
    await server.wait_closed()
    assert (code, out) == (0, b"200\n"), err


async def a_pod_in_the_hosts_network_has_the_nodes_address(world: World) -> None:
    pod = await world.pod(host_network=True)
    assert pod.ip == "10.244.0.1"
    await world.start(pod, world.python, "-c", SERVER.replace("80", "8088"))
    assert b"200 OK" in await world.fetch(pod, 8088)


async def the_nodes_hardware_address_stays_as_pods_come_and_go(world: World) -> None:
    node = Path("/sys/class/net/oamkit0/address")
    if not node.exists():  # the driver's namespace may show the host's /sys
        linux.mount("sysfs", "/sys", kind="sysfs")
    before = node.read_text()
    pods = [await world.pod() for _ in range(3)]
    assert node.read_text() == before
    for pod in pods:
        await world.runtime.remove_pod(pod.config.uid)
    assert node.read_text() == before


async def containers_of_a_pod_share_its_network(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, world.python, "-c", SERVER)
    await world.fetch(pod, 80)
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1/').status)"
    log = pod.config.directory / "second.log"
    second = await world.start(pod, world.python, "-c", fetch, name="second", log_path=log)
    status = await world.runtime.wait_container(pod.config.uid, second.name, 0)
    assert status.exit_code == 0, log.read_text()


async def where_no_layer_can_be_kept_on_disk_it_is_kept_in_memory(world: World) -> None:
    folders = [world.folder / f"overlay/{name}" for name in ("lower", "upper", "work", "merged")]
    for folder in folders:
        folder.mkdir(parents=True)
    lower, upper, work, merged = map(str, folders)
    options = f"userxattr,lowerdir={lower},upperdir={upper},workdir={work}"
    linux.mount("overlay", merged, "overlay", options=options)
    try:
        pod = await world.pod(directory=folders[-1] / "pod")
        await world.run("sh", "-c", "echo 1 > /new && cat /new", pod=pod)
        assert world.output(pod) == "1\n"
        await world.runtime.remove_pod(pod.config.uid)
    finally:
        linux.umount(merged)


async def a_pod_comes_back_after_the_sandbox_was_restarted(world: World) -> None:
    pod = await world.pod()
    await world.run("true", pod=pod)
    folder = pod.config.directory / "runtime"
    world.runtime._network.disconnect(folder, IPv4Address(pod.ip))  # type: ignore[attr-defined]
    world.runtime = world.new_runtime()
    await world.runtime.start()
    (again,) = await world.runtime.pods()
    assert again.ip == pod.ip
    await world.start(again, world.python, "-c", SERVER, attempt=1)
    assert b"200 OK" in await world.fetch(again, 80)
