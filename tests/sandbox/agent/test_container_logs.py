import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.sandbox.agent.container_logs import LogOptions, LogTail, existing, follow
from oamkit.sandbox.agent.log_rotation import older, rotate


def entry(text, *, second=0, stream="stdout", tag="F"):
    return f"2030-01-01T00:00:{second:02d}.000000001Z {stream} {tag} {text}\n"


def shown(path, **options):
    return b"".join(existing(LogTail(path), path, LogOptions(**options))).decode()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "0.log"
    path.write_text(
        entry("one", second=1)
        + entry("two ", second=2, tag="P")
        + entry("halves", second=3)
        + "damaged\n"
        + entry("three", second=4, stream="stderr")
    )
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "one\ntwo halves\nthree\n"),
        ({"tail": 2}, "two halves\nthree\n"),
        ({"tail": 0}, ""),
        ({"stream": b"stderr"}, "three\n"),
        ({"since": 1893456004.0}, "three\n"),
        (
            {"tail": 2, "timestamps": True},
            "2030-01-01T00:00:02.000000001Z two halves\n2030-01-01T00:00:04.000000001Z three\n",
        ),
    ],
)
def test_what_the_program_wrote_comes_out(log, options, expected):
    assert shown(log, **options) == expected


@given(st.lists(st.text(alphabet="ab \t", max_size=5), max_size=20), st.integers(0, 25))
def test_the_last_lines_are_the_last_lines(tmp_path_factory, lines, count):
    path = tmp_path_factory.mktemp("logs") / "0.log"
    path.write_text("".join(entry(line) for line in lines))
    expected = lines[len(lines) - count :] if count < len(lines) else lines
    assert shown(path, tail=count) == "".join(f"{line}\n" for line in expected)


def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert shown(tmp_path / "none.log") == ""


@pytest.mark.parametrize(
    "query", [{"tailLines": "-1"}, {"tailLines": "x"}, {"limitBytes": "0"}, {"sinceTime": "now"}]
)
def test_options_that_make_no_sense_are_refused(query):
    with pytest.raises(ValueError, match=r".+"):
        LogOptions.of(query)


def test_following_goes_on_over_a_cut_and_ends_with_the_container(log):
    alive = [True]

    async def run():
        seen = b""
        options = LogOptions(follow=True)
        async for chunk in follow(log, options, lambda: alive[0], lambda: True):
            seen += chunk
            if b"three" in seen and b"four" not in seen:
                log.write_text(entry("four"))
            elif b"four" in seen and alive[0]:
                with log.open("a") as file:
                    file.write(entry("five"))
                alive[0] = False
        return seen

    assert asyncio.run(run()).decode() == "one\ntwo halves\nthree\nfour\nfive\n"


def test_following_ends_when_nobody_listens(log):
    async def run():
        options = LogOptions(follow=True, limit=1000)
        return [c async for c in follow(log, options, lambda: True, lambda: False)]

    assert asyncio.run(run()) == [b"one\ntwo halves\nthree\n"]


def test_no_more_bytes_than_asked_for(log):
    async def run():
        return [c async for c in follow(log, LogOptions(limit=5), lambda: False, lambda: True)]

    assert b"".join(asyncio.run(run())) == b"one\nt"


def test_a_long_log_is_cut_and_its_older_part_kept(tmp_path):
    log = tmp_path / "logs" / "main" / "0.log"
    log.parent.mkdir(parents=True)
    log.write_text(entry("x" * 100))
    rotate(tmp_path, limit=50)
    assert log.read_text() == ""
    log.write_text(entry("new"))
    assert shown(log) == "x" * 100 + "\nnew\n"
    rotate(tmp_path, limit=10)
    assert older(log).read_text() == entry("new")


def test_the_end_of_a_log_is_read_after_its_pod_was_deleted(log):
    async def read():
        alive, seen = True, []
        chunks = follow(log, LogOptions(follow=True), lambda: alive, lambda: True)
        async for chunk in chunks:
            seen.append(chunk)
            if alive:
                with log.open("a") as file:
                    file.write(entry("last words", second=5))
                log.unlink()
                alive = False
        return b"".join(seen)

    assert asyncio.run(read()).endswith(b"three\nlast words\n")
