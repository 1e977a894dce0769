"""``oamkit sandbox …``: the sandbox on the command line."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oamkit.errors import OamKitError
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import ComponentState, Phase, State

__all__ = ["app"]

app = typer.Typer(
    name="sandbox",
    help="A Kubernetes of local processes, for machines without Docker.",
    no_args_is_help=True,
)

P = ParamSpec("P")
R = TypeVar("R")

_MARKS = {
    Phase.WAITING: ("·", "dim"),
    Phase.STARTING: ("…", "yellow"),
    Phase.READY: ("✓", "green"),
    Phase.BACKOFF: ("↻", "yellow"),
    Phase.FAILED: ("✗", "red"),
    Phase.STOPPING: ("…", "yellow"),
    Phase.STOPPED: ("■", "dim"),
}


def _told(command: Callable[P, R]) -> Callable[P, R]:
    """Say an error in words, on standard error, and end with exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OamKitError as error:
            console = Console(stderr=True, soft_wrap=True)
            console.print(f"[red]Error:[/red] {escape(error.message)}", highlight=False)
            if error.hint:
                console.print(f"Hint: {escape(error.hint)}", highlight=False)
            raise typer.Exit(1) from None

    return wrapped


class _Progress:
    """A line for each step of a component; elsewhere than on a terminal only for those that matter afterwards."""

    def __init__(self, console: Console, *hidden: Phase) -> None:
        self._console = console
        self._hidden = {Phase.WAITING, *hidden}
        if not console.is_terminal:
            self._hidden |= {Phase.STARTING, Phase.STOPPING}
        self._began = time.monotonic()
        self._shown: dict[str, Phase] = {}

    def __call__(self, state: State) -> None:
        for each in state.components:
            if each.phase is not self._shown.get(each.name) and each.phase not in self._hidden:
                self._shown[each.name] = each.phase
                self._print(each)

    def _print(self, each: ComponentState) -> None:
        sign, style = _MARKS[each.phase]
        seconds = time.monotonic() - self._began
        words = f": {escape(each.message)}" if each.message else ""
        self._console.print(
            f"[{style}]{sign}[/{style}] {each.name} {each.phase}{words} [dim]({seconds:.1f} s)[/dim]",
            highlight=False,
        )


@app.command()
@_told
def up(
    fast: Annotated[
        bool, typer.Option("--fast", help="Write without fsync: quicker, for CI.")
    ] = False,
    http_port: Annotated[
        int | None, typer.Option(help="Where Ingresses answer. [default: 80, else 8080]")
    ] = None,
    https_port: Annotated[
        int | None, typer.Option(help="Where they answer HTTPS. [default: 443, else 8443]")
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(help="Where the Kubernetes API answers. [default: 6443, else 16443]"),
    ] = None,
) -> None:
    """Start the sandbox; what was in it is there again."""
    console = Console(soft_wrap=True)
    sandbox = Sandbox()
    state = sandbox.up(
        fast=fast,
        progress=_Progress(console),
        http_port=http_port,
        https_port=https_port,
        api_port=api_port,
    )
    console.print("\nThe sandbox is up.", style="bold")
    console.print(_addresses(state), highlight=False)
    console.print(f"  kubeconfig     {escape(str(sandbox.kubeconfig))}", highlight=False)


@app.command()
@_told
def down() -> None:
    """Stop the sandbox; its objects stay for the next 'up'."""
    console = Console(soft_wrap=True)
    # Those that still run while others have stopped aren't news.
    stopped = Sandbox().down(progress=_Progress(console, Phase.READY))
    console.print("The sandbox is stopped." if stopped else "The sandbox wasn't running.")


@app.command()
@_told
def status() -> None:
    """Show what runs. Ends with exit code 3 if nothing does."""
    console = Console(soft_wrap=True)
    state = Sandbox().status()
    if state is None:
        console.print("The sandbox isn't running. Start it with 'oamkit sandbox up'.")
        raise typer.Exit(3)
    console.print(_table(state))
    console.print(_addresses(state), highlight=False)
    if state.message:
        console.print(f"[red]{escape(state.message)}[/red]\n{escape(state.hint)}", highlight=False)


@app.command()
@_told
def logs(
    component: Annotated[
        str, typer.Argument(help="e.g. kube-apiserver; 'supervisor' for the daemon.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
) -> None:
    """Show the log of a component."""
    with suppress(KeyboardInterrupt):
        for line in Sandbox().logs(component, follow=follow):
            typer.echo(line)


@app.command()
@_told
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Stop the sandbox and delete everything that is in it. Images stay."""
    if not yes:
        typer.confirm("Delete all objects and Pods of the sandbox?", abort=True)
    Sandbox().reset()
    typer.echo("The sandbox is empty. 'oamkit sandbox up' starts it anew.")


@app.command()
@_told
def kubeconfig() -> None:
    """Print the path of the kubeconfig, e.g. for 'export KUBECONFIG=$(oamkit sandbox kubeconfig)'."""
    typer.echo(Sandbox().kubeconfig)


def _addresses(state: State) -> str:
    ports = state.ports
    http = "" if ports.http == 80 else f":{ports.http}"
    https = "" if ports.https == 443 else f":{ports.https}"
    return (
        f"  Kubernetes API https://127.0.0.1:{ports.api}\n"
        f"  Ingresses      http://localhost{http} and https://localhost{https}\n"
        f"  layout         {state.layout}"
    )


def _table(state: State) -> Table:
    table = Table(title=f"Sandbox: {state.phase}", box=None, pad_edge=False, title_justify="left")
    for heading in ("component", "state", "pid", "restarts", "since", "memory"):
        table.add_column(heading, justify="right" if heading in ("pid", "memory") else "left")
    for each in state.components:
        sign, style = _MARKS[each.phase]
        table.add_row(
            each.name,
            f"[{style}]{sign}[/{style}] {each.phase}",
            str(each.pid or ""),
            str(each.restarts),
            f"{max(0.0, time.time() - each.since):.0f} s",
            f"{each.memory / 1e6:.0f} MB" if each.memory else "",
        )
        if each.message:
            table.add_row("", f"[dim]{escape(each.message)}[/dim]")
    return table


if __name__ == "__main__":
    app()
