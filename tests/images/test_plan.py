from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from oamkit.errors import InputError
from oamkit.images.copying import Context, CopyStep
from oamkit.images.dockerfile import parse_dockerfile
from oamkit.images.ignore import IgnoreRules
from oamkit.images.interpreter import Interpreter
from oamkit.images.model import Image, ImageConfig
from oamkit.images.plan import PYTHON_LABEL, make_plan
from oamkit.images.steps import FolderStep, Plan, RunStep

PYTHON = Interpreter(Path("/opt/py/bin/python3.13"), Path("/opt/py"), "3.13.1")
BASE = Image(
    "docker.io/library/base:latest",
    "sha256:" + "0" * 64,
    ImageConfig(
        env=("PATH=/x", "B=base"),
        entrypoint=("e",),
        cmd=("c",),
        working_dir="/base",
        labels={PYTHON_LABEL: "3.13.1", "k": "v"},
        exposed_ports=("1/tcp",),
    ),
    size=0,
)

Planner = Callable[..., Plan]


@pytest.fixture
def plan(tmp_path: Path) -> Planner:
    for name in ("a.txt", "b.txt", "d/x", "d/y", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)

    def make(text: str, ignore: str = "", **build_args: str) -> Plan:
        dockerfile = parse_dockerfile(Path("Dockerfile"), text)
        context = Context(tmp_path, IgnoreRules.parse(Path(".dockerignore"), ignore))

        def find(name: str) -> Image | None:
            return BASE if name == BASE.reference else None

        return make_plan(dockerfile, context, build_args, find, PYTHON)

    return make


def config(plan: Planner, *lines: str, base: str = "FROM python:3.13-slim") -> ImageConfig:
    return plan("\n".join([base, *lines])).config


@pytest.mark.parametrize(
    "name", ["python:3.13-slim", "python", "docker.io/library/python:3", "python:slim"]
)
def test_from_python_gives_its_environment_and_command(plan: Planner, name: str) -> None:
    made = plan(f"FROM --platform=linux/amd64 {name} AS app")
    assert made.base is None
    assert made.config.env[0].startswith("PATH=/usr/local/bin:")
    assert made.config.cmd == ("python3",)
    assert made.config.labels[PYTHON_LABEL] == "3.13.1"
    assert made.notes == ("line 1: --platform is ignored: images run on this machine",)


@pytest.mark.parametrize("tag", ["3.8", "3.8.20-slim-bookworm", "2.7-alpine", "2"])
def test_another_python_than_this_machine_s_is_a_note_and_a_label(plan: Planner, tag: str) -> None:
    made = plan(f"FROM python:{tag}")
    assert "this image gets 3.13.1" in made.notes[0]
    asked = made.config.labels["dev.oamkit.python.requested"]
    assert tag.startswith(asked)


def test_an_argument_chooses_the_base(plan: Planner) -> None:
    text = "ARG BASE=python:3.13-slim\nFROM ${BASE}\n"
    assert plan(text).base_name == "docker.io/library/python:3.13-slim"
    assert plan(text, BASE="python:3.12").base_name == "docker.io/library/python:3.12"
    assert plan("ARG V=3.13\nARG BASE=python:$V\nFROM $BASE").base_name.endswith("python:3.13")


def test_an_image_of_the_store_hands_its_configuration_on(plan: Planner) -> None:
    made = plan("FROM base\nENV C=$B\nWORKDIR sub\nEXPOSE 2\nRUN pip install x")
    assert made.base is BASE
    assert made.config.env == ("PATH=/x", "B=base", "C=base")
    assert made.config.working_dir == "/base/sub"
    assert made.config.exposed_ports == ("1/tcp", "2/tcp")
    assert made.config.entrypoint == ("e",)
    assert made.config.cmd == ("c",)
    assert made.config.labels["k"] == "v"


def test_a_new_entrypoint_drops_the_base_s_command_but_not_its_own(plan: Planner) -> None:
    assert config(plan, 'ENTRYPOINT ["a"]', base="FROM base").cmd == ()
    assert config(plan, 'CMD ["b"]', 'ENTRYPOINT ["a"]', base="FROM base").cmd == ("b",)


def test_variables_of_one_env_see_the_state_before_it(plan: Planner) -> None:
    made = config(plan, "ENV A=1", "ENV A=2 B=$A", "ENV C=${A}${NONE:-x}", "ENV OLD form $A")
    assert made.env[2:] == ("A=2", "B=1", "C=2x", "OLD=form 2")


def test_arguments_are_seen_where_they_are_declared_and_not_kept(plan: Planner) -> None:
    made = plan(
        "ARG G=global\nFROM python\nARG G\nARG A=1 B=$G\nENV A=env\nLABEL l=$A-$B-$LATE\nARG LATE=x",
        B="given",
    )
    assert made.config.labels["l"] == "env-given-"
    assert not [item for item in made.config.env if item.startswith(("B=", "G="))]


def test_a_global_argument_is_not_seen_in_the_stage_undeclared(plan: Planner) -> None:
    assert config(plan, "LABEL l=$G.", base="ARG G=1\nFROM python").labels["l"] == "."


def test_a_build_argument_that_nobody_asks_for_is_a_note(plan: Planner) -> None:
    assert plan("FROM python", NONE="1").notes == (
        "the build argument NONE isn't used: the file has no ARG NONE",
    )


def test_the_configuration_instructions_are_honoured(plan: Planner) -> None:
    made = config(
        plan,
        "WORKDIR /app",
        "WORKDIR sub/../x",
        "EXPOSE 80 53/udp 8000-8002/TCP",
        "USER 1000:1000",
        'LABEL a="b c" d=e',
        "MAINTAINER Some One",
        "STOPSIGNAL SIGINT",
        'VOLUME ["/v w"]',
        "VOLUME /a /b",
        "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl localhost || exit 1",
        'ENTRYPOINT ["python", "-m"]',
        'CMD ["http.server"]',
    )
    assert made.working_dir == "/app/x"
    assert made.exposed_ports == ("53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp")
    assert made.user == "1000:1000"
    assert made.labels["a"] == "b c"
    assert made.labels["maintainer"] == "Some One"
    assert made.stop_signal == "SIGINT"
    assert made.volumes == ("/a", "/b", "/v w")
    assert made.healthcheck == {
        "Test": ["CMD-SHELL", "curl localhost || exit 1"],
        "Interval": 90_000_000_000,
        "Timeout": 500_000_000,
        "Retries": 3,
    }
    assert made.entrypoint == ("python", "-m")
    assert made.cmd == ("http.server",)


def test_a_healthcheck_can_be_a_list_or_none(plan: Planner) -> None:
    assert config(plan, 'HEALTHCHECK CMD ["a", "b"]').healthcheck == {"Test": ["CMD", "a", "b"]}
    assert config(plan, "HEALTHCHECK none").healthcheck == {"Test": ["NONE"]}


def test_the_shell_form_runs_by_the_shell_and_is_noted(plan: Planner) -> None:
    made = plan("FROM python\nCMD gunicorn $APP \\\n  main:app")
    assert made.config.cmd == ("/bin/sh", "-c", "gunicorn $APP   main:app")
    assert "doesn't pass signals on" in made.notes[0]
    made = plan('FROM python\nSHELL ["bash", "-ec"]\nCMD [\'a\']')
    assert made.config.cmd == ("bash", "-ec", "['a']")
    assert "isn't valid JSON" in made.notes[0]


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("RUN pip install flask", ["flask"]),
        ("RUN pip3.13 install flask==3 'gunicorn>=20'", ["flask==3", "gunicorn>=20"]),
        (
            "RUN python -m pip install --no-cache-dir -r requirements.txt",
            ["-r", "requirements.txt"],
        ),
        ('RUN ["python3", "-m", "pip", "install", "a b"]', ["a b"]),
        ("RUN pip --disable-pip-version-check install -q --upgrade a", ["-q", "--upgrade", "a"]),
        (
            "RUN pip install --index-url=https://x/simple a",
            ["--index-url", "https://x/simple", "a"],
        ),
        ("RUN pip install --require-hashes -rreq.txt", ["--require-hashes", "-r", "req.txt"]),
        ("RUN pip install --root-user-action=ignore .", ["."]),
        ("RUN --mount=type=cache,target=/root/.cache pip install a", ["a"]),
    ],
)
def test_pip_installs_are_understood(plan: Planner, line: str, arguments: list[str]) -> None:
    made = plan(f"FROM python\n{line}")
    action = made.steps[-1].action
    assert isinstance(action, RunStep)
    [command] = action.commands
    assert [word for word, _ in command.arguments] == arguments


def test_joined_pip_installs_see_the_variables(plan: Planner) -> None:
    made = plan("FROM python\nARG V=3\nRUN PIP_PRE=1 pip install a==$V && pip install b")
    action = made.steps[-1].action
    assert isinstance(action, RunStep)
    assert [command.arguments[0][0] for command in action.commands] == ["a==3", "b"]
    assert action.commands[0].env == (("PIP_PRE", "1"),)
    assert ("V", "3") in action.env


@pytest.mark.parametrize(
    ("line", "why", "instead"),
    [
        ("RUN apt-get update && apt-get install -y gcc", "'apt-get' needs a container", "kind"),
        ("RUN useradd app", "'useradd' needs", "USER 1000"),
        ("RUN pip uninstall flask", "only 'install'", "kind"),
        ("RUN pip install", "names nothing", "name a package"),
        ("RUN pip install -e .", "editable", "without -e"),
        ("RUN pip install --target /x a", "--target", "leave it out"),
        ("RUN pip install --user a", "--user", "leave it out"),
        ("RUN pip install --prefix=/x a", "--prefix", "leave it out"),
        ("RUN pip install -r", "no value", "give it one"),
        ("RUN pip install flask>=3", "write a version's comparison in quotes", "correct it"),
        ("RUN echo $(id)", "runs another command", "correct it"),
        ("RUN curl https://x | sh", "operator of a shell", "correct it"),
        ("RUN <<EOF\npip install a\nEOF", "here-document", "write RUN pip install"),
        ("RUN --mount=type=secret,id=x pip install a", "--mount", "leave it out"),
        ("RUN --network=none pip install a", "--network", "leave it out"),
        ("ADD https://x/y /z", "network", "COPY it"),
        ("ADD git@github.com:a/b /z", "network", "COPY it"),
        ("COPY --from=builder /a /b", "another stage", "COPY from the context"),
        ("COPY --chown=somebody a.txt /", "no user or group 'somebody'", "numbers"),
        ("COPY --chmod=rwx a.txt /", "octal", "755"),
        ("COPY --parents a.txt /", "--parents", "leave it out"),
        ("COPY a.txt", "source and a destination", "write COPY"),
        ("COPY missing /", "has no 'missing'", "look for it"),
        ("COPY ../x /", "outside of the build context", "copy it into"),
        ("COPY a.txt b.txt /c", "must be a folder", "write /c/"),
        ("COPY <<EOF /x\na\nEOF", "here-document", "into a file"),
        ("FROM python", "second stage", "one stage"),
        ("ONBUILD RUN x", "can't be done here", "leave it out"),
        ("COPPY a b", "no such instruction", "correct its name"),
        ("RUN", "no arguments", "give it some"),
        ("EXPOSE 70000", "isn't a port", "correct"),
        ("EXPOSE http", "isn't a port", "correct"),
        ("USER a b", "isn't a user", "correct"),
        ("STOPSIGNAL KILL", "isn't a signal", "correct"),
        ("SHELL bash", "list in JSON", "write SHELL"),
        ("ENV A", "isn't followed by", "correct"),
        ("ENV A='1", "single quote", "correct"),
        ("LABEL a=1 b", "isn't name=value", "correct"),
        ("ARG 1A=2", "isn't a variable's name", "write ARG"),
        ("HEALTHCHECK curl x", "neither", "correct"),
        ("HEALTHCHECK --interval=x CMD a", "isn't a time", "correct"),
        ("HEALTHCHECK --foo=1 CMD a", "--foo", "use"),
        ("WORKDIR --x=1 /a", "--x", "leave it out"),
    ],
)
def test_what_cannot_be_done_is_refused_with_line_reason_and_remedy(
    plan: Planner, line: str, why: str, instead: str
) -> None:
    with pytest.raises(InputError) as caught:
        plan(f"# a comment\nFROM python:3.13\n\n{line}\n")
    error = caught.value
    assert error.line == 4
    assert error.message.startswith("Dockerfile:4: ")
    assert why in error.message
    assert instead.lower() in error.hint.lower()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("scratch", "no Python"),
        ("debian:12", "the store has no image debian:12"),
        ("tiangolo/uwsgi-nginx-flask:python3.8", "no registry is asked"),
        ("Python", "capitals"),
        ("$NONE", "name is empty"),
        ("a b", "FROM image"),
    ],
)
def test_a_base_that_cannot_be_had_is_refused(plan: Planner, name: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        plan(f"FROM {name}")
    assert caught.value.line == 1
    assert caught.value.hint


def test_all_problems_are_listed_at_once(plan: Planner) -> None:
    with pytest.raises(InputError) as caught:
        plan(
            "FROM debian\nRUN apt-get update\nCOPY missing /\nRUN pip install ok\nADD https://x /y"
        )
    message = caught.value.message
    assert message.startswith("Dockerfile:1: 4 instructions can't be built here:")
    assert [line.split(":")[0].strip() for line in message.splitlines() if "  line" in line] == [
        "line 1",
        "line 2",
        "line 3",
        "line 5",
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_file_is_refused(plan: Planner, text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        plan(text)


@pytest.mark.parametrize("text", ["ARG A=1", "WORKDIR /x\nFROM python", "RUN pip install x"])
def test_a_file_without_from_at_its_head_is_refused(plan: Planner, text: str) -> None:
    with pytest.raises(InputError, match="FROM"):
        plan(text)


def test_a_base_of_another_python_is_not_installed_into(
    plan: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ImageConfig(labels={PYTHON_LABEL: "3.12.0"})
    monkeypatch.setattr(f"{__name__}.BASE", Image(BASE.reference, BASE.digest, other, 0))
    with pytest.raises(InputError, match=r"doesn't have this machine's Python 3\.13\.1"):
        plan("FROM base\nRUN pip install x")


def copy(plan: Planner, line: str, ignore: str = "") -> CopyStep:
    action = plan(f"FROM python\nWORKDIR /app\n{line}", ignore).steps[-1].action
    assert isinstance(action, CopyStep)
    return action


@pytest.mark.parametrize(
    ("line", "names", "target"),
    [
        ("COPY a.txt .", ("a.txt",), "/app/"),
        ("COPY a.txt ./", ("a.txt",), "/app/"),
        ("COPY a.txt b", ("a.txt",), "/app/b"),
        ("COPY a.txt /", ("a.txt",), "/"),
        ("COPY a.txt b.txt /x/", ("a.txt", "b.txt"), "/x/"),
        ("COPY *.txt /x/", ("a.txt", "b.txt"), "/x/"),
        ("COPY d/? /x/", ("d/x", "d/y"), "/x/"),
        ("COPY . ../x", (".",), "/x"),
        ("COPY /a.txt /../x", ("a.txt",), "/x"),
        ('COPY ["a.txt", "/with blank"]', ("a.txt",), "/with blank"),
        ("ADD d /d", ("d",), "/d"),
    ],
)
def test_sources_and_destination_are_resolved(
    plan: Planner, line: str, names: tuple[str, ...], target: str
) -> None:
    step = copy(plan, line)
    assert (step.names, step.target) == (names, target)


def test_owner_and_mode_are_recorded(plan: Planner) -> None:
    step = copy(plan, "COPY --chown=nobody:7 --chmod=0640 --link a.txt /x")
    assert (step.uid, step.gid, step.mode) == (65534, 7, 0o640)
    step = copy(plan, "COPY --chown=1000 a.txt /x")
    assert (step.uid, step.gid) == (1000, 1000)


def test_what_is_ignored_is_not_there(plan: Planner) -> None:
    assert copy(plan, "COPY *.txt /x/", ignore="b.*").names == ("a.txt",)
    with pytest.raises(InputError, match="dockerignore leaves it out"):
        copy(plan, "COPY b.txt /x/", ignore="b.*")


def test_an_archive_is_copied_but_not_added(plan: Planner, tmp_path: Path) -> None:
    import tarfile

    tarfile.open(tmp_path / "x.tar", "w").close()
    assert copy(plan, "COPY x.tar /").names == ("x.tar",)
    with pytest.raises(InputError, match="would unpack"):
        copy(plan, "ADD x.tar /")


def test_a_working_folder_is_a_step(plan: Planner) -> None:
    assert plan("FROM python\nWORKDIR /a/b").steps[-1].action == FolderStep("/a/b")
