"""Run lessons without a person: each cell with a time limit and a line of its own, and a report at the end."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from oamkit import paths, show
from oamkit.cluster import kit
from oamkit.course.cells import Failure, answer_of, failure_of
from oamkit.course.progress import Progress
from oamkit.errors import OamKitError
from oamkit.languages import translate
from oamkit.lesson import lessons as catalogue
from oamkit.lesson import progress
from oamkit.lesson.lessons import Lesson
from oamkit.provider import choose

__all__ = ["CourseResult", "LessonResult", "run_course", "run_lesson"]

CELL_SECONDS = 300
"""How long a cell may take. The longest one of the course builds an image on a machine that has nothing yet."""

START_SECONDS = 60
"""How long a kernel may take to start."""


@dataclass(frozen=True)
class LessonResult:
    """A lesson that was run.

    Attributes:
        lesson: Which one.
        title: Its heading.
        executed: The notebook with its outputs.
        seconds: How long it took.
        cells: How many code cells it has.
        answer: What its cell tagged ``answer`` printed: the lesson's result; ``""`` if it has none.
        failure: Where and why it ended early; ``None`` if it didn't.
    """

    lesson: Lesson
    title: str
    executed: Path
    seconds: float
    cells: int
    answer: str = ""
    failure: Failure | None = None

    @property
    def passed(self) -> bool:
        """Whether all of its cells ran."""
        return self.failure is None


@dataclass(frozen=True)
class CourseResult:
    """Lessons that were run one after the other.

    Attributes:
        lessons: Those that were run; the last one may have failed.
        skipped: Those after it.
        report: The report's first page.
        seconds: How long it took.
    """

    lessons: tuple[LessonResult, ...]
    skipped: tuple[Lesson, ...]
    report: Path
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all lessons ran to their end."""
        return not self.skipped and all(result.passed for result in self.lessons)


def run_course(
    wanted: Sequence[str] = (),
    *,
    provider: str = "",
    lang: str = "en",
    notebooks: Path | None = None,
    output: Path | None = None,
    cell_seconds: int = CELL_SECONDS,
) -> CourseResult:
    """Run lessons in order, in one cluster, up to the first that fails; then write the report.

    Args:
        wanted: Numbers of lessons; all if empty.
        provider: Where the cluster runs; by looking if empty.
        lang: The language.
        notebooks: The folder of the notebooks; the course's by default.
        output: Where executed notebooks and the report go; ``build/course`` of the checkout by default.
        cell_seconds: How long a cell may take.

    Raises:
        InputError: There is no such lesson, language or provider.
        OamKitError: Another run is at work: both would change the same cluster.
    """
    chosen = catalogue.find(wanted, notebooks or catalogue.folder(lang))
    choice = choose(provider)
    output = output or kit.root() / "build" / "course"
    output.mkdir(parents=True, exist_ok=True)
    with _alone():
        show.say(f"{len(chosen)} lessons, cluster: {choice}")
        return _run(chosen, {"PROVIDER": str(choice.name)}, output, cell_seconds)


@contextmanager
def _alone() -> Iterator[None]:
    """Let no second run of this user's change the cluster meanwhile. The system drops the lock when the process ends."""
    with (paths.data() / "course.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise OamKitError(
                f"The course is already being run, by process {file.read().strip()}.",
                hint="Wait until that is done, or end it by Ctrl-C in its terminal: both would change the same cluster.",
                code="course-runs",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _run(
    chosen: Sequence[Lesson], parameters: Mapping[str, Any], output: Path, cell_seconds: int
) -> CourseResult:
    from oamkit.course import report

    begin = time.monotonic()
    results: list[LessonResult] = []
    for lesson in chosen:
        results.append(run_lesson(lesson, output, parameters, cell_seconds=cell_seconds))
        if not results[-1].passed:
            break
    skipped = tuple(chosen[len(results) :])
    page = report.write(results, skipped, output)
    done = CourseResult(tuple(results), skipped, page, time.monotonic() - begin)
    _tell(done)
    return done


def run_lesson(
    lesson: Lesson, output: Path, parameters: Mapping[str, Any], *, cell_seconds: int = CELL_SECONDS
) -> LessonResult:
    """Run one notebook in a kernel of its own, with a line for each of its cells.

    Args:
        lesson: Which one.
        output: The folder for the executed notebook.
        parameters: Values for its cell tagged ``parameters``.
        cell_seconds: How long a cell may take.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    _quiet()
    source = nbformat.read(lesson.path, as_version=4)  # type: ignore[no-untyped-call]
    executed = output / f"{lesson.name}.ipynb"
    told = Progress(lesson, source)
    show.say(f"\n{lesson.number} {told.title}", "bold")
    begin = time.monotonic()
    error: Exception | None = None
    with (
        (output / f"{lesson.name}.log").open("wb") as log,
        TemporaryDirectory(prefix="kernel-", dir=paths.runtime()) as sockets,
    ):
        try:
            papermill.execute_notebook(
                lesson.path,
                executed,
                parameters=dict(parameters) if told.takes_parameters else None,
                cwd=lesson.path.parent,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=START_SECONDS,
                execution_timeout=cell_seconds,
                store_widget_state=False,
                coalesce_streams=True,  # lines that were printed one by one are one text, as in JupyterLab
                kernel_manager_class=_kernels(log, Path(sockets)),
                on_cell_start=told.starts,
                on_cell_executed=told.executed,
            )
        except (
            papermill.PapermillExecutionError,
            CellExecutionError,
            CellTimeoutError,
            RuntimeError,  # the kernel died, or didn't start
        ) as caught:
            told.breaks()
            error = caught
    document = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    return LessonResult(
        lesson=lesson,
        title=told.title,
        executed=executed,
        seconds=time.monotonic() - begin,
        cells=told.total,
        answer=answer_of(document),
        failure=None if error is None else failure_of(error, document, told.index),
    )


def _kernels(log: BinaryIO, sockets: Path) -> type[Any]:
    """Kernels that write what they say of themselves to a file, and are spoken to by Unix sockets.

    Anyone on this machine could listen in on loopback TCP. Jupyter itself would put the sockets into the notebook's folder, which may be
    read-only, and where those of another run would have the same names.
    """
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):
        transport = "ipc"

        def _ip_default(self) -> str:
            return str(sockets / "socket")

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - as its own base has it
            # What runs by itself is nothing that the learner has done.
            env = {**os.environ, progress.UNATTENDED: "1"}
            await super().start_kernel(**options, stderr=log, env=env)

    return Manager


def _quiet() -> None:
    """Keep papermill and Jupyter from saying in their words what we say in ours."""
    for name in ("papermill", "traitlets", "nbclient"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def _tell(done: CourseResult) -> None:
    show.say("")
    failed = next((result for result in done.lessons if not result.passed), None)
    for result in done.lessons:
        state = "passed" if result.passed else "failed"
        word = translate("passed") if result.passed else translate("failed")
        took = show.seconds(result.seconds)
        line = f"  {result.lesson.number}  {result.title:<60} {word}  {took}"
        show.say(line, show.style_of(state))
    for lesson in done.skipped:
        show.say(f"  {lesson.number}  {lesson.name:<60} not run", "dim")
    if failed is not None and failed.failure is not None:
        show.say("")
        show.say(failed.failure.explain(failed.lesson.number, failed.executed), "red")
    show.say("")
    for result in done.lessons:
        if result.answer:
            show.say(f"  {result.lesson.number}  {result.answer}", "bold green")
    show.say(f"\n{show.seconds(done.seconds)}. Report: {done.report}")
