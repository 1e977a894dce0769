"""Contract 3.3: field paths."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oamkit.oam import fieldpath
from oamkit.oam.fieldpath import FieldNotFoundError, FieldPathError

NO_DEADLINE = settings(deadline=None)

# What a path can name: no brackets, and no quotes that the grammar would trim.
names = st.text(min_size=1, max_size=8).filter(lambda name: not set(name) & set("[]'\""))
segments = st.lists(
    st.one_of(names, st.integers(min_value=0, max_value=5)), min_size=1, max_size=5
).map(lambda parts: ("root", *parts))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", ("a", "b")),
        ("a[0]", ("a", 0)),
        ("a[0][1]", ("a", 0, 1)),
        ("a[key.with.dots]", ("a", "key.with.dots")),
        ("a['key']", ("a", "key")),
        ('a["key"]', ("a", "key")),
        ("a[0].b", ("a", 0, "b")),
        ("a.0", ("a", "0")),
        ("a[007]", ("a", 7)),
        ("a[4294967295]", ("a", 4294967295)),
        ("a[4294967296]", ("a", "4294967296")),
        ("a[-1]", ("a", "-1")),
        ("a[+1]", ("a", "+1")),
        ("a[²]", ("a", "²")),
        ("[0]", (0,)),
        ("spec.containers[0].env[2].value", ("spec", "containers", 0, "env", 2, "value")),
    ],
)
def test_3_3_grammar_accepts(path: str, expected: tuple[str | int, ...]) -> None:
    assert fieldpath.parse(path) == expected


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (".a", "unexpected '.' at position 0"),
        ("a..b", "unexpected '.' at position 2"),
        ("a.", "unexpected '.' at position 1"),
        (".", "unexpected '.' at position 0"),
        ("a[]", "unexpected ']' at position 2"),
        ("a.[0]", "unexpected '[' at position 2"),
        ("a[[0]]", "unexpected '[' at position 2"),
        ("a[0", "unterminated '[' at position 1"),
        ("a]", "unexpected ']' at position 1"),
        ("a[0]]", "unexpected ']' at position 4"),
        ("a[0].", "unexpected '.' at position 4"),
    ],
)
def test_3_3_grammar_refuses_with_the_position(path: str, problem: str) -> None:
    with pytest.raises(FieldPathError) as caught:
        fieldpath.parse(path)
    assert caught.value.message == f'cannot parse path "{path}": {problem}'


def test_3_3_an_empty_path_names_nothing() -> None:
    with pytest.raises(FieldPathError, match="names no field"):
        fieldpath.set_value({}, "", 1)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("spec.missing", FieldNotFoundError, "spec.missing: no such field"),
        ("spec.list[1]", FieldNotFoundError, "spec.list[1]: no such element"),
        ("spec.list[9]", FieldNotFoundError, "spec.list[9]: no such element"),
        ("spec.text.deeper", FieldPathError, "spec.text: not an object"),
        ("spec[0]", FieldPathError, "spec: not an array"),
        ("spec.list.name", FieldPathError, "spec.list: not an object"),
    ],
)
def test_3_3_get_tells_absence_from_wrong_types(
    path: str, error: type[FieldPathError], message: str
) -> None:
    with pytest.raises(FieldPathError) as caught:
        fieldpath.get_value({"spec": {"list": [1], "text": "x"}}, path)
    assert type(caught.value) is error
    assert caught.value.message == message


def test_3_3_get_text_wants_a_string() -> None:
    obj = {"metadata": {"annotations": {"app-int": 3, "text": "x"}}}
    assert fieldpath.get_text(obj, "metadata.annotations.text") == "x"
    with pytest.raises(FieldPathError, match=r"^metadata\.annotations\.app-int: not a string$"):
        fieldpath.get_text(obj, "metadata.annotations.app-int")


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ({}, "a.b", {"a": {"b": "new"}}),
        ({}, "a[2]", {"a": [None, None, "new"]}),
        ({"a": [1]}, "a[1].b", {"a": [1, {"b": "new"}]}),
        ({"a": [None]}, "a[0].b", {"a": [{"b": "new"}]}),
        ({"a": {"b": 1}}, "a.b", {"a": {"b": "new"}}),
        ({"a": {"b": [1]}}, "a.b", {"a": {"b": "new"}}),
        ({}, "a[0][1]", {"a": [[None, "new"]]}),
        ({}, "metadata.labels[x.io/y]", {"metadata": {"labels": {"x.io/y": "new"}}}),
    ],
)
def test_3_3_set_makes_what_is_missing(
    before: dict[str, Any], path: str, after: dict[str, Any]
) -> None:
    fieldpath.set_value(before, path, "new")
    assert before == after


@pytest.mark.parametrize(
    ("before", "path", "message"),
    [
        ({"metadata": {}}, "metadata[0]", "metadata is not an array"),
        ({"metadata": []}, "metadata.name", "metadata is not an object"),
        ({"a": "text"}, "a.b.c", "a is not an object"),
        ({"a": None}, "a.b", "a is not an object"),
        ({"a": [3]}, "a[0][0]", "a[0] is not an array"),
    ],
)
def test_3_3_set_refuses_wrong_containers(before: Any, path: str, message: str) -> None:
    with pytest.raises(FieldPathError) as caught:
        fieldpath.set_value(before, path, "new")
    assert caught.value.message == message


def test_3_3_set_does_not_fill_the_memory_for_one_wrong_index() -> None:
    with pytest.raises(FieldPathError, match="over the limit of 1024"):
        fieldpath.set_value({}, "a[4294967295]", 1)


@NO_DEADLINE
@given(segments)
def test_3_3_printed_paths_parse_to_the_same_segments(path: tuple[str | int, ...]) -> None:
    assert fieldpath.parse(fieldpath.printed(path)) == path


@NO_DEADLINE
@given(segments, st.one_of(st.text(), st.integers()))
def test_3_3_what_was_set_is_got(path: tuple[str | int, ...], value: object) -> None:
    obj: dict[str, Any] = {}
    fieldpath.set_value(obj, fieldpath.printed(path), value)
    assert fieldpath.get_value(obj, fieldpath.printed(path)) == value


@NO_DEADLINE
@given(st.text(alphabet="ab01.[]'\"", max_size=12))
def test_3_3_any_text_is_parsed_or_refused(path: str) -> None:
    with contextlib.suppress(FieldPathError):
        assert fieldpath.parse(path)
