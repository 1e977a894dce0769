"""What the doctor found, and how it looks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oamkit.languages import translate
from oamkit.show import Rendered, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Check", "Diagnosis", "State"]


class State(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        code: A stable name, e.g. ``"disk"``.
        state: ``fail`` means that the course can't run without mending it.
        found: What was found.
        fix: What to do; ``""`` if nothing is needed.
    """

    code: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis(Rendered):
    """All checks together.

    Attributes:
        checks: In the order in which they were made.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether the course can run here."""
        return all(check.state is not State.FAIL for check in self.checks)

    def __getitem__(self, code: str) -> Check:
        return next(check for check in self.checks if check.code == code)

    def to_json(self) -> str:
        """Return it for programs: ``{"ok": …, "checks": [{"code": …, "state": …, "found": …, "fix": …}]}``."""
        checks = [asdict(check) for check in self.checks]
        return json.dumps({"ok": self.ok, "checks": checks}, indent=2, ensure_ascii=False)

    @property
    def _verdict(self) -> str:
        failed = [check.code for check in self.checks if check.state is State.FAIL]
        return f"Mend first: {', '.join(failed)}." if failed else "The course can run here."

    def _table(self) -> Table:
        rows = tuple(
            (check.code, check.state.value, check.found + (f"\n→ {check.fix}" if check.fix else ""))
            for check in self.checks
        )
        return Table(("CHECK", "STATE", "FOUND"), rows)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        return Group(self._table(), Text(translate(self._verdict)))

    def to_html(self) -> str:
        """Return it as a table with the verdict below."""
        return f"{self._table().to_html()}<p><strong>{translate(self._verdict)}</strong></p>"
