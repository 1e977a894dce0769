"""Hooks: what others want to be done before and after each pass over an application (contract 2.2).

A hook is an async function that gets the ApplicationConfiguration. A package brings one by an entry point of the group
``oamkit.runtime.pre_hooks`` or ``oamkit.runtime.post_hooks``; an image that holds the package runs it::

    [project.entry-points."oamkit.runtime.pre_hooks"]
    budget = "my_package:check_budget"

    async def check_budget(app):
        if too_expensive(app):
            raise HookError("over the team's budget", retry_after=60)
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, TypeAlias

from oamkit.errors import ClusterError, InputError, OamKitError
from oamkit.kube import Object
from oamkit.runtime.passes import PassFailedError

__all__ = ["POST_HOOKS", "PRE_HOOKS", "Hook", "HookError", "Hooks", "installed"]

Hook: TypeAlias = Callable[[Object], Awaitable[object]]
"""Gets a copy of the application as it was at the beginning of the pass; what it returns is ignored."""
PRE_HOOKS: Final = "oamkit.runtime.pre_hooks"
POST_HOOKS: Final = "oamkit.runtime.post_hooks"


class HookError(OamKitError):
    """What a hook raises to fail the pass; its text goes into the application's condition.

    Args:
        message: What is wrong.
        retry_after: Seconds until the next pass; if ``None``, the runtime's own pause, which gets longer each time.
    """

    default_code = "hook"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Hooks:
    """The hooks of a runtime.

    Attributes:
        pre: Run before rendering; the first that fails ends the pass, and nothing is applied.
        post: Run however the pass ended; what fails last is told.
    """

    pre: Sequence[Hook] = ()
    post: Sequence[Hook] = ()

    async def before(self, app: Object) -> None:
        """Run the pre-hooks.

        Raises:
            PassFailedError: One failed.
        """
        for hook in self.pre:
            await _run(hook, app, "CannotExecutePrehooks", "failed to execute pre-hooks")

    async def after(self, app: Object) -> None:
        """Run the post-hooks.

        Raises:
            PassFailedError: One failed.
        """
        for hook in self.post:
            await _run(hook, app, "CannotExecutePosthooks", "failed to execute post-hooks")


async def _run(hook: Hook, app: Object, reason: str, outer: str) -> None:
    try:
        await hook(copy.deepcopy(app))
    except ClusterError:
        raise
    except HookError as error:
        raise PassFailedError(reason, outer, error, retry_after=error.retry_after) from error
    except (
        Exception
    ) as error:  # whatever it is: a hook's fault is the application's, not the runtime's
        cause = OamKitError(str(error) or type(error).__name__)
        raise PassFailedError(reason, outer, cause) from error


def installed() -> Hooks:
    """The hooks of all installed packages, in the order of their names.

    Raises:
        InputError: One can't be loaded.
    """
    return Hooks(_load(PRE_HOOKS), _load(POST_HOOKS))


def _load(group: str) -> list[Hook]:
    found: list[Hook] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            found.append(entry.load())
        except Exception as error:
            raise InputError(f"the hook {entry.name!r} of {group} can't be loaded: {error}", hint=f"It is {entry.value}.") from error  # fmt: skip
    return found
