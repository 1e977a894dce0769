"""Figures of a benchmark, as a table for people and as JSON for comparing."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Figure", "Report"]

FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"


@dataclass(frozen=True)
class Figure:
    """One measured value; smaller is better.

    Attributes:
        name: What was measured.
        value: How much it was.
        unit: e.g. ``"s"``, ``"MB"`` (10⁶ bytes), ``"% of a core"``.
        target: What it should be below, if that was decided.
    """

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def text(self) -> str:
        """The value with three digits that count, or its whole part.

        Example:
            >>> Figure("a", 0.01234, "s").text, Figure("b", 1234.5, "ms").text
            ('0.0123', '1234')
        """
        return f"{self.value:.0f}" if self.value >= 100 else f"{self.value:.3g}"

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        return self.target is not None and self.value >= self.target

    @property
    def verdict(self) -> str:
        """What the table says about the target.

        Example:
            >>> Figure("up", 12.0, "s", target=10).verdict
            '< 10 s: MISSED'
            >>> Figure("down", 1.0, "s").verdict
            ''
        """
        if self.target is None:
            return ""
        return f"< {self.target:.3g} {self.unit}: {'MISSED' if self.missed else 'met'}"


class Report:
    """The figures of one benchmark, shown as they come.

    Args:
        name: Its name: the file is ``build/bench/<name>.json``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.figures: list[Figure] = []
        self.machine = _machine()
        self._console = Console(width=110, soft_wrap=True, highlight=False)

    def add(self, name: str, value: float, unit: str, *, target: float | None = None) -> None:
        """Take a figure up and print it."""
        figure = Figure(name, value, unit, target)
        self.figures.append(figure)
        self._console.print(f"… {name}: {figure.text} {unit}", markup=False)

    def finish(self) -> Path:
        """Print the table, and write the file.

        Returns:
            The file: ``{"benchmark", "date", "machine", "figures": [{"name", "value", "unit", "target", "missed"}]}``.
        """
        table = Table(title=f"{self.name}: {self._description()}", title_justify="left", box=None)
        table.add_column("what", no_wrap=True)
        for heading in ("value", "unit", "target"):
            table.add_column(heading, justify="right" if heading == "value" else "left")
        for figure in self.figures:
            style = "red" if figure.missed else None
            table.add_row(figure.name, figure.text, figure.unit, figure.verdict, style=style)
        self._console.print(table)
        values = {
            "benchmark": self.name,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {**self.machine, "load after": _load()},
            "figures": [{**asdict(each), "missed": each.missed} for each in self.figures],
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
        self._console.print(f"Written to {path}", markup=False)
        return path

    def _description(self) -> str:
        machine = self.machine
        return (
            f"{machine['cores']} cores, {machine['memory GB']} GB, Python {machine['python']}, "
            f"load {machine['load before']} before and {_load()} after"
        )


def _load() -> float:
    """The mean number of programs that wanted a core within the last minute: others' work makes figures worse."""
    return round(os.getloadavg()[0], 1)


def _machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory GB": round(memory / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load before": _load(),
    }
