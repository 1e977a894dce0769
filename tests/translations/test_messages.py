"""Messages are extracted from the source, and all of them are translated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import translate_messages as tool


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise Error("There is no such file.")', ["There is no such file."]),
        ('say(f"image {self.tag}: built in {show.seconds(each.duration)}")', ["image {tag}: built in {duration}"]),
        ("x(f\"there is: {', '.join(sorted(names))} and {len(names)}\")", ["there is: {names} and {names2}"]),
        ('f"no such {kind}" if kind else "nothing at all"', ["no such {kind}", "nothing at all"]),
        ("f\"it is {'rather old' if old else 'quite new'} now\"", ["it is {value} now", "rather old", "quite new"]),
        ('x("a brace { and text")', ["a brace {{ and text"]),
        ('x = "a text with {braces} in it"', ["a text with {{braces}} in it"]),
        ('SOLUTION = """\\nx = {"a b": 1}\\napply(x)\\n"""', []),
        ('Wrong("by hand", "x(1)", hint="past the application")', []),
        ('exercise("06.1", title="Scale", solution="apply to it")', ["Scale"]),
        ('Table(("NAME", "STATE"), rows)', ["NAME", "STATE"]),
        ('columns = ("NAME", f(1))', ["NAME"]),
        ('_STYLES = {"ready": "green"}', ["ready"]),
        ('WORDS = {"close": "Close", "x": "a b"}', ["Close", "a b"]),
        ('WORDS = {"x": [{"letter": "A", "word": "trait"}]}', ["trait"]),
        ('message("Traits")', ["Traits"]),
        ('translate("Error:")', ["Error:"]),
        ("x(\"NAME isn't set\")", ["NAME isn't set"]),
        ('x("Traits")', []),
        ('x("Nothing.")', ["Nothing."]),
        ('re.compile("ClusterRole .* exists and so on")', []),
        ('if "connection was refused" in text: pass', []),
        ('text.startswith("no such thing here")', []),
        ("f'<p style=\"x\">{text} and so on</p>'", []),
        ('name = "not for people"  # no message', []),
        ('def f():\n    """Does this and that."""', []),
        ('@app.command()\ndef f():\n    """Do this and that."""', ["Do this and that."]),
        ('def f(x: Annotated[int, Option("--x", help="How often it is.")]): pass', ["How often it is."]),
        ('found["a key of some words"]', []),
        ('"""A module about things."""\nX = 1\n"""An attribute about things."""', []),
        ('x("  Some words around spaces \\n")', ["Some words around spaces"]),
    ],
)  # fmt: skip
def test_what_is_for_people_is_found(source: str, found: list[str]) -> None:
    assert sorted(tool.in_source("import x\n" + source)) == sorted(found)


def test_pictures_and_notes_of_notebooks_are_found() -> None:
    source = (
        'lesson.flow(("You", "do it"), (f"API {version}", "stores"), title="All")\n'
        'show_yaml("some file.yaml", kind="A b", notes={"spec.a": "what it is"})\n'
        'print("not this one")'
    )
    assert sorted(tool.in_cell(source)) == [
        "API {version}",
        "All",
        "You",
        "do it",
        "stores",
        "what it is",
    ]


def problems(**entries: str) -> list[str]:
    catalogue = Catalog(locale="zh")
    for key, text in entries.items():
        catalogue.add(key.replace("_", " "), text)
    return list(tool.problems(catalogue, ["one {tag}", "two"]))


def test_a_catalogue_that_isn_t_whole_is_told() -> None:
    catalogue = Catalog(locale="zh")
    catalogue.add("one {tag}", "一 {tag}")
    catalogue.add("two", "二")
    assert list(tool.problems(catalogue, ["one {tag}", "two"])) == []
    assert list(tool.problems(catalogue, ["one {tag}", "two", "three"])) == ["missing: 'three'"]
    assert list(tool.problems(catalogue, ["two"])) == ["left over: 'one {tag}'"]
    catalogue["two"].string = ""
    assert list(tool.problems(catalogue, ["one {tag}", "two"])) == ["not translated yet: 'two'"]
    catalogue["two"].string = "二"
    catalogue["two"].flags.add("fuzzy")
    assert list(tool.problems(catalogue, ["one {tag}", "two"])) == ["stale: 'two'"]
    for wrong in ("一", "一 {name}", "一 {tag} {tag2}", "一 {tag"):
        catalogue["one {tag}"].string = wrong
        assert "other slots: 'one {tag}'" in next(tool.problems(catalogue, ["one {tag}", "two"]))


def test_updating_keeps_what_is_translated_and_drops_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "FILE", tmp_path / "zh" / "messages.po")
    monkeypatch.setattr(
        tool, "messages", lambda: {"There is no image {tag}.": ["a.py"], "Old words.": ["a.py"]}
    )
    catalogue = tool.update()
    for each in catalogue:
        each.string = {"There is no image {tag}.": "没有镜像 {tag}。", "Old words.": "旧。"}.get(
            str(each.id), ""
        )
    tool.FILE.write_text(tool.written(catalogue))
    monkeypatch.setattr(
        tool, "messages", lambda: {"There is no image {tag} here.": ["b.py"], "New.": ["a.py"]}
    )
    told = list(tool.problems(tool.update(), tool.messages()))
    assert told == ["not translated yet: 'New.'", "stale: 'There is no image {tag} here.'"]
    before = tool.FILE.read_text()
    assert "Old words" not in before
    assert "没有镜像 {tag}。" in before
    tool.update()
    assert tool.FILE.read_text() == before


def test_every_message_has_slots_that_can_be_filled() -> None:
    for text in tool.messages():
        assert all(name.isidentifier() for name in tool.slots(text)), text


def test_all_messages_are_translated() -> None:
    assert list(tool.problems(tool.load(), tool.messages())) == []
