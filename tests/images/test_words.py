from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.images.words import (
    Expander,
    ShellWordError,
    expand,
    raw_words,
    shell_words,
    split_words,
)

ENV = {"A": "1", "EMPTY": "", "WORDS": "x  y"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A", "1"),
        ("${A}b", "1b"),
        ("$Ab", ""),
        ("$A.b", "1.b"),
        ("${A:-2}", "1"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${NONE:-2}", "2"),
        ("${NONE-2}", "2"),
        ("${NONE:-${A}/$A}", "1/1"),
        ("${NONE:-'a b'}", "a b"),
        ("${A:+2}", "2"),
        ("${EMPTY:+2}", ""),
        ("${EMPTY+2}", "2"),
        ("${A:?no}", "1"),
        ("'$A'", "$A"),
        ('"$A"', "1"),
        (r"\$A", "$A"),
        (r'"\$A \" \\ \n"', r'$A " \ \n'),
        ("a$", "a$"),
        ("$/x", "$/x"),
        ("a b", "a b"),
        ("$WORDS", "x  y"),
    ],
)
def test_variables_are_replaced_as_docker_does(text: str, value: str) -> None:
    assert expand(text, ENV) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("'a", "single quote"),
        ('"a', "double quote"),
        ("${A", "followed by"),
        ("${", "name"),
        ("${A:-b", "no '}'"),
        ("${A:=b}", "':='"),
        ("${NONE:?must be given}", "must be given"),
    ],
)
def test_what_has_no_end_or_no_value_is_refused(text: str, why: str) -> None:
    with pytest.raises(ShellWordError, match=why):
        expand(text, ENV)


def test_another_escape_leaves_backslashes_alone() -> None:
    assert expand("C:\\`$A", {"A": "1"}, "`") == "C:\\$A"


def test_values_are_not_split_again_into_words_of_an_instruction() -> None:
    assert split_words("$WORDS 'a b' c", ENV) == ["x  y", "a b", "c"]


def test_a_shell_splits_unquoted_values_and_drops_empty_ones() -> None:
    assert shell_words('p $WORDS "$WORDS" $EMPTY "$EMPTY"', ENV) == [["p", "x", "y", "x  y", ""]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a | b", "'|'"),
        ("a || b", "'||'"),
        ("a; b", "';'"),
        ("a > b", "'>'.*quotes"),
        ("pip install flask>=3", "'>'.*quotes"),
        ("a &", "'&'"),
        ("a $(b)", "runs another command"),
        ('a "$(b)"', "runs another command"),
        ("a `b`", "'`'"),
        ('a "`b`"', "runs another command"),
        ("(a)", r"'\('"),
        ("a *.whl", r"'\*'"),
        ("a ~/x", "'~'"),
        ("a &&", "between two commands"),
        ("&& a", "between two commands"),
        ("a <<EOF", "'<<'"),
    ],
)
def test_what_needs_a_shell_is_refused(text: str, why: str) -> None:
    with pytest.raises(ShellWordError, match=why):
        shell_words(text, ENV)


def test_operators_in_quotes_are_text() -> None:
    assert shell_words("""a "b>=1;|&" 'c*' d\\;""", {}) == [["a", "b>=1;|&", "c*", "d;"]]


def test_pairs_keep_quoted_blanks() -> None:
    pairs = Expander({"A": "1"}).pairs(r"""a="b c" d='$A' e=$A f=g\ h i=""")
    assert pairs == [("a", "b c"), ("d", "$A"), ("e", "1"), ("f", "g h"), ("i", "")]


def test_the_old_form_of_env_takes_the_rest_of_the_line() -> None:
    assert Expander({"A": "1"}).pairs("NAME a $A  b") == [("NAME", "a 1  b")]


@pytest.mark.parametrize("text", ["a=1 b", "a"])
def test_a_name_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(ShellWordError):
        Expander({}).pairs(text)


printable = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20)


@given(st.lists(printable, min_size=1, max_size=5))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    assert shell_words(shlex.join(words), {}) == [words]
    assert split_words(shlex.join(words), {}) == words


@given(st.text(max_size=60))
def test_any_text_is_words_or_an_error(text: str) -> None:
    raw_words(text)
    for read in (expand, split_words, shell_words):
        try:
            read(text, ENV)
        except ShellWordError as error:
            assert str(error)  # noqa: PT017 - most texts raise nothing
