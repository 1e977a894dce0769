"""Fixtures of the course's tests: notebooks of a few cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

Write = Callable[..., Path]


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


@pytest.fixture
def write(notebooks: Path) -> Write:
    """Writes a notebook with a heading and these code cells."""

    def write(name: str, *sources: str, tags: dict[int, list[str]] | None = None) -> Path:
        cells = [nbformat.v4.new_markdown_cell(f"# Lesson {name}")]
        for index, source in enumerate(sources):
            cell = nbformat.v4.new_code_cell(source, id=f"cell-{index}")
            cell.metadata["tags"] = (tags or {}).get(index, [])
            cells.append(cell)
        path = notebooks / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write
