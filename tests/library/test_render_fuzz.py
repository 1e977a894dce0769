"""Whatever stands in the files, ``render`` makes objects of it or says which file and field are wrong."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.mutations import mutated

from oamkit import render
from oamkit.cluster.rendering import RenderedApplications
from oamkit.errors import InputError

DEMO = Path(__file__).parents[2] / "flask-demo" / "config"
FILES = {path.name: list(yaml.safe_load_all(path.read_text())) for path in DEMO.glob("*.yaml")}
NAMES = (
    "name",
    "kind",
    "spec",
    "traits",
    "parameters",
    "revisionName",
    "scopes",
    "dataInputs",
    "x",
)
PLACE = re.compile(r"(\.yaml(:\d+)?: |expected an ApplicationConfiguration)")


@st.composite
def folders(draw: st.DrawFn) -> dict[str, list[Any]]:
    """The demo's files, one of which is damaged."""
    name = draw(st.sampled_from(sorted(FILES)))
    return {**FILES, name: draw(mutated(FILES[name], names=NAMES, most=3))}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(folders())
def test_any_damage_is_rendered_or_told_with_its_file(files: dict[str, list[Any]]) -> None:
    done = outcome(files)
    event(type(done).__name__)
    if isinstance(done, str):
        assert PLACE.search(done), done
        return
    assert json.loads(json.dumps(done.objects)) == list(done.objects)
    for obj in done.objects:
        assert obj["metadata"]["name"]
        assert obj["metadata"]["ownerReferences"][0]["kind"] == "ApplicationConfiguration"


def outcome(files: dict[str, list[Any]]) -> RenderedApplications | str:
    """What is rendered, or the explanation why nothing is."""
    with tempfile.TemporaryDirectory() as name:
        for file, documents in files.items():
            (Path(name) / file).write_text(yaml.safe_dump_all(documents))
        try:
            return render(name)
        except InputError as error:
            return str(error)
