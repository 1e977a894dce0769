"""Python that stands as text in exercises: solutions, wrong answers and preparations.

It is written with oamkit's public names, ``Path`` and ``yaml``, without imports; for learners the imports are put above it.
"""

from __future__ import annotations

import ast
from importlib import import_module
from typing import Any

import oamkit

__all__ = ["execute", "with_imports"]

_OTHERS = {"Path": ("pathlib", "Path"), "yaml": ("yaml", "")}
"""Names of other packages that sources may use: the module, and its name in there."""


def with_imports(source: str) -> str:
    """Return a source with the imports that it needs.

    Example:
        >>> print(with_imports('apply("flask-demo/config/")'))
        from oamkit import apply
        <BLANKLINE>
        apply("flask-demo/config/")
    """
    names = _missing(source)
    lines = []
    for name in sorted(names & set(_OTHERS)):
        module, attribute = _OTHERS[name]
        lines.append(f"from {module} import {attribute}" if attribute else f"import {module}")
    if ours := sorted(names & set(oamkit.__all__)):
        lines.append(f"from oamkit import {', '.join(ours)}")
    return "\n".join([*lines, "", source.strip()] if lines else [source.strip()])


def execute(source: str) -> dict[str, Any]:
    """Run a source with the names that it needs, and return all names that it has set.

    Args:
        source: Text of the kit's own, from ``oamkit/lesson/exercises``.
    """
    names: dict[str, Any] = {}
    for name in _missing(source):
        if name in _OTHERS:
            module, attribute = _OTHERS[name]
            names[name] = (
                getattr(import_module(module), attribute) if attribute else import_module(module)
            )
        elif name in oamkit.__all__:
            names[name] = getattr(oamkit, name)
    exec(compile(source, "<exercise>", "exec"), names)  # noqa: S102 - the kit's own text, as a learner would run it in a cell
    return names


def _missing(source: str) -> set[str]:
    """Return the names that a source uses, but doesn't set."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    used = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return used - imported
