"""The CUE that the course ships says what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oamkit import cue, render
from oamkit.oam.schematic import Template

pytestmark = pytest.mark.binaries

DEMO = Path(__file__).parents[2] / "flask-demo"
SHOP, PLATFORM = DEMO / "shop", DEMO / "platform"


def test_the_shops_cue_is_the_shops_yaml() -> None:
    written = {
        (obj["kind"], obj["metadata"]["name"]): obj
        for file in SHOP.glob("*.yaml")
        for obj in yaml.safe_load_all(file.read_text())
    }
    made = {
        (obj["kind"], obj["metadata"]["name"]): obj
        for obj in cue.evaluate(SHOP / "cue", expression="objects")
    }
    assert made == written
    assert len(made) == 10


def test_the_platforms_offer_becomes_what_the_runtime_takes() -> None:
    objects = cue.evaluate(PLATFORM, expression="shop.objects")
    assert [obj["kind"] for obj in objects] == [
        "Component",
        "Component",
        "ApplicationConfiguration",
    ]
    kinds = [obj["kind"] for obj in render(objects).objects]
    assert kinds == ["Deployment", "Service", "Ingress", "Deployment"]


def _shop(text: str) -> dict[str, Any]:
    files = {
        str(file.relative_to(PLATFORM)): file.read_text()
        for file in PLATFORM.rglob("*.cue")
        if "definitions" not in file.parts
    }
    return files | {"more.cue": f"package shop\n\nshop: {text}\n"}


@pytest.mark.parametrize(
    "text",
    [
        "webservice: x: {}",
        'webservice: x: {image: "a", replica: 1}',
        'webservice: x: {image: "a", replicas: 9}',
        'webservice: x: {image: "a", path: "no"}',
        'worker: x: {image: "a", port: 80}',
        'worker: Big: image: "a"',
    ],
)
def test_what_the_platform_does_not_offer_is_refused(text: str) -> None:
    with pytest.raises(cue.CueError):
        cue.evaluate(_shop(text), expression="shop.objects")


@pytest.mark.parametrize("folder", [SHOP / "cue", PLATFORM], ids=["shop", "platform"])
def test_the_files_are_in_cues_form(folder: Path) -> None:
    for file in folder.rglob("*.cue"):
        assert str(cue.fmt(file.read_text())) == file.read_text().rstrip("\n"), file


@pytest.mark.parametrize(
    "file", sorted((PLATFORM / "definitions").glob("*.cue")), ids=lambda f: f.stem
)
def test_the_definitions_templates_contradict_nothing(file: Path) -> None:
    from oamkit.cue.schematic import answer

    kind = "WorkloadDefinition" if file.stem in ("webservice", "worker") else "TraitDefinition"
    assert answer(Template(kind, file.stem, file.read_text()).check()) == {}
