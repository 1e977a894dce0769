"""Gives out Pod addresses."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from oamkit.errors import SandboxError

__all__ = ["AddressPool"]


class AddressPool:
    """The addresses of a range, each given out once at a time, and again as late as possible.

    Which Pod has which address is kept with the Pod; this remembers only where it was last (in ``memory``), so that a new process
    of the agent goes on from there.

    Args:
        network: The range; network, gateway (the first) and broadcast address aren't given out.
        memory: A file for the address that was given out last.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pool = AddressPool(IPv4Network("10.0.0.0/29"), Path(folder, "last-address"))
        ...     first, second = pool.take(), pool.take()
        ...     pool.give_back(first)
        ...     print(first, second, pool.take())
        10.0.0.2 10.0.0.3 10.0.0.4
    """

    def __init__(self, network: IPv4Network, memory: Path) -> None:
        self._network = network
        self._memory = memory
        self._used: set[IPv4Address] = set()
        self._last = network.network_address + 1
        with contextlib.suppress(OSError, ValueError):
            last = IPv4Address(memory.read_text().strip())
            self._last = last if last in network else self._last

    def reserve(self, address: IPv4Address) -> None:
        """Mark an address as used, e.g. by a Pod of an earlier process."""
        self._used.add(address)

    def take(self) -> IPv4Address:
        """Give out an address.

        Raises:
            SandboxError: None is left.
        """
        low, high = int(self._network.network_address) + 2, int(self._network.broadcast_address) - 1
        size = high - low + 1
        for step in range(1, size + 1):
            address = IPv4Address(low + (int(self._last) - low + step) % size)
            if address not in self._used:
                self._used.add(address)
                self._last = address
                self._memory.write_text(f"{address}\n")
                return address
        raise SandboxError(
            f"No Pod address is left in {self._network}: {size} are in use.",
            hint="Delete Pods, or scale Deployments down.",
            code="no-address",
        )

    def give_back(self, address: IPv4Address) -> None:
        """Let an address be given out again."""
        self._used.discard(address)
