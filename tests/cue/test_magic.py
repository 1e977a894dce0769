"""The cell magic in a real kernel."""

from __future__ import annotations

from typing import Any

import nbclient
import nbformat
import pytest

pytestmark = [pytest.mark.binaries, pytest.mark.filterwarnings("default")]


def _run(*cells: str, first: str = "from oamkit import cue") -> list[Any]:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (first, *cells)]
    )
    client = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute()
    return [cell.outputs for cell in notebook.cells[1:]]


def test_cells() -> None:
    shown, refused, wrong, none_refused, kept, used, bad_option = _run(
        "%%cue\na: int\nb: a & 3",
        "%%cue --refused\na: 1\na: 2",
        "%%cue\na: 1\nb: {\n\tc: nothing\n}",
        "%%cue --refused\na: 1",
        "%%cue --save base\n#App: {name: string, port: *80 | int}",
        "web = {'web': {'port': 81}}\n",
        "%%cue --nonsense\na: 1",
    )
    assert shown[0].data["text/plain"] == "a: int\nb: 3"
    assert "conflicting values" in refused[0].data["text/plain"]
    assert wrong[0].output_type == "error"
    assert wrong[0].ename == "CueError"
    text = "\n".join(wrong[0].traceback)
    assert "cell.cue:3:5" in text
    assert "3 | \tc: nothing" in text
    assert "Traceback" not in text
    assert none_refused[0].output_type == "error"
    assert kept[0].data["text/plain"].startswith("#App")
    assert used == []
    assert bad_option[0].output_type == "error"


def test_saved_cells_data_tags_and_formats() -> None:
    *_, found = _run(
        "%%cue --save base\n#App: {name: string, port: *80 | int, env: string @tag(env)}\nweb: #App",
        "given = {'web': {'name': 'web'}}",
        "%%cue --use base --data given -t env=prod -e web -o yaml\nweb: port: 81",
    )
    lines = found[0].data["text/plain"].splitlines()
    assert sorted(lines) == ["env: prod", "name: web", "port: 81"]


def test_a_mistake_is_placed_in_the_cell_or_in_the_text_that_it_uses() -> None:
    *_, found = _run(
        "%%cue --save base\nlet limit = 3\n#App: port: <limit",
        "%%cue --use base --refused\n\nweb: #App & {\n\tport: 81\n}",
    )
    text = found[0].data["text/plain"]
    assert "cell.cue:3:8" in text
    assert "base:2:13" in text
    assert "2 | #App: port: <limit" in text


def test_it_is_an_extension_too() -> None:
    (shown,) = _run("%%cue\na: 1", first="%load_ext oamkit.cue")
    assert shown[0].data["text/plain"] == "a: 1"


def test_a_failing_cell_makes_the_run_red() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(text)
            for text in ("from oamkit import cue", "%%cue\na: 1 & 2")
        ]
    )
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="conflicting values"):
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
