"""The workflows of the hosted CI do what people do here: they call make's targets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PREPARATIONS = ("sudo sysctl -w ", "sudo apt-get ")
"""What a hosted machine needs before make can do its work."""


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> Any:
    return yaml.safe_load(request.param.read_text())


def _commands(workflow: Any) -> list[str]:
    return [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]


def test_there_is_one_for_changes_and_one_for_each_night() -> None:
    read = {path.stem: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
    # YAML 1.1 reads the key `on` as true.
    assert set(read["ci"][True]) == {"push", "pull_request"}
    assert read["nightly"][True]["schedule"]


def test_every_step_calls_a_target_of_make(workflow: Any) -> None:
    commands = _commands(workflow)
    assert commands
    for command in commands:
        if not command.startswith(PREPARATIONS):
            program, target, *settings = shlex.split(re.sub(r"\$\{\{.*?\}\}", "X", command))
            assert program == "make", command
            assert target in TARGETS, command
            assert all(re.fullmatch(r"[A-Z]+=\w+", each) for each in settings), command


def test_jobs_may_only_read_and_end_in_time(workflow: Any) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1")), step


def test_each_night_the_course_runs_on_each_provider() -> None:
    nightly = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
    course = nightly["jobs"]["course"]
    assert course["strategy"]["matrix"]["provider"] == ["sandbox", "kind"]
    assert "make book PROVIDER=${{ matrix.provider }}" in _commands(nightly)


def test_what_is_run_here_is_run_there() -> None:
    commands = _commands(yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text()))
    assert "make test" in commands
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make test || {"]


def test_every_supported_python_is_tried() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    supported = re.findall(r"Python :: (3\.\d+)", text)
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert ci["jobs"]["fast"]["strategy"]["matrix"]["python"] == supported
