"""Pod addresses: one Pod each, and again as late as possible."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from oamkit.errors import SandboxError
from oamkit.sandbox.network_addresses import AddressPool

SMALL = IPv4Network("10.244.0.0/29")  # .2 to .6 for Pods


def test_an_address_comes_back_only_after_all_others(tmp_path: Path) -> None:
    pool = AddressPool(SMALL, tmp_path / "last")
    first = pool.take()
    pool.give_back(first)
    taken = [pool.take() for _ in range(5)]
    assert first == IPv4Address("10.244.0.2")
    assert taken[-1] == first
    assert len(set(taken)) == 5


def test_when_none_is_left_the_error_says_what_to_do(tmp_path: Path) -> None:
    pool = AddressPool(SMALL, tmp_path / "last")
    for _ in range(5):
        pool.take()
    with pytest.raises(SandboxError, match="No Pod address is left") as raised:
        pool.take()
    assert "Delete Pods" in raised.value.hint


def test_another_process_goes_on_where_the_first_one_was(tmp_path: Path) -> None:
    first = AddressPool(SMALL, tmp_path / "last")
    taken = [first.take(), first.take()]
    second = AddressPool(SMALL, tmp_path / "last")
    second.reserve(IPv4Address("10.244.0.4"))
    assert second.take() == IPv4Address("10.244.0.5")
    assert IPv4Address("10.244.0.5") not in taken


@pytest.mark.parametrize("memory", ["", "nonsense", "192.0.2.1", "\x00"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, memory: str) -> None:
    (tmp_path / "last").write_text(memory)
    assert AddressPool(SMALL, tmp_path / "last").take() == IPv4Address("10.244.0.2")
