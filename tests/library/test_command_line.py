"""What ``oamkit`` says when something is wrong: in words, with what to do next, in the user's language."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer import rich_utils

from oamkit import images, telling
from oamkit.cluster.providers.sandbox import SandboxProvider
from oamkit.errors import SandboxError
from oamkit.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("home")

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Runs ``oamkit`` in this process; returns its exit code, output and errors."""
    for name in telling.TITLES:  # which stay translated in a process
        monkeypatch.setattr(rich_utils, name, getattr(rich_utils, name))

    def run(*arguments: str) -> tuple[int, str, str]:
        from oamkit.cli import main

        monkeypatch.setattr("sys.argv", ["oamkit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), shown.out, shown.err

    return run


def test_an_error_is_told_without_a_traceback(command: Main, tmp_path: Path) -> None:
    code, _, errors = command("build", str(tmp_path), "-t", "a:v1", "--provider", "sandbox")
    assert code == 1
    assert errors.startswith("Error: ")
    assert "no such Dockerfile" in errors
    assert "Hint: Paths start from the working folder" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        (("nosuch",), "Error: No such command 'nosuch'.\nHint: oamkit --help\n",
         "错误：没有命令 'nosuch'。\n提示：oamkit --help\n"),
        (("build",), "Error: Missing argument 'context'.\nHint: oamkit build --help\n",
         "错误：缺少参数 'context'。\n提示：oamkit build --help\n"),
        (("sandbox", "up", "--http-port", "x"),
         ("Error: Invalid value for '--http-port': Input should be a valid integer, unable to parse string as an integer"
          "\nHint: oamkit sandbox up --help\n"),
         "错误：'--http-port' 的值无效：应为整数\n提示：oamkit sandbox up --help\n"),
    ],
)  # fmt: skip
def test_a_command_that_is_written_wrongly_ends_with_2_and_names_its_help(
    command: Main,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    english: str,
    chinese: str,
) -> None:
    for language, told in (("en", english), ("zh", chinese)):
        monkeypatch.setenv("OAMKIT_LANG", language)
        assert command(*words) == (2, "", told)


def test_help_is_wholly_in_the_language_of_the_user(
    command: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAMKIT_LANG", "zh")
    for words in ([], ["build"], ["course"], ["render"], ["progress"], ["sandbox", "up"]):
        code, shown, _ = command(*words, "--help")
        assert code == 0
        for line in shown.splitlines():
            if "Usage:" not in line and len(line.split()) > 5:
                assert re.search("[一-鿿]", line), line


def test_the_sandbox_s_errors_are_told_like_all_others(
    command: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(_: Sandbox, **__: object) -> None:
        raise SandboxError("Port 80 [of 127.0.0.1] is taken.", hint="Name another one.")

    monkeypatch.setattr(Sandbox, "up", up)
    told = "Error: Port 80 [of 127.0.0.1] is taken.\nHint: Name another one.\n"
    assert command("sandbox", "up", "--http-port", "80") == (1, "", told)
    code, _, errors = command("sandbox", "logs", "postgres")
    assert code == 1
    assert "kube-apiserver" in errors


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "Make room"), (errno.EACCES, "OAMKIT_HOME"), (errno.EROFS, "OAMKIT_HOME")],
)
def test_what_the_system_refuses_is_told_with_what_helps(
    command: Main, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def build(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(images, "build", build)
    code, _, errors = command("build", ".", "-t", "a:v1", "--provider", "sandbox")
    assert code == 1
    assert errors.startswith(f"Error: /some/file: {os.strerror(number)}\nHint: ")
    assert hint in errors


def test_a_home_that_can_t_be_made_is_named(
    command: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OAMKIT_HOME", str(tmp_path / "file" / "home"))
    code, _, errors = command("progress")
    assert code == 1
    assert f"{tmp_path}/file/home/data can't be made: Not a directory." in errors
    assert "OAMKIT_HOME=FOLDER" in errors


def test_a_fault_of_the_kit_s_own_is_told_as_such(
    command: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(images, "build", build)
    code, _, errors = command("build", ".", "-t", "a:v1", "--provider", "sandbox")
    assert code == 1
    assert "ZeroDivisionError: by nothing" in errors
    assert errors.splitlines()[-1].startswith("Error: This is a fault of oamkit's own.")


def test_an_interruption_is_told(command: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "build", build)
    code, _, errors = command("build", ".", "-t", "a:v1", "--provider", "sandbox")
    assert code == 130
    assert errors.startswith("\nInterrupted.")


def test_without_a_cluster_resetting_says_so(command: Main) -> None:
    code, shown, _ = command("reset", "--provider", "sandbox")
    assert (code, shown) == (0, "No cluster runs, so there is nothing to remove.\n")


def test_a_lesson_that_is_not_there_is_refused(command: Main) -> None:
    code, _, errors = command("run", "77", "--provider", "sandbox")
    assert code == 1
    assert "no lesson '77'" in errors
    assert "06-deploy" in errors


@pytest.mark.parametrize("option", ["--provider", "--lang"])
def test_options_that_are_none_are_refused(command: Main, option: str) -> None:
    code, _, errors = command("course", option, "klingon")
    assert code == 1
    assert "klingon" in errors


def test_an_argument_of_a_build_needs_a_value(command: Main, tmp_path: Path) -> None:
    code, _, errors = command("build", str(tmp_path), "-t", "a:v1", "--build-arg", "BASE")
    assert code == 1
    assert "NAME=VALUE" in errors


def test_help_names_all_commands(command: Main) -> None:
    code, shown, _ = command("--help")
    assert code == 0
    for name in ("doctor", "lab", "run", "course", "reset", "sandbox", "build", "version"):
        assert name in shown


def test_the_sandbox_has_its_own_commands(command: Main) -> None:
    assert "kubeconfig" in command("sandbox", "--help")[1]


def test_the_kubeconfig_is_printed_for_a_shell_to_read(
    command: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, shown, errors = command("kubeconfig", "--provider", "sandbox")
    assert (code, shown) == (1, "")
    assert "oamkit sandbox up" in errors
    monkeypatch.setattr(SandboxProvider, "kubeconfig", lambda _: tmp_path / "a b")
    assert command("kubeconfig", "--provider", "sandbox") == (0, f"{tmp_path}/a b\n", "")
