"""The outline of CUE texts: labels, markers, and what is used of the context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.oam.cuetext import outline

MARKED = {
    "// +patchKey=name\npatch: spec: list: []": ("patch", "spec", "list"),
    "patch: {\n\tspec: {\n\t\t// +patchKey=name\n\t\tlist: [{a: 1}]\n\t\tother: 2\n\t}\n}": (
        "patch", "spec", "list",
    ),
    "patch: {\n\t// +patchKey=name\n\t// a word about it\n\tspec: template: spec: containers: [x]\n}": (
        "patch", "spec", "template", "spec", "containers",
    ),
    "patch: {a: 1, b: {\n// +patchKey=name\nc: []}}": ("patch", "b", "c"),
    "patch: containers: [{\n\t// +patchKey=name\n\tenv: []\n}]": ("patch", "containers", "[]", "env"),
    'patch: {"a.b": {\n// +patchKey=name\n"c/d": []}}': ("patch", "a.b", "c/d"),
    "patch: {\n\tif parameter.x != _|_ {\n\t\t// +patchKey=name\n\t\tlist: []\n\t}\n}": ("patch", "list"),
    "s: \"}}\\\"{ // +patchKey=no\"\npatch: {\n// +patchKey=name\nlist: []}": ("patch", "list"),
    's: """\n\t{{ // +patchKey=no\n\t"""\npatch: {\n// +patchKey=name\nlist: []}': ("patch", "list"),
    's: "\\(f({a: "}"})) {"\npatch: {\n// +patchKey=name\nlist: []}': ("patch", "list"),
    's: #"\\("#\npatch: {\n// +patchKey=name\nlist: []}': ("patch", "list"),
    "[string]: {\n// +patchKey=name\nlist: []}": ("*", "list"),
    "patch: #A & {\n// +patchKey=name\nlist?: []}": ("patch", "list"),
}  # fmt: skip


@pytest.mark.parametrize("text", MARKED)
def test_a_marker_belongs_to_the_field_below(text: str) -> None:
    (marker,) = outline(text).markers
    assert (marker.path, marker.key, marker.value) == (MARKED[text], "patchKey", "name")
    assert "+patchKey=name" in text.splitlines()[marker.line - 1]


def test_top_level_fields() -> None:
    text = 'import "strings"\n#A: b: 1\noutput: {parameter: 2}\nparameter: {output: 1}\n"x-y"?: 3\nz: a: b: 4'
    assert [name for name, _ in outline(text).fields] == ["#A", "output", "parameter", "x-y", "z"]
    assert [text[at:].split(":")[0] for _, at in outline(text).fields] == [
        "#A", "output", "parameter", '"x-y"?', "z",
    ]  # fmt: skip


def test_what_is_used_of_the_context() -> None:
    text = 'a: context.name // context.no\nb: "\\(context.appName)-x context.no"\nc: other.context.no\n\td: context.x.y'
    assert outline(text).context == (("name", 1, 4), ("appName", 2, 7), ("x", 4, 5))


@given(st.text(alphabet='{}[]()":\\/#+ \nabc,=', max_size=60))
def test_any_text_has_an_outline(text: str) -> None:
    outline(text)
