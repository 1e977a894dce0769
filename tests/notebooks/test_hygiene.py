"""What every notebook in git must be like. Nothing is executed here."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

import oamkit

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*/*.ipynb"))
ENGLISH = [path for path in NOTEBOOKS if path.parent.name == "en"]

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(params=NOTEBOOKS, ids=_name)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _python(notebook: Any) -> list[Any]:
    """The cells that are Python; those of ``%%cue`` fail when CUE does."""
    return [cell for cell in _code(notebook) if not cell.source.startswith("%%cue")]


def test_the_first_lessons_are_there() -> None:
    assert [path.stem[:2] for path in ENGLISH][:7] == ["00", "01", "02", "03", "04", "05", "06"]


def test_is_a_valid_notebook(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert notebook.nbformat_minor >= 5
    assert notebook.metadata.kernelspec.name == "python3"


def test_every_cell_has_an_id_of_its_own_that_names_its_lesson(path: Path, notebook: Any) -> None:
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rf"l{path.stem[:2]}-[a-z0-9-]+", each) for each in ids)


def test_no_output_is_committed(notebook: Any) -> None:
    for cell in _code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}


def test_no_cell_hides_the_failure_of_a_command(notebook: Any) -> None:
    for cell in _python(notebook):
        for line in cell.source.splitlines():
            assert not line.lstrip().startswith(("!", "%")), f"{cell.id}: use a helper that raises"
        assert "os.system" not in cell.source
        assert "subprocess" not in cell.source


def test_code_is_python_that_uses_the_public_api_only(notebook: Any) -> None:
    public = set(oamkit.__all__)
    for cell in _python(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("oamkit"):
                assert node.module in ("oamkit", "oamkit.lesson"), cell.id
                if node.module == "oamkit":
                    assert {name.name for name in node.names} <= public, cell.id


def test_begins_with_its_parameters_and_its_start(path: Path, notebook: Any) -> None:
    code = _code(notebook)
    assert "parameters" in code[0].metadata.get("tags", [])
    assert f'lesson.start("{path.stem[:2]}"' in code[1].source


@pytest.mark.parametrize("path", ENGLISH, ids=_name)  # headings are translated
def test_a_lesson_has_all_its_parts(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert text.startswith("# ")
    assert "**Goal.**" in text
    assert re.search(r"\*\*Time\.\*\* About \d+ minutes", text)
    assert re.search(r"^## .*prediction", text, re.MULTILINE)
    assert re.search(r"^## Recap", text, re.MULTILINE)
    following = [*ENGLISH, None][ENGLISH.index(path) + 1]
    nexts = re.findall(r"\*\*Next:\*\* \[[^]]+\]\(([^)]+)\)", text)
    assert nexts == ([following.name] if following else [])


def test_links_between_lessons_lead_somewhere(path: Path, notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
                assert (path.parent / target).exists(), f"{cell.id}: {target}"


def test_the_paths_that_cells_name_exist(notebook: Any, project_root: Path) -> None:
    for cell in _code(notebook):
        for target in re.findall(r'"((?:flask-demo|charts|oamkit)/[\w./-]+)"', cell.source):
            if ":" not in target:
                assert (project_root / target).exists(), f"{cell.id}: {target}"


def test_pictures_are_no_emojis(notebook: Any) -> None:
    for cell in notebook.cells:
        assert not re.search("[\U0001f300-\U0001faff]", cell.source), cell.id
