from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.errors import InputError
from oamkit.images.dockerfile import Instruction, parse_dockerfile

PATH = Path("Dockerfile")


def read(text: str) -> list[tuple[int, str, str]]:
    return [(i.line, i.keyword, i.value) for i in parse_dockerfile(PATH, text).instructions]


def test_instructions_have_the_line_that_they_begin_on() -> None:
    text = "# a comment\n\nFROM a\n  # another\n\nrun b \\\n    c\nCMD d"
    assert read(text) == [(3, "FROM", "a"), (6, "RUN", "b     c"), (8, "CMD", "d")]


@pytest.mark.parametrize("between", ["# a comment\n", "\n", "  # indented\n\n"])
def test_comments_and_blank_lines_do_not_end_a_continued_instruction(between: str) -> None:
    assert read(f"RUN a \\\n{between}b\nCMD c") == [
        (1, "RUN", "a b"),
        (3 + between.count("\n"), "CMD", "c"),
    ]


def test_blanks_behind_the_escape_are_forgiven() -> None:
    assert read("RUN a \\ \t\nb") == [(1, "RUN", "a b")]


def test_a_doubled_escape_continues_nothing() -> None:
    assert read("RUN a \\\\\nCMD b") == [(1, "RUN", "a \\\\"), (2, "CMD", "b")]


def test_a_file_that_ends_within_an_instruction_keeps_it() -> None:
    assert read("RUN a \\\n") == [(1, "RUN", "a")]


def test_an_instruction_without_arguments_is_kept() -> None:
    assert read("FROM a\nRUN\nCMD b") == [(1, "FROM", "a"), (2, "RUN", ""), (3, "CMD", "b")]


def test_windows_line_ends_and_a_byte_order_mark_are_forgiven() -> None:
    assert read("\ufeffFROM a\r\nRUN b \\\r\n c\r\n") == [(1, "FROM", "a"), (2, "RUN", "b  c")]


def test_unusual_line_separators_are_text() -> None:
    assert read("ENV a=b\x0bc\u2028d\nCMD e") == [(1, "ENV", "a=b\x0bc\u2028d"), (2, "CMD", "e")]


def test_the_escape_directive_counts_behind_a_syntax_directive() -> None:
    text = "# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\nb\nCMD c\\\nCMD d"
    file = parse_dockerfile(PATH, text)
    assert file.escape == "`"
    assert [i.value for i in file.instructions] == ["a b", "c\\", "d"]


@pytest.mark.parametrize("first", ["# a comment\n", "\n", "FROM a\n", "# unknown=x\n"])
def test_a_directive_counts_only_at_the_top(first: str) -> None:
    assert parse_dockerfile(PATH, first + "# escape=`\nRUN b").escape == "\\"


@pytest.mark.parametrize("text", ["# escape=x\nFROM a", "# escape=`\n# escape=`\nFROM a"])
def test_a_wrong_directive_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"Dockerfile:[12]:"):
        parse_dockerfile(PATH, text)


def test_flags_are_told_from_the_value() -> None:
    [copy, check, run] = parse_dockerfile(
        PATH,
        "COPY --chown=1:2 --link a --b /c\nHEALTHCHECK --interval=5s CMD x\nRUN --mount=type=x,id='a b' y",
    ).instructions
    assert copy.flags == (("chown", "1:2"), ("link", ""))
    assert copy.value == "a --b /c"
    assert check.flags == (("interval", "5s"),)
    assert run.flags == (("mount", "type=x,id=a b"),)


def test_the_exec_form_is_a_json_list_of_strings() -> None:
    def words(value: str) -> tuple[str, ...] | None:
        return Instruction(1, "CMD", (), value).words

    assert words('["a", "b c"]') == ("a", "b c")
    assert words("['a']") is None
    assert words("[1]") is None
    assert words("[ -f x ] && y") is None
    assert words("a") is None


def test_a_here_document_is_no_instruction() -> None:
    text = "RUN <<EOF\nFROM x\nEOF\nCOPY <<-A <<'B' /c\n\ta\n\tA\nb\nB\nCMD d"
    file = parse_dockerfile(PATH, text)
    assert [(i.line, i.keyword) for i in file.instructions] == [(1, "RUN"), (4, "COPY"), (9, "CMD")]
    assert [h.content for h in file.instructions[0].heredocs] == ["FROM x\n"]
    assert [(h.name, h.content) for h in file.instructions[1].heredocs] == [
        ("A", "a\n"),
        ("B", "b\n"),
    ]


def test_a_here_document_without_end_is_named_with_its_line() -> None:
    with pytest.raises(
        InputError, match=r"Dockerfile:2: the here-document <<EOF has no line 'EOF'"
    ):
        parse_dockerfile(PATH, "FROM a\nRUN <<EOF\nx\n")


keywords = st.sampled_from(["FROM", "RUN", "CMD", "ENV", "COPY", "LABEL", "WORKDIR"])
word = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
gaps = st.lists(st.sampled_from(["", "# a comment", "   "]), max_size=3)


@given(st.lists(st.tuples(keywords, st.lists(word, min_size=1, max_size=5), gaps), max_size=8))
def test_whatever_is_written_is_read_back(
    instructions: list[tuple[str, list[str], list[str]]],
) -> None:
    lines: list[str] = []
    expected = []
    for keyword, words, gap in instructions:
        lines += gap
        expected.append((len(lines) + 1, keyword, " ".join(words)))
        lines.append(f"{keyword} " + words[0] + (" \\" if len(words) > 1 else ""))
        for position, part in enumerate(words[1:], 2):
            lines += gap
            lines.append(part + (" \\" if position < len(words) else ""))
    assert read("\n".join(lines)) == expected


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        file = parse_dockerfile(PATH, text)
    except InputError:
        return
    lines = text.count("\n") + 1
    assert all(1 <= instruction.line <= lines for instruction in file.instructions)
