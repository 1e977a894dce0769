"""Chinese notebooks are what is generated from the English ones and the translators' files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import translate_notebooks as tool
from translate_notebooks import Entry


def cell(name: str, text: str, kind: str = "markdown") -> dict[str, Any]:
    return {"cell_type": kind, "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


CELLS = [
    cell("l06-title", "# Deploy\n\nSee [05](05-runtime.ipynb)."),
    cell("l06-code", "apply('x')", "code"),
    cell("l06-end", "## The end"),
]


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson."""
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path / "notebooks")
    write(tmp_path, CELLS)
    return tmp_path


def write(course: Path, cells: list[dict[str, Any]]) -> None:
    english = course / "notebooks" / "en" / "06-deploy.ipynb"
    english.parent.mkdir(parents=True, exist_ok=True)
    english.write_text(
        tool.dumped({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )


def translation(course: Path) -> Path:
    return course / "notebooks" / "translations" / "zh" / "06-deploy.md"


def translate(course: Path) -> None:
    """What a translator does."""
    file = translation(course)
    text = file.read_text().replace("# Deploy\n\nSee", "# 部署\n\n见").replace("The end", "结束")
    file.write_text(text)


def test_what_is_missing_is_added_with_the_english_text(course: Path) -> None:
    assert any("is missing" in line for line in tool.check())
    assert tool.update() == [
        "06-deploy: l06-title isn't translated yet",
        "06-deploy: l06-end isn't translated yet",
    ]
    text = translation(course).read_text()
    assert text.startswith("<!-- l06-title todo -->\n# Deploy\n")
    assert "apply" not in text
    assert len(tool.check()) == 2


def test_a_translation_that_is_written_becomes_a_notebook_with_the_same_code(course: Path) -> None:
    tool.update()
    translate(course)
    assert tool.update() == []
    assert tool.check() == []
    chinese = json.loads((course / "notebooks" / "zh" / "06-deploy.ipynb").read_text())
    assert tool.source(chinese["cells"][0]) == "# 部署\n\n见 [05](05-runtime.ipynb)."
    assert chinese["cells"][1] == CELLS[1]
    assert [each["id"] for each in chinese["cells"]] == [each["id"] for each in CELLS]
    before = translation(course).read_text()
    tool.update()
    assert translation(course).read_text() == before


def test_a_changed_english_text_makes_its_translation_stale_until_somebody_has_looked(
    course: Path,
) -> None:
    tool.update()
    translate(course)
    tool.update()
    write(course, [CELLS[0], CELLS[1], cell("l06-end", "## The very end")])
    assert any("l06-end is stale" in line for line in tool.check())
    assert tool.update() == ["06-deploy: l06-end is stale: the English text has changed"]
    file = translation(course)
    comment = "<!-- English:\n## The very end\n-->\n"
    assert f"<!-- l06-end stale -->\n{comment}## 结束" in file.read_text()
    assert tool.update() != [], "looking again is no translation"
    file.write_text(file.read_text().replace(comment, "").replace("结束", "真正的结束"))
    assert tool.update() == []
    assert tool.check() == []


def test_what_is_left_over_is_told_and_taken_away(course: Path) -> None:
    tool.update()
    translate(course)
    tool.update()
    write(course, CELLS[:2])
    old = course / "notebooks" / "zh" / "05-old.ipynb"
    old.write_text("{}")
    told = tool.check()
    assert "06-deploy: l06-end is left over" in told
    assert "notebooks/zh/05-old.ipynb is left over" in told
    assert tool.update() == []
    assert tool.check() == []
    assert not old.exists()


def test_a_chinese_notebook_that_was_edited_by_hand_is_told(course: Path) -> None:
    tool.update()
    translate(course)
    tool.update()
    chinese = course / "notebooks" / "zh" / "06-deploy.ipynb"
    chinese.write_text(chinese.read_text().replace("apply", "delete"))
    assert tool.check() == [
        "notebooks/zh/06-deploy.ipynb isn't what is generated: run make translations"
    ]


@pytest.mark.parametrize(
    ("english", "chinese", "what"),
    [
        ("see [a](b.ipynb)", "见 [a](c.ipynb)", "links"),
        ("```python\nx\n```\nsee", "见", "code blocks"),
        ("## A\n### B", "## 甲", "headings"),
        ("<details><summary>A</summary>B</details>", "甲", "foldings"),
    ],
)
def test_what_a_translation_must_keep_is_compared(english: str, chinese: str, what: str) -> None:
    cells = [cell("l06-x", english)]
    told = tool.problems("06", cells, [Entry("l06-x", tool.digest(english), chinese)])
    assert len(told) == 1
    assert f"other {what}" in told[0]


def test_all_lessons_are_translated() -> None:
    assert tool.check() == []
