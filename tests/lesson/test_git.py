"""Git on a lesson's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from oamkit.errors import CommandError
from oamkit.lesson import git
from oamkit.lesson.git import subjects


def test_a_repository_is_made_and_tells_its_commits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(tmp_path, "init", "--quiet")
    for number in (1, 2):
        (tmp_path / "file").write_text(str(number))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", f"Change {number}")
    git(tmp_path, "revert", "--no-edit", "HEAD")
    assert (tmp_path / "file").read_text() == "1"
    assert subjects(tmp_path) == ['Revert "Change 2"', "Change 2", "Change 1"]
    assert "$ git commit --quiet --message 'Change 1'\n" in capsys.readouterr().out


def test_the_users_settings_and_repositories_around_take_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Somebody\n[alias]\n\tlog = status\n")
    monkeypatch.setenv("HOME", str(home))
    git(tmp_path, "init", "--quiet")
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(CommandError, match="not a git repository"):
        git(inner, "log")
    git(inner, "init", "--quiet")
    git(inner, "commit", "--quiet", "--allow-empty", "--message", "x")
    assert str(git(inner, "log", "--format=%an")) == "A learner"


def test_where_there_is_no_repository_there_are_no_commits(tmp_path: Path) -> None:
    assert subjects(tmp_path) == []
    assert subjects(tmp_path / "none") == []
