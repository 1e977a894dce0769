"""The step checker: a lesson's exercises as a list that can be worked through."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from oamkit.cluster import kit
from oamkit.errors import OamKitError
from oamkit.languages import translate
from oamkit.lesson import exercising, progress
from oamkit.show import Rendered
from oamkit.widgets import words
from oamkit.widgets.base import Bundle, Change, bundle, source
from oamkit.widgets.step_table import step_table

__all__ = ["StepsWidget"]


class StepsWidget(anywidget.AnyWidget):
    """See :func:`oamkit.widgets.steps`.

    A check takes seconds, since it waits until controllers are done; so what is asked for is done in a thread of its own, one thing
    after the other, and the page shows that it is at work.

    Attributes:
        steps: Number, title, outcome, message, hints and solution of each exercise, as far as they were asked for.
        busy: The number of the exercise that is being worked on; ``""`` if none is.
        problem: What went wrong; ``""`` if nothing did.
    """

    _esm = source("shared.js", "steps.js")
    _css = source("shared.css")

    words = traitlets.Dict().tag(sync=True)
    lesson = traitlets.Unicode("").tag(sync=True)
    steps = traitlets.List(traitlets.Dict()).tag(sync=True)
    busy = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)
    began = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, lesson: str) -> None:
        self._exercises = {each.number: each for each in exercising.of_lesson(lesson)}
        self._known: dict[str, dict[str, Any]] = {number: {} for number in self._exercises}
        self._worker: threading.Thread | None = None
        super().__init__(words=words.spoken_words(), lesson=lesson, began=time.time())
        self._tell()
        self.observe(self._on_asked, names=["asked"])

    def fallback(self) -> Rendered:
        """Return the exercises and how they stand, as a table."""
        return step_table(self.lesson)

    def ask(self, verb: str, number: str = "") -> None:
        """Do what a button asks for, and wait until it is done.

        Args:
            verb: ``"check"``, ``"hint"``, ``"solution"``, ``"prepare"`` or ``"reset"``.
            number: The exercise; ``reset`` needs none.
        """
        self._start(verb, number)
        if self._worker is not None:
            self._worker.join()

    def close(self) -> None:
        """End the widget; what is being worked on is finished first."""
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout=30)
        super().close()

    def __str__(self) -> str:
        return str(self.fallback())

    def _repr_mimebundle_(self, **options: dict[str, Any]) -> Bundle:
        return bundle(super()._repr_mimebundle_(**options), self.fallback())

    def _on_asked(self, change: Change) -> None:
        asked = change["new"]
        self._start(str(asked.get("verb", "")), str(asked.get("number", "")))

    def _start(self, verb: str, number: str) -> None:
        known = verb in _VERBS and (number in self._exercises or verb == "reset")
        if not known or (self._worker is not None and self._worker.is_alive()):
            return
        self.busy = number or "all"
        self._worker = threading.Thread(
            target=self._work, args=(verb, number), name="oamkit-steps", daemon=True
        )
        self._worker.start()

    def _work(self, verb: str, number: str) -> None:
        try:
            self.problem = ""
            _VERBS[verb](self, number)
            self._tell()
        except OamKitError as error:
            self.problem = error.shown()
        except Exception as error:  # noqa: BLE001 - shown to the learner
            self.problem = repr(error)
        finally:
            self.busy = ""

    def _check(self, number: str) -> None:
        verdict = self._exercises[number].check(exercising.last_answer(number))
        self._known[number] |= {
            "message": translate(verdict.message),
            "outcome": str(verdict.outcome),
            "hints": [],
        }

    def _hint(self, number: str) -> None:
        known = self._known[number]
        hints: list[str] = known.get("hints", [])
        hint = self._exercises[number].hint(len(hints) + 1)
        if str(hint) not in hints:
            known["hints"] = [*hints, str(hint)]

    def _solution(self, number: str) -> None:
        self._known[number]["solution"] = str(self._exercises[number].solution())

    def _prepare(self, number: str) -> None:
        os.chdir(kit.root())
        self._exercises[number].prepare()

    def _reset(self, _: str) -> None:
        progress.reset(self.lesson)
        self._known = {number: {} for number in self._exercises}
        self.began = time.time()

    def _tell(self) -> None:
        done = progress.load()
        self.steps = [
            {
                "number": each.number,
                "title": translate(each.title),
                "bonus": each.bonus,
                "outcome": str(done.outcome(each.number)),
                "message": "",
                "hints": [],
                "solution": "",
                "preparable": bool(each.start),
                **self._known[each.number],
            }
            for each in self._exercises.values()
        ]


_VERBS: dict[str, Callable[[StepsWidget, str], None]] = {
    "check": StepsWidget._check,  # noqa: SLF001 - its own
    "hint": StepsWidget._hint,  # noqa: SLF001
    "solution": StepsWidget._solution,  # noqa: SLF001
    "prepare": StepsWidget._prepare,  # noqa: SLF001
    "reset": StepsWidget._reset,  # noqa: SLF001
}
