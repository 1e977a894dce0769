"""The course's parts that need no kernel."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from oamkit.cluster import kit
from oamkit.errors import InputError
from oamkit.lesson import flow, layers, lessons
from oamkit.lesson.lessons import Need


def test_each_lesson_builds_on_what_the_ones_before_have_made() -> None:
    assert lessons.needs("03") == ()
    assert lessons.needs("04") == (Need.CLUSTER,)
    assert lessons.needs("06") == lessons.needs("07") == tuple(Need)


def test_lessons_are_found_in_their_order(project_root: Path) -> None:
    found = lessons.find(["6", "03-cluster", "04"], project_root / "notebooks" / "en")
    assert [lesson.number for lesson in found] == ["03", "04", "06"]


def test_a_language_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="en, zh"):
        lessons.folder("klingon")


def test_the_kit_is_found_from_below_and_from_elsewhere(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (project_root / "notebooks" / "en", tmp_path):
        monkeypatch.chdir(folder)
        assert kit.root() == project_root
    monkeypatch.setenv("OAMKIT_ROOT", str(tmp_path))
    with pytest.raises(InputError, match="OAMKIT_ROOT"):
        kit.root()


@pytest.mark.parametrize(
    "figure",
    [
        flow(
            *[
                (f"Step {n}", "does something that takes a few words to say & <more>")
                for n in range(7)
            ]
        ),
        layers(("Outside", "changes"), ("Inside", "stays"), title="Layers"),
        flow(("业务研发", "写代码,并说明如何运行:组件"), title="关注点分离"),
    ],
)
def test_pictures_are_images_with_words(figure) -> None:  # noqa: ANN001 - Figure, of the parameters above
    page = figure.to_html()
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert data is not None
    svg = ET.fromstring(base64.b64decode(data[1]))
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    for each in svg.iter():
        if "x" in each.attrib and "width" in each.attrib:
            assert float(each.attrib["x"]) + float(each.attrib["width"]) <= width
            assert float(each.attrib["y"]) + float(each.attrib["height"]) <= height
    assert 'alt="' in page
    assert str(figure) == figure.alt


@pytest.mark.parametrize(
    "text",
    [
        "WorkloadDefinition says that this kind runs code",
        "组件由业务研发编写,描述一个微服务:代码、镜像,以及如何运行它。",
        "Component 组件 + Trait 运维能力 = ApplicationConfiguration",
        "\u8bbe\u7f6e\u4e00\u4e2a\u6570\u76ee\uff0c\u5728\u5de5\u4f5c\u8d1f\u8f7d\u4e0a\uff0c\u6216\u5728\u522b\u7684\u5bf9\u8c61\u4e0a\u3002",  # with the signs of Chinese type
        "one",
    ],
)
def test_texts_are_broken_where_a_reader_would(text: str) -> None:
    from oamkit.lesson.figures import CHARACTER, _wrap

    lines = _wrap(text, 184)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        wide = sum(2 if ord(character) > 0x2E80 else 1 for character in line)
        assert wide * CHARACTER <= 184 + 2 * CHARACTER
        assert line[0] not in ",。、:;\uff0c\uff1a\uff1b"
    assert all(word in " ".join(lines) for word in re.findall("[A-Za-z]+", text))
