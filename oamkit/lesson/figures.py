"""Pictures for notebooks, drawn as SVG from a few words.

A picture is an ``<img>`` with a data URI: inline SVG vanishes in a notebook that isn't trusted, and a file would have to be shipped
beside it. It stands on a light card of its own, since an image can't see whether JupyterLab is dark. The text that a screen
reader reads is also what a terminal shows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from oamkit.languages import translate
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Figure", "flow", "layers"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', sans-serif"
FILLS = ("#e3f2fd", "#e8f5e9", "#fff3e0", "#f3e5f5", "#fce4ec", "#e0f7fa")
INK, LINE, CARD = "#1f2933", "#52606d", "#ffffff"
LINE_HEIGHT = 17
CHARACTER = 7.0
"""Width of an average character of 13 px, in px. CJK characters count twice."""

_CLOSING = "[\u3001-\u3003\u3009\u300b\u300d\u300f\u3011\u3015\u3017\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\u2026\u201d\u2019!),.:;?]"
"""Punctuation that never begins a line."""
_PARTS = re.compile(rf"[\u2e80-\uffff]{_CLOSING}*\s*|[^\s\u2e80-\uffff]+{_CLOSING}*\s*")
"""What a line may be broken between: a CJK character or a word, each with the punctuation that follows it."""


@dataclass(frozen=True)
class Figure(Rendered):
    """A picture with the words for those who can't see it.

    Attributes:
        svg: The picture.
        alt: What it shows, in words.
    """

    svg: str
    alt: str

    def __str__(self) -> str:
        return self.alt

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self.alt)

    def to_html(self) -> str:
        """Return it as an image that needs neither a script nor another file."""
        data = base64.b64encode(self.svg.encode()).decode()
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(self.alt)}" style="max-width:100%">'
        return f'<figure style="margin:0.5em 0">{image}</figure>'


def flow(*steps: tuple[str, str], title: str = "", arrows: bool = True) -> Figure:
    """Draw what happens one after the other.

    Args:
        *steps: For each, who acts and what it does.
        title: A line above.
        arrows: Whether one leads to the next; otherwise they stand beside one another.

    Example:
        >>> print(flow(("You", "apply a Component"), ("The API server", "stores it")))
        You: apply a Component → The API server: stores it
    """
    title, steps = translate(title), _translated(steps)
    per_row, width, gap = 4, 204, 30
    texts = [(_wrap(who, width - 20), _wrap(what, width - 20)) for who, what in steps]
    height = 24 + LINE_HEIGHT * max(len(who) + len(what) for who, what in texts)
    columns = min(per_row, len(steps))
    top = 40 if title else 14
    parts: list[str] = [_text(14, 26, title, 15, bold=True)] if title else []
    for index, (who, what) in enumerate(texts):
        row, column = divmod(index, per_row)
        x, y = 14 + column * (width + gap), top + row * (height + 34)
        parts.append(_box(x, y, width, height, FILLS[index % len(FILLS)]))
        parts += _lines(x + 10, y + 22, who, bold=True)
        parts += _lines(x + 10, y + 22 + LINE_HEIGHT * len(who), what)
        if arrows and index + 1 < len(texts):
            parts.append(_arrow(x, y, width, height, gap, last=column == per_row - 1))
    rows = -(-len(steps) // per_row)
    size = (28 + columns * width + (columns - 1) * gap, top + rows * height + (rows - 1) * 34 + 14)
    words = (" → " if arrows else "; ").join(f"{who}: {what}" for who, what in steps)
    return Figure(_svg(*size, parts), f"{title}: {words}" if title else words)


def layers(*rings: tuple[str, str], title: str = "") -> Figure:
    """Draw layers around one another.

    Args:
        *rings: For each its name and what it holds, from the outermost to the innermost.
        title: A line above.

    Example:
        >>> print(layers(("Outside", "changes often"), ("Core", "changes least")))
        From outside to inside: Outside (changes often), Core (changes least)
    """
    title, rings = translate(title), _translated(rings)
    width, band, inset = 760, 80, 26
    top = 40 if title else 14
    parts: list[str] = [_text(14, 26, title, 15, bold=True)] if title else []
    bottom = top + band * len(rings) + inset * len(rings)
    for index, (name, holds) in enumerate(rings):
        x, y = 14 + inset * index, top + band * index
        w, h = width - 2 * inset * index, bottom - y - inset * index
        parts.append(_box(x, y, w, h, FILLS[index % len(FILLS)]))
        parts.append(_text(x + 14, y + 24, name, 15, bold=True))
        parts += _lines(x + 14, y + 44, _wrap(holds, w - 28))
    words = ", ".join(f"{name} ({holds})" for name, holds in rings)
    alt = translate(f"From outside to inside: {words}")
    return Figure(_svg(width + 28, bottom + 14, parts), f"{title}. {alt}" if title else alt)


def _translated(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((translate(one), translate(other)) for one, other in pairs)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = (
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="7" refY="4" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>'
        f'<rect width="{width}" height="{height}" rx="12" fill="{CARD}"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{escape(FONT)}">{head}{"".join(parts)}</svg>'
    )


def _box(x: int, y: int, width: int, height: int, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{fill}"'
        f' stroke="{LINE}" stroke-width="1.2"/>'
    )


def _arrow(x: int, y: int, width: int, height: int, gap: int, *, last: bool) -> str:
    """An arrow to the box on the right; at the end of a row down and back to the first box of the next one."""
    if last:
        down, left = y + height + 17, 14 + width // 2
        path = f"M{x + width // 2},{y + height} V{down} H{left} V{down + 13}"
    else:
        path = f"M{x + width + 4},{y + height // 2} H{x + width + gap - 4}"
    return (
        f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.6" marker-end="url(#tip)"/>'
    )


def _lines(x: int, y: int, lines: Sequence[str], *, bold: bool = False) -> list[str]:
    return [_text(x, y + LINE_HEIGHT * n, line, 13, bold=bold) for n, line in enumerate(lines)]


def _wrap(text: str, width: int) -> list[str]:
    """Break a text into lines that fit: at spaces, and between CJK characters, but not before their punctuation."""
    lines, room = [""], 0.0
    for part in _PARTS.findall(text):
        needed = sum(2 if ord(character) > 0x2E80 else 1 for character in part.rstrip()) * CHARACTER
        if lines[-1] and needed > room:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        if not lines[-1]:
            room = float(width)
        lines[-1] += part
        room -= needed + (len(part) - len(part.rstrip())) * CHARACTER
    return [line.rstrip() for line in lines]


def _text(x: int, y: int, text: str, size: int, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{INK}"{weight}>{escape(text)}</text>'
