"""``python -m oamkit.sandbox.agent CONFIG``: run the node agent with a :class:`~oamkit.sandbox.config.NodeConfig`.

SIGTERM and SIGINT end the agent; the Pods go on running, and the next agent takes them over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from oamkit.errors import InputError, OamKitError
from oamkit.sandbox.agent.assembly import run_agent
from oamkit.sandbox.config import NodeConfig


def _config(arguments: list[str]) -> NodeConfig:
    if len(arguments) != 1:
        raise InputError(
            "expected one argument, the configuration's file",
            hint="The supervisor writes it: 'oamkit sandbox up'.",
        )
    path = Path(arguments[0])
    try:
        return NodeConfig.read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"the node's configuration can't be read: {error}", file=path) from error


async def _run(config: NodeConfig) -> None:
    task = asyncio.create_task(run_agent(config))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run the agent; return the exit code."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(_config(sys.argv[1:])))
    except OamKitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
