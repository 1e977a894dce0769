"""What the verbs make of CUE, by the real program."""

from __future__ import annotations

import doctest
import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from oamkit import cue
from oamkit.errors import InputError

pytestmark = pytest.mark.binaries

APP = """\
#App: {
	name!:    string
	replicas: int & >=1 & <=10 | *1
	ports: [...int]
}
"""
MODULE = {
    "cue.mod/module.cue": 'module: "kit.example/demo"\nlanguage: version: "v0.16.0"\n',
    "main.cue": 'package demo\n\nimport "kit.example/demo/lib"\n\nweb: lib.#App & {name: "web"}\n',
    "lib/lib.cue": f"package lib\n\n{APP}",
}


@pytest.mark.parametrize("name", ["errors", "limits", "openapi", "verbs"])
def test_examples_in_docstrings_are_right(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"oamkit.cue.{name}"))
    assert tried
    assert not failed


# What public tutorials of CUE begin with; each in our own words.
BASICS = {
    "data is CUE": ('a: 1, b: "x", c: [true, null]', {"a": 1, "b": "x", "c": [True, None]}),
    "types are values": ("n: int, n: 3", {"n": 3}),
    "constraints": ("n: >=1 & <=5, n: 4", {"n": 4}),
    "defaults": ("n: *2 | int, m: *2 | int, m: 7", {"n": 2, "m": 7}),
    "disjunctions": ('size: "small" | "big", size: "big"', {"size": "big"}),
    "definitions are closed and not exported": ("#P: {x: int}, p: #P & {x: 1}", {"p": {"x": 1}}),
    "optional fields are no output": ("a?: int, b: 1", {"b": 1}),
    "hidden fields are no output": ("_a: 4, b: _a", {"b": 4}),
    "the same field may be said twice": ("a: b: 1, a: c: 2", {"a": {"b": 1, "c": 2}}),
    "references": ("a: 2, b: a + 1, c: {a: 9, d: a}", {"a": 2, "b": 3, "c": {"a": 9, "d": 9}}),
    "aliases": ('A="a-b": 1, c: A', {"a-b": 1, "c": 1}),
    "interpolation": ('n: "x", s: "is \\(n)", "\\(n)-1": 2', {"n": "x", "s": "is x", "x-1": 2}),
    "patterns": (
        '[Name=string]: {name: Name}\nweb: {}\ndb: name: "db"',
        {"web": {"name": "web"}, "db": {"name": "db"}},
    ),
    "list comprehensions": ("l: [for i in [1, 2, 3] if i > 1 {i * i}]", {"l": [4, 9]}),
    "field comprehensions": ('{for n in ["a", "b"] {"\\(n)": len(n)}}', {"a": 1, "b": 1}),
    "conditional fields": (
        "on: true, if on {port: 80}, if !on {none: 1}",
        {"on": True, "port": 80},
    ),
    "let": ("let x = 3\ny: x * 2", {"y": 6}),
    "the library": ('import "strings"\ns: strings.Join(["a", "b"], "-")', {"s": "a-b"}),
    "regular expressions": ('s: =~"^[a-z]+$"\ns: "abc"', {"s": "abc"}),
    "open lists": ('l: [int, ...string], l: [1, "a"]', {"l": [1, "a"]}),
    "texts of several lines": ('s: """\n\tone\n\ttwo\n\t"""', {"s": "one\ntwo"}),
}


@pytest.mark.parametrize("title", BASICS)
def test_basic_features(title: str) -> None:
    source, value = BASICS[title]
    assert cue.evaluate(source) == value


REFUSED = {
    "contradictions": ("n: 1, n: 2", "n", "conflicting values 2 and 1"),
    "types": ('n: int, n: "1"', "n", "mismatched types"),
    "bounds": ("n: <5, n: 7", "n", "out of bound <5"),
    "unknown fields of a definition": ("#P: {x: int}, p: #P & {y: 1}", "p.y", "not allowed"),
    "required fields": ("#P: {x!: int}, p: #P & {}", "p.x", "required but not present"),
    "all cases of a disjunction": ('s: "a" | "b", s: "c"', "s", "2 errors in empty disjunction"),
    "unknown names": ("a: {b: nothing}", "a.b", 'reference "nothing" not found'),
    "cycles": ("a: {b: a}", "a.b", "structural cycle"),
    "own words": ('n: 1\nif n < 2 {x: error("two or more")}', "x", "two or more"),
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_is_refused_is_told_with_its_path(title: str) -> None:
    source, path, message = REFUSED[title]
    with pytest.raises(cue.CueError) as caught:
        cue.evaluate(source)
    assert any(each.path == path and message in each.message for each in caught.value.problems)


def test_python_data_goes_in_and_comes_out() -> None:
    data = {"name": "wéb \u2028\U0001f300", "ports": [80, 443]}
    found = cue.evaluate(APP + "\napp: #App", data={"app": data}, expression="app")
    assert found == {**data, "replicas": 1}


def test_odd_texts_are_data_never_cue() -> None:
    for text in ("\\(x)", '"', "\n", "\x00\x1f\x7f", '#"""', "\\", "a\u2028b", "_|_"):
        assert cue.evaluate("x: 1, t: string", data={"t": text})["t"] == text
        assert cue.evaluate("t: _", data={"t": {text: [text]}})["t"] == {text: [text]}
    assert cue.evaluate("t: string", data={"t": "\ud800"})["t"] == "?"


def test_data_that_json_has_no_words_for_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for data in ({"a": {1, 2}}, {"a": float("nan")}, loop):
        with pytest.raises(InputError, match="JSON has no such data"):
            cue.evaluate("a: _", data=data)


def test_formats() -> None:
    source = "a: int | *1, b: [a]"
    assert str(cue.export(source)) == "a: 1\nb:\n  - 1"
    assert str(cue.export(source, out="cue", expression="b")) == "[1]"
    assert str(cue.export('t: "x\\ny"', out="text", expression="t")) == "x\ny"
    assert str(cue.export("a: >=2, b: a", out="cue")) == "a: >=2\nb: >=2"


def test_tags() -> None:
    source = 'env: "dev" | "prod" @tag(env)\nif env == "prod" {replicas: 3}\nfast: *false | bool @tag(fast,type=bool)'
    assert cue.evaluate(source, tags={"env": "prod", "fast": "true"})["replicas"] == 3
    with pytest.raises(cue.CueError, match="env"):
        cue.evaluate(source, tags={"env": "qa"})
    with pytest.raises(cue.CueError, match="no tag"):
        cue.evaluate(source, tags={"no": "x"})


def test_packages_of_a_module_in_memory_and_on_disk(tmp_path: Path) -> None:
    value = {"web": {"name": "web", "replicas": 1, "ports": []}}
    assert cue.evaluate(MODULE) == value
    for name, text in MODULE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cue.evaluate(tmp_path) == value
    assert cue.evaluate(tmp_path / "main.cue") == value
    assert "#App" in str(cue.export(tmp_path, package="./lib", out="cue"))


def test_a_package_from_elsewhere_is_refused_without_asking_any_registry() -> None:
    module = dict(MODULE)
    module["main.cue"] = module["main.cue"].replace("kit.example/demo/lib", "other.example/lib@v0")
    module["cue.mod/module.cue"] += 'deps: "other.example/lib@v0": v: "v0.1.0"\n'
    with pytest.raises(cue.CueError, match="module not found") as caught:
        cue.evaluate(module)
    assert "main.cue:3:8" in str(caught.value)


def test_names_of_files_stay_in_the_folder() -> None:
    for name in ("../x.cue", "/x.cue", "a/../../x.cue", "-x.cue", ""):
        with pytest.raises(InputError, match="no name of a file"):
            cue.evaluate({name: "a: 1"})


def test_an_expression_or_tag_is_never_taken_as_an_option(tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(cue.CueError):
        cue.evaluate("a: 1", expression=f"--outfile={target}")
    with pytest.raises(cue.CueError):
        cue.evaluate("a: 1", tags={f"--outfile={target}": True})
    assert not target.exists()


def test_commands_in_cue_are_not_run(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    source = f'import "tool/exec"\na: exec.Run & {{cmd: "touch {target}"}}'
    with pytest.raises(cue.CueError):
        cue.evaluate(source)
    assert not target.exists()


def test_files_outside_can_not_be_embedded(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"a": 1}')
    source = f'@extern(embed)\npackage demo\nx: _ @embed(file="{tmp_path}/secret.json")'
    with pytest.raises(cue.CueError):
        cue.evaluate({**MODULE, "main.cue": source})


def test_vet_tells_the_place_in_the_yaml(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text("name: web\nreplica: 3\n")
    with pytest.raises(cue.CueError) as caught:
        cue.vet(APP, file, schema="#App")
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == ("replica", "field not allowed")
    assert problem.place is not None
    assert (Path(problem.place.file).name, problem.place.line, problem.place.column) == (
        "app.yaml",
        2,
        1,
    )
    file.write_text("name: web\nreplicas: 3\n---\nname: db\n")
    assert str(cue.vet(APP, file, {"name": "x"}, schema="#App")) == "Valid: 2 checked."


def test_vet_of_several_documents_checks_each(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text("name: web\n---\nname: 7\n")
    with pytest.raises(cue.CueError, match="mismatched"):
        cue.vet(APP, file, schema="#App")


def test_vet_finds_all_problems_and_shows_their_lines() -> None:
    with pytest.raises(cue.CueError) as caught:
        cue.vet(APP, {"name": 3, "replicas": 99, "ports": ["x"]}, schema="#App")
    assert {each.path for each in caught.value.problems} == {"name", "replicas", "ports.0"}
    assert '2 |   "name": 3,' in str(caught.value)
    assert "2 | \tname!:    string\n  | \t          ^" in str(caught.value)


def test_vet_of_cue_alone() -> None:
    assert str(cue.vet("a: int", concrete=False)) == "Valid."
    with pytest.raises(cue.CueError, match="incomplete value int"):
        cue.vet("a: int")


def test_an_error_knows_its_first_place() -> None:
    with pytest.raises(cue.CueError) as caught:
        cue.evaluate("a: {\n\tb: }\n")
    assert (str(caught.value.file), caught.value.line, caught.value.column) == ("input.cue", 2, 5)
    assert caught.value.problems[0].message == "expected operand, found '}'"


def test_fmt_and_trim_of_texts_and_folders(tmp_path: Path) -> None:
    source = 'app: [string]: kind:   "web"\napp: shop: {\nkind: "web"\nport: 80\n}\n'
    (tmp_path / "a.cue").write_text(source)
    done = cue.fmt(tmp_path)
    assert isinstance(done, cue.Rewritten)
    assert [file.name for file in done.files] == ["a.cue"]
    assert 'kind: "web"' in (tmp_path / "a.cue").read_text()
    assert str(cue.fmt(tmp_path)) == "Nothing to change in 5 lines."
    assert str(cue.fmt('a: {"b": {c: 1}}', simplify=True)) == "a: b: c: 1"
    before = cue.evaluate(tmp_path / "a.cue")
    trimmed = cue.trim(tmp_path / "a.cue")
    assert isinstance(trimmed, cue.Rewritten)
    assert (trimmed.before, trimmed.after) == (5, 4)
    assert cue.evaluate(tmp_path / "a.cue") == before
    with pytest.raises(cue.CueError, match=r"input\.cue:1:4"):
        cue.fmt("a: ]")


def test_import_yaml_of_a_folder(tmp_path: Path) -> None:
    for name in ("web", "db"):
        (tmp_path / f"{name}.yaml").write_text(
            f"kind: Service\nmetadata: {{name: {name}}}\n---\nkind: Deployment\nmetadata: {{name: {name}}}\n"
        )
    found = cue.import_yaml(
        tmp_path, package="shop", path=["strings.ToLower(kind)", "metadata.name"]
    )
    assert str(found).startswith("package shop\n")
    value = cue.evaluate(found)
    assert {(kind, name) for kind in value for name in value[kind]} == {
        (kind, name) for kind in ("service", "deployment") for name in ("web", "db")
    }
    with pytest.raises(cue.CueError, match="multiple objects"):
        cue.import_yaml(tmp_path / "web.yaml")
    with pytest.raises(InputError, match="no such file"):
        cue.import_yaml(tmp_path / "other.yaml")


def test_calls_at_the_same_time_keep_apart() -> None:
    def one(number: int) -> object:
        return cue.evaluate("n: int, twice: n * 2", data={"n": number})["twice"]

    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(32))) == [2 * number for number in range(32)]
    assert threading.active_count() == before
