"""Small operators that run beside a notebook: a learner's kopf handlers, in a thread of their own.

A kernel has an event loop that belongs to Jupyter, so kopf gets a thread with another one. The thread ends with :meth:`Operator.stop`,
with the next start of an operator of that name (a cell that is run again), with the next lesson's start, and with the kernel.

Handlers are registered in a registry of their own, not in kopf's global one: running a cell twice doesn't register them twice.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import yaml

from oamkit.cluster import active
from oamkit.errors import ClusterError, InputError, MissingToolError
from oamkit.show import Line, Text

if TYPE_CHECKING:
    import kopf

__all__ = ["Operator", "operator", "stop_all"]

SECONDS = 20.0
"""How long an operator may take to begin, and to end."""

KEPT = 50
"""How many lines of its log are kept."""

_running: dict[str, Operator] = {}


class Operator(Line):
    """An operator that runs in a thread; :func:`operator` starts one. A ``with`` block stops it at its end.

    Args:
        name: What it is called.
        registry: Its handlers.
        namespace: The namespace that it watches.
    """

    def __init__(self, name: str, registry: kopf.OperatorRegistry, namespace: str) -> None:
        self.name = name
        self._registry = registry
        self._namespace = namespace
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._log: deque[str] = deque(maxlen=KEPT)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"operator {name}", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def line(self) -> str:
        """Say whether it runs."""
        if not self.running:
            return f"The operator {self.name} doesn't run."
        return f"The operator {self.name} runs; it watches the namespace {self._namespace}."

    def logs(self) -> Text:
        """Return what it has said: warnings, and errors of its handlers."""
        return Text("\n".join(self._log) or "(it hasn't complained)")

    def start(self) -> Self:
        """Start it, and return when it watches.

        Raises:
            ClusterError: It couldn't begin.
        """
        self._thread.start()
        if not self._ready.wait(SECONDS) or self._error:
            self.stop()
            raise ClusterError(
                f"The operator {self.name} couldn't begin: {self._error or 'it took too long'}.",
                hint="\n".join(self._log)[-500:],
                code="operator",
            ) from self._error
        return self

    def stop(self) -> Self:
        """Stop it, and return when it has ended. That it doesn't run is no error.

        Raises:
            ClusterError: It doesn't end.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(SECONDS)
        if self._thread.is_alive():
            raise ClusterError(
                f"The operator {self.name} doesn't stop.",
                hint="Restart the kernel: it ends with it.",
                code="operator",
            )
        if _running.get(self.name) is self:
            del _running[self.name]
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        import kopf

        collector = _Collector(self._log)
        logger = logging.getLogger("kopf")
        logger.addHandler(collector)
        settings = kopf.OperatorSettings()
        settings.posting.enabled = (
            False  # the lesson's events tell what happened, not that a handler ran
        )
        settings.watching.server_timeout = 60
        try:
            kopf.run(
                registry=self._registry,
                settings=settings,
                namespaces=[self._namespace],
                standalone=True,
                stop_flag=self._stop,
                ready_flag=self._ready,
            )
        except BaseException as error:  # noqa: BLE001 - told by start()
            self._error = error
        finally:
            settings.execution.executor.shutdown(wait=True)
            logger.removeHandler(collector)
            self._ready.set()


def operator(registry: kopf.OperatorRegistry, *, name: str, namespace: str = "default") -> Operator:
    """Start an operator beside this program; one of the same name that runs is stopped first.

    Args:
        registry: Its handlers, registered by ``@kopf.on.event(…, registry=registry)`` and the like.
        name: What it is called.
        namespace: The namespace that it watches.

    Returns:
        The operator, which watches. Its :meth:`~Operator.stop` ends it.

    Raises:
        InputError: There is no handler in the registry.
        ClusterError: It can't begin, or there is no cluster.
        MissingToolError: The package kopf isn't installed.

    Example::

        handlers = kopf.OperatorRegistry()

        @kopf.on.event("v1", "configmaps", registry=handlers)
        def seen(name, **_): ...

        watcher = lesson.operator(handlers, name="watcher")
        watcher.stop()
    """
    try:
        import kopf
    except ImportError as error:  # pragma: no cover - the course installs it
        raise MissingToolError(
            "The package kopf isn't installed.", hint="Install the course as a whole: make setup."
        ) from error
    if not isinstance(registry, kopf.OperatorRegistry):
        raise InputError(
            f"expected a kopf.OperatorRegistry, got {registry!r}",
            field="registry",
            hint="Make one, and name it in each handler: @kopf.on.event(…, registry=…).",
        )
    if name in _running:
        _running[name].stop()
    _quiet()
    kopf.on.login(registry=registry, id="oamkit")(_login(active.kubeconfig().read_text("utf-8")))
    _running[name] = started = Operator(name, registry, namespace)
    return started.start()


def stop_all() -> None:
    """Stop all operators of this program."""
    for each in list(_running.values()):
        each.stop()


class _Collector(logging.Handler):
    """Keeps the newest warnings."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if "OS signals" in record.getMessage():  # it runs in a thread on purpose
            return
        error = record.exc_info[1] if record.exc_info else None
        cause = f" {type(error).__name__}: {error}" if error else ""
        self._lines.append(f"{record.levelname}: {record.getMessage()}{cause}".replace("\n", " "))


def _quiet() -> None:
    """Keep kopf's log out of the notebook's cells."""
    logger = logging.getLogger("kopf")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _login(text: str) -> Callable[..., kopf.ConnectionInfo]:
    """Return a handler that tells kopf where the cluster is, and who we are."""
    import kopf

    config = yaml.safe_load(text)
    context = next(
        each["context"] for each in config["contexts"] if each["name"] == config["current-context"]
    )
    place = next(
        each["cluster"] for each in config["clusters"] if each["name"] == context["cluster"]
    )
    user = next(each["user"] for each in config["users"] if each["name"] == context["user"])

    def login(**_: object) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=place["server"],
            ca_data=place.get("certificate-authority-data"),
            ca_path=place.get("certificate-authority"),
            certificate_data=user.get("client-certificate-data"),
            certificate_path=user.get("client-certificate"),
            private_key_data=user.get("client-key-data"),
            private_key_path=user.get("client-key"),
            token=user.get("token"),
        )

    return login
