"""The command ``oamkit``; what it says when something is wrong stands in :mod:`oamkit.telling`.

=========  ====================================================================
exit code  meaning
=========  ====================================================================
0          it worked
1          it didn't, and the lines on standard error say why
2          the command was written wrongly; of ``diff``, as of kubectl's: an error, for 1 says that there are differences
130        it was interrupted, by Ctrl-C
=========  ====================================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from oamkit import show, telling
from oamkit.errors import OamKitError
from oamkit.languages import current, translate

__all__ = ["app", "main"]

app = typer.Typer(
    name="oamkit",
    help="A learning kit for the Open Application Model on Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Provider = Annotated[
    str,
    typer.Option(help="sandbox, kind or kubeconfig; by looking if not given.", show_default=False),
]
Language = Annotated[str, typer.Option(help="en or zh; your own by default.", show_default=False)]
Lessons = Annotated[
    list[str] | None, typer.Argument(help='Lessons by number, e.g. "03 06"; all if none is named.')
]

Files = Annotated[
    list[Path], typer.Option("--file", "-f", help="A file or folder; may be given several times.")
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="For objects that name none.")]
Application = Annotated[
    str,
    typer.Option(
        "--name", help="Only the ApplicationConfiguration of this name.", show_default=False
    ),
]


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Look whether the course can run on this machine, and say what to do if not."""
    from oamkit.diagnosis import doctor as examine

    diagnosis = examine()
    if as_json:
        typer.echo(diagnosis.to_json())
    else:
        _print(diagnosis)
    if not diagnosis.ok:
        raise typer.Exit(1)


@app.command()
def course(lessons: Lessons = None, provider: Provider = "", lang: Language = "") -> None:
    """Run the course's notebooks in order, and write a report to build/course/."""
    _run_lessons(lessons or [], provider, lang)


@app.command()
def run(
    lesson: Annotated[str, typer.Argument(help='A lesson by its number, e.g. "06".')],
    provider: Provider = "",
    lang: Language = "",
) -> None:
    """Run one lesson; what it needs of the lessons before is made first."""
    _run_lessons([lesson], provider, lang)


@app.command()
def book(
    executed: Annotated[
        Path | None,
        typer.Option("--from", help="Where the executed lessons are; build/course by default."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the pages go; build/book by default.")
    ] = None,
) -> None:
    """Write the executed lessons as a book in HTML, to be read without a network."""
    from oamkit.cluster import kit
    from oamkit.course.book import write

    build = kit.root() / "build"
    _print(write(executed or build / "course", output or build / "book"))


@app.command()
def lab(
    lang: Language = "",
    no_browser: Annotated[bool, typer.Option(help="Only print the address.")] = False,
) -> None:
    """Open the course in JupyterLab."""
    from oamkit.course.lab import lab as prepare

    root = os.geteuid() == 0
    ready = prepare(lang or current(), browser=not no_browser, root=root)
    if root:
        show.say("You are root, and so is all that the notebooks run. An ordinary user is enough.")
    show.command(["jupyter", "lab", *ready.argv[3:]])
    # JupyterLab takes this process's place, so that Ctrl-C and signals reach it directly.
    os.execve(sys.executable, ready.argv, dict(ready.environ))  # noqa: S606 - no shell, and no input of a person in the program's name


@app.command()
def build(
    context: Annotated[Path, typer.Argument(help="The folder with the Dockerfile.")],
    tag: Annotated[str, typer.Option("--tag", "-t", help='The name, e.g. "flask-sample:v1".')],
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The Dockerfile, if it isn't in the folder.")
    ] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option(help="A value for one of its ARGs: NAME=VALUE.")
    ] = None,
    provider: Provider = "",
) -> None:
    """Build an image for the cluster: by Docker for kind, by the kit's own builder for the sandbox."""
    from oamkit import images
    from oamkit.errors import InputError
    from oamkit.provider import choose, select

    pairs = [each.partition("=") for each in build_arg or []]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise InputError(f"expected NAME=VALUE, got {name!r}", field="--build-arg")
    select(choose(provider))
    arguments = {name: value for name, _, value in pairs}
    _print(images.build(context, tag, dockerfile=file, build_args=arguments))


@app.command()
def render(
    files: Files,
    namespace: Namespace = "default",
    name: Application = "",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Ask the cluster for what the files don't tell.")
    ] = False,
) -> None:
    """Print, as YAML, what the runtime would apply for the applications in files; no cluster is needed."""
    from oamkit.cluster import manifests, rendering

    found = manifests.load_all(files)
    rendered = rendering.rendered(found, namespace=namespace, name=name, cluster=cluster)
    _note(rendered.notes)
    _print(rendered)


@app.command()
def diff(files: Files, namespace: Namespace = "default", name: Application = "") -> None:
    """Show what the runtime would change in the cluster; exit code 0: nothing, 1: something, 2: an error."""
    from oamkit.cluster import differences, manifests

    try:
        found = differences.differences(manifests.load_all(files), namespace=namespace, name=name)
    except OamKitError as error:
        telling.tell(error)
        raise typer.Exit(2) from error
    except OSError as error:
        telling.tell(telling.of_system(error))
        raise typer.Exit(2) from error
    _note(found.notes)
    if found:
        _print(found)
        raise typer.Exit(1)


@app.command()
def progress(
    reset: Annotated[bool, typer.Option("--reset", help="Forget it.")] = False,
    lesson: Annotated[
        str, typer.Argument(help='That of one lesson only, e.g. "07".', show_default=False)
    ] = "",
) -> None:
    """Show how far you are in the course."""
    from oamkit.lesson import overview

    if reset:
        _print(overview.reset(lesson))
    else:
        _print(overview.of_one(lesson) if lesson else overview.overview())


@app.command()
def reset(
    cluster: Annotated[bool, typer.Option(help="Delete the cluster as well.")] = False,
    provider: Provider = "",
) -> None:
    """Remove what the lessons made from the cluster."""
    from oamkit.cluster import active
    from oamkit.lesson.start import clear

    place = active.provider(provider)
    if place.status().running:
        clear()
    elif not cluster:
        show.say("No cluster runs, so there is nothing to remove.")
    if cluster:
        _print(place.delete())


@app.command()
def kubeconfig(provider: Provider = "") -> None:
    """Print the path of the cluster's kubeconfig, e.g. for 'export KUBECONFIG="$(oamkit kubeconfig)"'."""
    from oamkit.cluster import active

    typer.echo(active.provider(provider).kubeconfig())


@app.command()
def version() -> None:
    """Print the kit's version, and Kubernetes's."""
    import oamkit
    from oamkit.diagnosis import doctor as examine

    typer.echo(f"oamkit {oamkit.__version__}")
    typer.echo(examine()["programs"].found)


def main() -> None:
    """Run the command; what goes wrong is told in words, without a traceback."""
    _mount()
    sys.exit(telling.run(typer.main.get_command(app)))


def _mount() -> None:
    """Add the parts' own commands, if they are asked for: reading them takes as long as most commands run."""
    if sys.argv[1:2] in (["sandbox"], ["--help"], []):
        from oamkit.sandbox.commands import app as sandbox

        app.add_typer(sandbox, name="sandbox")


def _run_lessons(lessons: list[str], provider: str, lang: str) -> None:
    from oamkit.course.runner import run_course

    if not run_course(lessons, provider=provider, lang=lang or current()).passed:
        raise typer.Exit(1)


def _print(result: show.Rendered) -> None:
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(result)
    else:
        typer.echo(str(result))


def _note(notes: Iterable[str]) -> None:
    for note in notes:
        typer.echo(translate(f"Note: {note}"), err=True)


if __name__ == "__main__":
    main()
