"""Layouts as one SVG picture, on a light card of its own: an image can't see whether its page is dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from unicodedata import east_asian_width

from oamkit.topology.graph import Node, Role, Say
from oamkit.topology.health import State
from oamkit.topology.layout import NODE_HEIGHT, NODE_WIDTH, Layout, Place
from oamkit.topology.reading import clean

__all__ = ["FONT", "draw", "shortened", "state_line"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', sans-serif"
INK, QUIET, LINE, CARD = "#1f2933", "#52606d", "#7b8794", "#ffffff"
_LOOKS = {
    State.PRESENT: ("#f5f7fa", "#52606d", 1.2, ""),
    State.OK: ("#e8f5e9", "#2e7d32", 1.6, ""),
    State.WORKING: ("#e3f2fd", "#1565c0", 1.6, "7 3"),
    State.LEAVING: ("#eceff1", "#546e7a", 1.6, "2 3"),
    State.WARNING: ("#fff8e1", "#8a4b00", 2.4, ""),
    State.MISSING: ("#ffffff", "#52606d", 1.4, "3 4"),
    State.FAILED: ("#fdecea", "#c62828", 3.0, ""),
}
"""Fill, border colour, border width and dashes: each state has a border of its own, so that colour isn't needed."""
ROLES = {
    Role.APPLICATION: "A", Role.COMPONENT: "C", Role.WORKLOAD: "W", Role.TRAIT: "T", Role.SCOPE: "S",
}  # fmt: skip
GAP, HEADING = 26, 30


def draw(layouts: Sequence[Layout], title: str = "", say: Say = str) -> str:
    """Draw layouts below one another.

    Args:
        layouts: Empty ones are left out.
        title: A line above.
        say: Translates a word; English stays by default.

    Returns:
        A whole SVG document that uses nothing from elsewhere.
    """
    shown = [each for each in layouts if each.places]
    width = max((each.width for each in shown), default=NODE_WIDTH)
    parts: list[str] = []
    y = 12
    if title:
        parts.append(_text(14, y + 18, title, 15, INK, bold=True))
        y += HEADING
    for each in shown:
        if each.graph.title:
            parts.append(_text(14, y + 16, say(each.graph.title), 13, QUIET, bold=True))
            y += 22
        parts.append(f'<g transform="translate(0,{y})">{"".join(_parts(each, say))}</g>')
        y += each.height + GAP
    height = y - GAP + 12 if shown else y + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{escape(FONT)}"><defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="3.5"'
        f' orient="auto"><path d="M0,0 L7,3.5 L0,7 z" fill="{LINE}"/></marker></defs>'
        f'<rect width="{width}" height="{height}" rx="12" fill="{CARD}"/>{"".join(parts)}</svg>'
    )


def shortened(words: str, width: float, size: float, *, bold: bool = False) -> str:
    """Return as much of a text as fits, with ``…`` if something is cut off. CJK characters count twice.

    Example:
        >>> shortened("a-rather-long-name", 60, 12)
        'a-rathe…'
    """
    room = width / (size * (0.6 if bold else 0.56))
    used = 0.0
    for index, character in enumerate(words):
        used += 2 if east_asian_width(character) in "WF" else 1
        if used > room:
            return words[: max(0, index - 1)] + "…"
    return words


def _parts(each: Layout, say: Say) -> Iterator[str]:
    for wire in each.wires:
        dashes = ' stroke-dasharray="4 4" opacity="0.75"' if wire.edge.soft else ""
        yield (
            f'<path d="{wire.path}" fill="none" stroke="{LINE}" stroke-width="1.3"{dashes}'
            ' marker-end="url(#tip)"/>'
        )
    for place in each.places:
        yield from _node(place, say)


def _node(place: Place, say: Say) -> Iterator[str]:
    node, x, y = place.node, place.x, place.y
    state = node.health.state
    fill, border, thick, dashes = _LOOKS[state]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    box = (
        f'width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="8" fill="{fill}" stroke="{border}"'
        f' stroke-width="{thick}"{dashed}'
    )
    if node.members:  # a stack
        yield f'<rect x="{x + 4}" y="{y + 4}" {box}/>'
    yield f'<rect x="{x}" y="{y}" {box}/>'
    role = ROLES.get(node.role, "")
    room = NODE_WIDTH - 20 - (20 if role else 0)
    yield _text(x + 10, y + 17, shortened(node.kind, room, 11), 11, QUIET)
    if role:
        yield _text(x + NODE_WIDTH - 18, y + 17, role, 11, QUIET, bold=True)
    yield _text(
        x + 10, y + 33, shortened(node.name, NODE_WIDTH - 20, 12, bold=True), 12, INK, bold=True
    )
    words = state_line(node, say)
    yield _text(x + 10, y + 47, shortened(words, NODE_WIDTH - 20, 10.5), 10.5, border)


def state_line(node: Node, say: Say) -> str:
    """Return the line of a node that tells how it is."""
    state = node.health.state
    if node.members:
        return f"{state.icon} {node.reason(say)}"
    return f"{state.icon} {say(state.word)}" + (
        f"  {node.health.count}" if node.health.count else ""
    )


def _text(x: int, y: int, words: str, size: float, color: str, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}"{weight}>{escape(clean(words))}</text>'
