"""Real kubectl, with the command shown as the learner would type it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from oamkit import show
from oamkit.cluster import active
from oamkit.errors import CommandError
from oamkit.process import Completed

__all__ = ["kubectl", "run"]

_HINTS = (
    (
        'in version "core.oam.dev/',
        "The cluster doesn't know OAM's kinds yet: install the runtime first (lesson 05).",
    ),
    (
        "no matches for kind",
        "The cluster doesn't serve this kind in this version: see kubectl('api-resources').",
    ),
    (
        "ValidationError",
        "What a field means and which ones are required: kubectl('explain', 'component.spec').",
    ),
    (
        "failed calling webhook",
        "Its program doesn't answer: kubectl('get', 'pods', '--all-namespaces') shows whether it runs.",
    ),
    ("connection refused", "The cluster doesn't run: cluster.ensure() starts it."),
    ("was refused", "The cluster doesn't run: cluster.ensure() starts it."),
    ('namespaces "', "Make the namespace first: kubectl('create', 'namespace', …)."),
)

_REPEATABLE = ("apply", "delete")
"""What may be run once more after it failed half-way."""

_UNREACHED = re.compile(r'failed calling webhook "([^"]+)".*(connection refused|no endpoints)')
"""Said while a webhook's program runs already, but isn't reached yet: nodes learn of a Service's new Pods a second or two after they are ready."""

REACH_SECONDS = 10.0
"""How long a webhook may stay unreached."""


def kubectl(*arguments: str, timeout: float = 60.0) -> show.Text:
    """Run kubectl, and show the command.

    Args:
        *arguments: What comes after ``kubectl``, a word each.
        timeout: Seconds.

    Returns:
        What it printed.

    Raises:
        CommandError: It ended with an error.
        ClusterError: There is no cluster.

    Example::

        kubectl("get", "deployments", "-l", "app=web")
    """
    done = run(arguments, timeout=timeout)
    return show.Text(done.stdout + done.stderr)


def run(arguments: Sequence[str | Path], *, timeout: float, input: str | None = None) -> Completed:
    """Run kubectl against the cluster in use; see :func:`kubectl`.

    Where a webhook isn't reached yet, ``apply`` and ``delete`` are run again for up to :data:`REACH_SECONDS`.

    Args:
        arguments: What comes after ``kubectl``.
        timeout: Seconds.
        input: Text for its standard input.
    """
    argv = ["kubectl", *arguments]
    environ = active.environ()
    show.command(argv, who=active.user())
    begin, told = time.monotonic(), False
    while True:
        try:
            return active.runner().run(argv, timeout=timeout, input=input, env=environ)
        except CommandError as error:
            unreached = argv[1] in _REPEATABLE and _UNREACHED.search(error.stderr)
            if not unreached or time.monotonic() - begin > REACH_SECONDS:
                hint = next((hint for sign, hint in _HINTS if sign in error.stderr), "")
                raise error.told(hint=hint) from error
            if not told:
                show.say(f"  the webhook {unreached[1]} doesn't answer yet …", "dim")
                told = True
        time.sleep(0.5)
