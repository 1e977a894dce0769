"""A curl for learners: fetch a page, and keep trying until what serves it is up."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from oamkit import show
from oamkit.cluster import active
from oamkit.errors import InputError, WaitTimeoutError
from oamkit.languages import translate
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Response", "fetch"]

INTERVAL = 0.3
"""Seconds between two tries."""


@dataclass(frozen=True)
class Response(Rendered):
    """The answer of a web server.

    Attributes:
        url: What was asked for.
        status: The HTTP status code.
        text: The body.
        seconds: How long it took, all tries together.
        attempts: How many tries it took.
    """

    url: str
    status: int
    text: str
    seconds: float
    attempts: int

    def __str__(self) -> str:
        return self.text.rstrip("\n")

    def _summary(self) -> str:
        took = show.seconds(self.seconds)
        if self.attempts == 1:
            return translate(f"HTTP {self.status} at the first try, after {took}")
        return translate(f"HTTP {self.status} after {self.attempts} tries, in {took}")

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text.assemble(str(self), ("\n" + self._summary(), "dim"))

    def to_html(self) -> str:
        """Return the body as text, and below it how it came."""
        from html import escape

        body = f'<pre style="{show.PRE}">{escape(str(self))}</pre>'
        return f"{body}<p><small>{escape(self._summary())}</small></p>"


def fetch(
    url: str = "/", *, status: int = 200, contains: str = "", timeout: float = 30.0
) -> Response:
    """Fetch a page as ``curl`` does, and try again until the answer is the expected one.

    A new Ingress needs a moment until it is served: connections that are refused and other status codes are no error before the
    time is over.

    Args:
        url: A URL, or a path that the cluster's Ingress serves.
        status: The HTTP status code to wait for.
        contains: A text that must be in the body.
        timeout: Seconds, for all tries together.

    Raises:
        WaitTimeoutError: No answer was the expected one; says what the last one was.
        InputError: The URL isn't an http one.

    Example::

        fetch("/")                # what the Ingress serves
        fetch("/", status=404)    # … until it no longer does
    """
    if not urlsplit(url).scheme:
        url = urljoin(active.provider().url() + "/", url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"expected an http URL or a path, got {url!r}", field="url")
    show.command(["curl", url])
    start = time.monotonic()
    attempts, last = 0, ""
    while True:
        attempts += 1
        left = start + timeout - time.monotonic()
        code, body = _try(url, max(1.0, min(10.0, left)))
        if code == status and contains in body:
            return Response(url, code, body, time.monotonic() - start, attempts)
        state = f"HTTP {code}: {_first_line(body)}" if code else body
        if state != last:
            show.say(f"  {state} …", "dim")
            last = state
        if time.monotonic() + INTERVAL > start + timeout:
            wanted = f"HTTP {status} with {contains!r} in it" if contains else f"HTTP {status}"
            raise WaitTimeoutError(
                f"{url} didn't answer with {wanted} within {show.seconds(timeout)} ({attempts} tries).",
                last_state=state,
                hint="Look at kubectl('get', 'ingress,service,pods') and at events().",
            )
        time.sleep(INTERVAL)


def _try(url: str, timeout: float) -> tuple[int, str]:
    """Return the status code and the body; code 0 and the reason if there was no answer."""
    # No proxy: what a cluster on this machine serves is on our own loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"User-Agent": "oamkit"})  # noqa: S310 - fetch() checked the scheme
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except urllib.error.URLError as error:
        return 0, f"no answer: {error.reason}"
    except (OSError, HTTPException) as error:
        return 0, f"no answer: {error}"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:100]
