"""``oamkit sandbox …``: the sandbox on the command line."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oamkit import show
from oamkit.languages import translate
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import ComponentState, Phase, State

__all__ = ["app"]

app = typer.Typer(
    name="sandbox",
    help="A Kubernetes of local processes, for machines without Docker.",
    no_args_is_help=True,
)

_MARKS = {
    Phase.WAITING: ("·", "dim"),
    Phase.STARTING: ("…", "yellow"),
    Phase.READY: ("✓", "green"),
    Phase.BACKOFF: ("↻", "yellow"),
    Phase.FAILED: ("✗", "red"),
    Phase.STOPPING: ("…", "yellow"),
    Phase.STOPPED: ("■", "dim"),
}


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
        words = f": {escape(translate(each.message))}" if each.message else ""
        phase = translate(each.phase)
        self._console.print(
            f"[{style}]{sign}[/{style}] {each.name} {phase}{words} [dim]({seconds:.1f} s)[/dim]",
            highlight=False,
        )


@app.command()
def up(
    fast: Annotated[
        bool, typer.Option("--fast", help="Write without fsync: quicker, for CI.")
    ] = False,
    http_port: Annotated[
        int | None, typer.Option(help="Where Ingresses answer; 80, else 8080, by default.")
    ] = None,
    https_port: Annotated[
        int | None, typer.Option(help="Where they answer HTTPS; 443, else 8443, by default.")
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(help="Where the Kubernetes API answers; 6443, else 16443, by default."),
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
    show.say("")
    show.say("The sandbox is up.", "bold")
    _tell_addresses(state)
    show.say(f"  for kubectl    export KUBECONFIG={shlex.quote(str(sandbox.kubeconfig))}")


@app.command()
def down() -> None:
    """Stop the sandbox; its objects stay for the next 'up'."""
    console = Console(soft_wrap=True)
    # Those that still run while others have stopped aren't news.
    stopped = Sandbox().down(progress=_Progress(console, Phase.READY))
    show.say("The sandbox is stopped." if stopped else "The sandbox wasn't running.")


@app.command()
def status() -> None:
    """Show what runs. Ends with exit code 3 if nothing does."""
    state = Sandbox().status()
    if state is None:
        show.say("The sandbox isn't running. Start it with 'oamkit sandbox up'.")
        raise typer.Exit(3)
    Console(soft_wrap=True).print(_table(state))
    _tell_addresses(state)
    if state.message:
        show.say(state.message, "red")
        show.say(state.hint)


@app.command()
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
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Stop the sandbox and delete everything that is in it. Images stay."""
    if not yes:
        typer.confirm(translate("Delete all objects and Pods of the sandbox?"), abort=True)
    Sandbox().reset()
    show.say("The sandbox is empty. 'oamkit sandbox up' starts it anew.")


@app.command()
def kubeconfig() -> None:
    """Print the path of the kubeconfig, e.g. for 'export KUBECONFIG=$(oamkit sandbox kubeconfig)'."""
    typer.echo(Sandbox().kubeconfig)


def _tell_addresses(state: State) -> None:
    ports = state.ports
    http = "" if ports.http == 80 else f":{ports.http}"
    https = "" if ports.https == 443 else f":{ports.https}"
    show.say(
        f"  Kubernetes API https://127.0.0.1:{ports.api}\n"
        f"  Ingresses      http://localhost{http} and https://localhost{https}\n"
        f"  layout         {state.layout}"
    )


def _table(state: State) -> Table:
    title = translate(f"Sandbox: {state.phase}")
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    columns = ("part", "state", "pid", "restarts", "since", "memory")
    for heading in columns:
        right = heading in ("pid", "memory")
        table.add_column(translate(heading), justify="right" if right else "left")
    for each in state.components:
        sign, style = _MARKS[each.phase]
        table.add_row(
            each.name,
            f"[{style}]{sign}[/{style}] {translate(each.phase)}",
            str(each.pid or ""),
            str(each.restarts),
            f"{max(0.0, time.time() - each.since):.0f} s",
            f"{each.memory / 1e6:.0f} MB" if each.memory else "",
        )
        if each.message:
            table.add_row("", f"[dim]{escape(translate(each.message))}[/dim]")
    return table


if __name__ == "__main__":
    app()
