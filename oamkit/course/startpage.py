"""The course's start page: lessons, how far the learner is, and how the cluster is. An extension of Jupyter's server.

``GET /oamkit/start`` answers with a piece of HTML, for whoever has the server's token. In JupyterLab the extension
``oamkit-start`` shows it as a tab and asks again every few seconds.
"""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from typing import Any

from oamkit import languages
from oamkit.cluster import active, kit
from oamkit.cluster.base import ClusterStatus
from oamkit.errors import OamKitError
from oamkit.languages import message, translate
from oamkit.lesson import lessons, overview, progress
from oamkit.lesson.lessons import Lesson
from oamkit.lesson.overview import LessonProgress
from oamkit.show import color_of

__all__ = ["page"]

_STYLE = (
    ".oamkit-start{color:var(--jp-ui-font-color1);background:var(--jp-layout-color1);padding:1.5em 2em;line-height:1.5;"
    "font-family:var(--jp-ui-font-family),'Noto Sans CJK SC',sans-serif;font-size:var(--jp-content-font-size1)}"
    ".oamkit-start table{border-collapse:collapse;margin:1em 0}"
    ".oamkit-start th,.oamkit-start td{text-align:left;padding:.35em 1.2em .35em 0;border-bottom:1px solid var(--jp-border-color2)}"
    ".oamkit-start a{color:var(--jp-content-link-color)}"
    ".oamkit-start a:focus-visible{outline:2px solid var(--jp-brand-color1);outline-offset:2px}"
    ".oamkit-start code{font-family:var(--jp-code-font-family)}"
)


def page(base: str = "/") -> str:
    """Return the page as a piece of HTML, in the language that is spoken.

    Args:
        base: The server's base URL.
    """
    folder = lessons.folder(languages.current(), fall_back=True)
    known = progress.load()
    found = lessons.find((), folder)
    states = [overview.of(lesson, known) for lesson in found]
    rows = "".join(
        _row(lesson.path, state, base) for lesson, state in zip(found, states, strict=True)
    )
    columns = (message("Lesson"), message("State"), message("Exercises"))
    head = "".join(f'<th scope="col">{_said(column)}</th>' for column in columns)
    hint = _following(found, states, base)
    return (
        f"<style>{_STYLE}</style><h1>{_said('Applications on Kubernetes, with OAM')}</h1>"
        f"<p>{hint}</p>"
        f'<p role="status">{_cluster()}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _following(found: list[Lesson], states: list[LessonProgress], base: str) -> str:
    """Say, as a link, with which lesson to go on."""
    for lesson, state in zip(found, states, strict=True):
        if not state.done:
            begun = any(each.opened for each in states)
            said = (
                translate(f"Go on with lesson {state.lesson}: {state.title}")
                if begun
                else translate(f"Begin with lesson {state.lesson}: {state.title}")
            )
            return _link(lesson.path, said, base)
    return _said("You have done all lessons.")


def _link(path: Path, text: str, base: str) -> str:
    name = escape(path.relative_to(kit.root()).as_posix())
    return f'<a href="{escape(base)}lab/tree/{name}" data-path="{name}">{escape(text)}</a>'


def _row(path: Path, state: LessonProgress, base: str) -> str:
    link = _link(path, f"{state.lesson} · {state.title}", base)
    word = f'<span style="color:{color_of(state.state)}">{_said(state.state)}</span>'
    return f"<tr><td>{link}</td><td>{word}</td><td>{_said(state.exercises)}</td></tr>"


def _cluster() -> str:
    """Say in a sentence how the cluster is."""
    try:
        status = active.provider().status()
    except OamKitError as error:
        return escape(translate(error.message))
    return escape(translate(_sentence(status)))


def _sentence(status: ClusterStatus) -> str:
    if status.running:
        return f"The cluster ({status.provider}) runs: Kubernetes {status.version}, Ingress at {status.url}."
    return f"The cluster ({status.provider}) doesn't run. Lesson 03 starts it, and so does any later one."


def _said(text: str) -> str:
    return escape(translate(text))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "oamkit.course.startpage"}]


def _load_jupyter_server_extension(server: Any) -> None:  # noqa: ANN401 - jupyter_server's application
    from jupyter_server.base.handlers import JupyterHandler
    from tornado import web

    class Start(JupyterHandler):
        """Answers with the page."""

        @web.authenticated
        async def get(self) -> None:
            """Look at disk and cluster in a thread: the server has other things to do meanwhile."""
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            self.set_header("Cache-Control", "no-store")
            self.finish(await asyncio.to_thread(page, self.base_url))

    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(".*$", [(f"{base}oamkit/start", Start)])
    server.web_app.settings.setdefault("page_config_data", {})["oamkitTitle"] = translate(
        "OAM course"
    )
