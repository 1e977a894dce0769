"""Good objects made bad: a few of their parts are replaced, dropped or added (for hypothesis)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["mutated", "paths_in"]

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    # Built anew each time: what is drawn later is put into them.
    | st.builds(list)
    | st.builds(dict)
    | st.builds(lambda: [None])
    | st.builds(lambda: {"": None})
    | st.just("web-service")
)


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, as the keys and indices that lead there."""
    found = [at]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for key, item in items:
        found += paths_in(item, (*at, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, good: Any, *, names: Sequence[str] = ("x",), most: int = 4) -> Any:
    """The value, with up to ``most`` changes; ``names`` are those of fields that may be added."""
    whole = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.sampled_from(paths_in(whole)))
        if not at:
            continue
        target = whole
        for key in at[:-1]:
            target = target[key]
        how = draw(st.sampled_from(["replace", "drop", "add"]))
        if how == "drop":
            del target[at[-1]]
        elif how == "add" and isinstance(target, dict):
            target[draw(st.sampled_from(names))] = draw(ODD)
        else:
            target[at[-1]] = draw(ODD)
    return whole
