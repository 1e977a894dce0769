"""Which ports the sandbox takes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from oamkit.errors import SandboxError
from oamkit.sandbox.ports import listen


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def port_of(listener: socket.socket) -> int:
    with listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_port_that_was_asked_for_is_taken(free: int) -> None:
    assert port_of(listen("x", asked=free, last=None, usual=[])) == free


def test_the_port_of_last_time_comes_before_the_usual_ones(free: int, taken: int) -> None:
    assert port_of(listen("x", asked=None, last=free, usual=[taken])) == free


def test_ports_that_are_taken_are_passed_over(free: int, taken: int) -> None:
    assert port_of(listen("x", asked=None, last=taken, usual=[taken, free])) == free


def test_any_free_port_is_the_last_resort(taken: int) -> None:
    assert port_of(listen("x", asked=None, last=None, usual=[taken])) not in (0, taken)


def test_only_the_loopback_address_is_listened_on(free: int) -> None:
    with listen("x", asked=free, last=None, usual=[]) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(SandboxError, match=f"Port {taken} .* for HTTP is taken") as caught:
        listen("HTTP", asked=taken, last=None, usual=[])
    assert caught.value.code == "sandbox-port-taken"
    assert str(taken) in caught.value.hint


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(SandboxError, match="between 1 and 65535"):
        listen("HTTP", asked=port, last=None, usual=[])
