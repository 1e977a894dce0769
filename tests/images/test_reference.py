from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.errors import InputError
from oamkit.images.reference import Reference

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("written", "completed"),
    [
        ("flask-sample:v1", "docker.io/library/flask-sample:v1"),
        ("python", "docker.io/library/python:latest"),
        ("owner/name", "docker.io/owner/name:latest"),
        ("docker.io/python:3", "docker.io/library/python:3"),
        ("index.docker.io/library/python", "docker.io/library/python:latest"),
        ("ghcr.io/a/b/c:T.a-g_1", "ghcr.io/a/b/c:T.a-g_1"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        (f"python@{DIGEST}", f"docker.io/library/python@{DIGEST}"),
        (f"python:3@{DIGEST}", f"docker.io/library/python:3@{DIGEST}"),
        ("a/b__c-d.e", "docker.io/a/b__c-d.e:latest"),
    ],
)
def test_a_name_is_completed_as_docker_does(written: str, completed: str) -> None:
    assert str(Reference.parse(written)) == completed


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("", "repository"),
        ("Flask-Sample:v1", "capitals"),
        ("a:", "tag ''"),
        ("a:-x", "tag"),
        ("a:" + "x" * 129, "tag"),
        ("a@sha256:12", "digest"),
        ("a@md5:" + "a" * 32, "digest"),
        ("a//b", "repository"),
        ("/a", "repository"),
        ("a b", "repository"),
        ("../a", "host name"),
        ("a/../b", "repository"),
        ("-x.com/a", "host name"),
        ("a.com:port/b", "host name"),
        ("f" * 64, "id"),
        ("a/" * 130 + "a", "longer"),
    ],
)
def test_a_wrong_name_is_refused_with_the_part_that_is_wrong(written: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        Reference.parse(written)
    assert "looks like" in caught.value.hint


names = st.from_regex(r"[a-z0-9]{1,8}([_-][a-z0-9]{1,8}){0,2}", fullmatch=True)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
domains = st.sampled_from(["", "localhost/", "ghcr.io/", "registry.example:5000/", "docker.io/"])


@given(domains, st.lists(names, min_size=1, max_size=3), st.none() | tags)
def test_completing_and_shortening_keep_the_image(
    domain: str, path: list[str], tag: str | None
) -> None:
    written = domain + "/".join(path) + (f":{tag}" if tag else "")
    reference = Reference.parse(written)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_an_input_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InputError:
        return
    assert Reference.parse(str(reference)) == reference
