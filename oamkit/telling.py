"""What the command line says when something is wrong, whoever found it: the kit, the reader of commands, or the system.

====================================  =========  ================================================================
what was raised                       exit code  what is told
====================================  =========  ================================================================
:class:`~oamkit.errors.OamKitError`   1          its message, its hint, and its page of the documentation
a wrongly written command             2          what is wrong with it, and how to get its help
:class:`OSError`                      1          which file, what the system said, and what helps
:class:`KeyboardInterrupt`            130        that it was interrupted, by Ctrl-C
anything else                         1          the traceback, and that it is a fault of the kit's own
====================================  =========  ================================================================
"""

from __future__ import annotations

import errno
import sys
import traceback
from typing import Any

from typer.exceptions import Abort, TyperException

from oamkit.errors import OamKitError
from oamkit.languages import current, translate

__all__ = ["of_system", "run", "tell", "translate_help"]

TITLES = (
    "ARGUMENTS_PANEL_TITLE",
    "OPTIONS_PANEL_TITLE",
    "COMMANDS_PANEL_TITLE",
    "DEFAULT_STRING",
    "REQUIRED_LONG_STRING",
)
"""Words of typer's own around help, by the names that it gives them."""

INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def run(command: Any) -> int:  # noqa: ANN401 - typer brings a click of its own, without types
    """Run a command, tell what goes wrong, and return the exit code.

    Args:
        command: The command, as :func:`typer.main.get_command` returns it.
    """
    if current() != "en":
        translate_help(command)
    try:
        code = command(prog_name="oamkit", standalone_mode=False)
    except OamKitError as error:
        tell(error)
        return 1
    except TyperException as error:
        if told := error.format_message():  # none if its help was shown already
            tell(OamKitError(told, hint=_help_of(error)))
        return error.exit_code
    except Abort:
        _print("", translate("Aborted."))
        return 1
    except OSError as error:
        tell(of_system(error))
        return 1
    except Exception:  # noqa: BLE001 - the last one who can say something
        traceback.print_exc()
        _print(
            translate("Error:"),
            translate("This is a fault of oamkit's own. Please report it, with the lines above."),
        )
        return 1
    if code == INTERRUPTED:
        _print(
            "",
            "\n" + translate("Interrupted. The same command, given again, goes on or begins anew."),
        )
    return code if isinstance(code, int) else 0


def tell(error: OamKitError) -> None:
    """Write an error to standard error, in the language of the user."""
    _print(translate("Error:"), translate(error.message))
    if error.hint:
        _print(translate("Hint:"), translate(error.hint), "bold")
    if error.docs:
        _print("", translate(f"More: docs/{error.docs}"))


def of_system(error: OSError) -> OamKitError:
    """Return what the system refused as an error that says what helps.

    Args:
        error: What it raised.

    Example:
        >>> print(of_system(OSError(28, "No space left on device", "/home/me/report.html")))
        /home/me/report.html: No space left on device
        Hint: Make room on that disk; 'oamkit doctor' says how much is free. OAMKIT_HOME=FOLDER puts the kit's own files elsewhere.
    """
    said = error.strerror or str(error)
    message = f"{error.filename}: {said}" if error.filename else said
    hint = ""
    if error.errno in _FULL:
        hint = (
            "Make room on that disk; 'oamkit doctor' says how much is free."
            " OAMKIT_HOME=FOLDER puts the kit's own files elsewhere."
        )
    elif error.errno in _REFUSED:
        hint = (
            f"Look whose it is: ls -ld {error.filename or '.'}. If it belongs to the kit, OAMKIT_HOME=FOLDER names"
            " another folder, one in which you may write."
        )
    return OamKitError(message, hint=hint, code="system")


def translate_help(command: Any) -> None:  # noqa: ANN401 - as for run
    """Put the help texts of a command, and of those below it, into the language of the user."""
    from typer import Context, rich_utils

    for name in TITLES:
        setattr(rich_utils, name, translate(getattr(rich_utils, name)))
    _translate_below(command, Context(command))


def _translate_below(command: Any, context: Any) -> None:  # noqa: ANN401 - as for run
    command.help = translate(command.help or "")
    for parameter in command.get_params(context):
        if getattr(parameter, "help", None):
            parameter.help = translate(parameter.help)
    for below in getattr(command, "commands", {}).values():
        _translate_below(below, type(context)(below))


def _help_of(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context is not None else "oamkit --help"


def _print(head: str, text: str, style: str = "bold red") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    between = "" if not head or head.endswith("：") else " "  # a Chinese colon is as wide as both
    console.print(Text.assemble((head, style), between, text))
