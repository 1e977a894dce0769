"""What can be read off a notebook: its heading, what a cell is about, why it failed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Failure", "answer_of", "failure_of", "heading", "label"]

ANSWER = "answer"
"""The tag of the cell whose output is the lesson's result."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Failure:
    """Where and why a notebook ended early.

    Attributes:
        cell: The cell's id.
        source: Its code.
        error: The error's name and message.
        outputs: The last lines that the cell printed before it.
    """

    cell: str
    source: str
    error: str
    outputs: tuple[str, ...] = ()

    def explain(self, number: str, executed: Path) -> str:
        """Return it for a person, with how to look on."""
        code = "\n".join(f"    {line}" for line in self.source.strip().splitlines())
        shown = "\n".join(f"    {line}" for line in self.outputs)
        error = "\n".join(f"    {line}" for line in self.error.splitlines())
        said = f"  It had printed:\n{shown}\n" if shown else ""
        return (
            f"Lesson {number} failed in its cell {self.cell!r}:\n{code}\n{said}  Error:\n{error}\n"
            f"  Look on:\n"
            f"    {executed}   the notebook up to there\n"
            f"    oamkit sandbox status           how the cluster is (with kind: kubectl get pods -A)\n"
            f"    oamkit sandbox logs COMPONENT   what its parts say\n"
            f"    oamkit run {number}                   run this lesson again"
        )


def heading(notebook: Any) -> str:  # noqa: ANN401 - nbformat ships no types
    """Return the text of a notebook's first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return str(line[2:].strip())
    return ""


def label(cell: Any) -> str:  # noqa: ANN401 - see above
    r"""Return the first words of a code cell, imports and comments left out.

    Example:
        >>> from types import SimpleNamespace
        >>> label(SimpleNamespace(source="from oamkit import apply\n\napply('config/')"))
        "apply('config/')"
    """
    lines = [line.partition("  # ")[0].strip() for line in cell.source.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("#", "import ", "from "))]
    text = " ".join(telling or lines).replace("( ", "(").replace("{ ", "{")
    return text if len(text) <= 64 else text[:63] + "…"


def answer_of(notebook: Any) -> str:  # noqa: ANN401 - see above
    """Return what the cell tagged ``answer`` gave: the text of its result, or what it printed."""
    for cell in notebook.cells:
        if ANSWER in cell.metadata.get("tags", []):
            results = [
                output.data["text/plain"]
                for output in cell.get("outputs", [])
                if "text/plain" in output.get("data", {})
            ]
            return "\n".join(results or _printed(cell)).strip()
    return ""


def failure_of(error: Exception, notebook: Any, index: int) -> Failure:  # noqa: ANN401 - see above
    """Return why a notebook ended early.

    Args:
        error: What running it raised.
        notebook: The executed notebook.
        index: The index of the cell that ran last.
    """
    # papermill puts a cell with the error above the one that failed, so it is looked for rather than counted.
    failed = next(
        (cell for cell in notebook.cells if _error_of(cell)),
        notebook.cells[min(index, len(notebook.cells) - 1)],
    )
    # A cell that took too long was interrupted afterwards: that isn't why it failed.
    late = isinstance(error, TimeoutError)
    text = "" if late else _error_of(failed)
    text = text or (str(error).splitlines() or [type(error).__name__])[0]
    return Failure(
        cell=failed.get("id", ""),
        source=failed.source,
        error=_ESCAPES.sub("", text),
        outputs=tuple(_printed(failed)[-12:]),
    )


def _error_of(cell: Any) -> str:  # noqa: ANN401 - see above
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
    return ""


def _printed(cell: Any) -> list[str]:  # noqa: ANN401 - see above
    streams = [out for out in cell.get("outputs", []) if out.output_type == "stream"]
    return [line for stream in streams for line in stream.text.splitlines()]
