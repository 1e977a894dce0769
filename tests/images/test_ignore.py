from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.errors import InputError
from oamkit.images.ignore import IgnoreRules

PATH = Path(".dockerignore")


def ignores(text: str, path: str) -> bool:
    return IgnoreRules.parse(PATH, text).ignores(path)


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("a", "ab", False),
        ("/a", "a", True),
        ("a/", "a/b", True),
        ("./a", "a", True),
        ("a/../b", "b", True),
        ("*", "a", True),
        ("*.py", "a.py", True),
        ("*.py", "d/a.py", False),
        ("*/*.py", "d/a.py", True),
        ("**/*.py", "a.py", True),
        ("**/*.py", "d/e/a.py", True),
        ("d/**", "d/e/f", True),
        ("d/**", "d", False),
        ("d/**/f", "d/f", True),
        ("**/__pycache__", "d/__pycache__/x", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].txt", "b.txt", True),
        ("[^ab].txt", "b.txt", False),
        ("[a-c].txt", "b.txt", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.b", "axb", False),
        ("# a", "# a", False),
        ("  a  ", "a", True),
        ("", "a", False),
        (".", "a", False),
        ("*\n!a", "a", False),
        ("*\n!a", "b", True),
        ("!a\n*", "a", True),
        ("*\n!d/a", "d/a", False),
        ("*\n!d/a", "d/b", True),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
    ],
)
def test_patterns_match_as_docker_s_do(patterns: str, path: str, ignored: bool) -> None:
    assert ignores(patterns, path) is ignored


@pytest.mark.parametrize("text", ["ok\n[a", "ok\n!", "ok\n[]", "ok\n[a-"])
def test_a_wrong_pattern_is_named_with_its_line(text: str) -> None:
    with pytest.raises(InputError, match=r"\.dockerignore:2:"):
        IgnoreRules.parse(PATH, text)


def test_the_file_beside_the_dockerfile_counts_first(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a")
    dockerfile = tmp_path / "sub.Dockerfile"
    assert IgnoreRules.of_context(tmp_path, dockerfile).ignores("a")
    (tmp_path / "sub.Dockerfile.dockerignore").write_text("b")
    assert not IgnoreRules.of_context(tmp_path, dockerfile).ignores("a")


def test_no_file_ignores_nothing(tmp_path: Path) -> None:
    assert not IgnoreRules.of_context(tmp_path, tmp_path / "Dockerfile").ignores("a")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match=r"\.dockerignore: isn't text"):
        IgnoreRules.of_context(tmp_path, tmp_path / "Dockerfile")


names = st.text(st.sampled_from("ab.c-_"), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@given(paths, paths)
def test_a_plain_pattern_covers_itself_and_what_is_in_it(pattern: str, path: str) -> None:
    assert ignores(pattern, path) == (path == pattern or path.startswith(pattern + "/"))


@given(paths, st.lists(paths, max_size=3))
def test_taking_everything_back_ignores_nothing(path: str, patterns: list[str]) -> None:
    assert not ignores("\n".join([*patterns, f"!{path}"]), path)


@given(st.text(max_size=40), paths)
def test_any_text_is_patterns_or_an_error(text: str, path: str) -> None:
    try:
        rules = IgnoreRules.parse(PATH, text)
    except InputError:
        return
    rules.ignores(path)
