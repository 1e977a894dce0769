"""Measure a classroom: learners on one machine, each with a sandbox of their own, who all run a lesson at the same moment.

``OAMKIT_LEARNERS`` says how many (5), ``OAMKIT_LESSON`` which lesson (06). Each has a home of their own below the system's temporary folder.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._report import Report

ROOT = Path(__file__).resolve().parents[1]
LEARNERS = int(os.environ.get("OAMKIT_LEARNERS", "5"))
LESSON = os.environ.get("OAMKIT_LESSON", "06")

RUN = """
import sys, pathlib
from oamkit.course.runner import run_course
done = run_course([sys.argv[1]], provider="sandbox", output=pathlib.Path(sys.argv[2]))
sys.exit(0 if done.passed else done.lessons[-1].failure.explain(sys.argv[1], pathlib.Path(sys.argv[2])))
"""

MEMORY = """
from oamkit import paths
from oamkit.sandbox import control, procfs
pid = control.daemon_pid(paths.runtime())
print(sum(procfs.memory(each) or 0 for each in {pid, *procfs.descendants(pid)}))
"""

FORGET = """
import shutil
from oamkit import paths
from oamkit.sandbox.lifecycle import Sandbox
Sandbox().reset()
shutil.rmtree(paths.runtime(), ignore_errors=True)
"""


class Learner:
    """One of them."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def python(self, code: str, *argv: str, timeout: float = 900) -> str:
        """Run Python in this learner's home."""
        env = {**os.environ, "OAMKIT_HOME": str(self.home)}
        done = subprocess.run(
            [sys.executable, "-c", code, *argv],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def lesson(self) -> float:
        """Run the lesson; return the seconds that it took."""
        begun = time.monotonic()
        self.python(RUN, LESSON, str(self.home / "out"))
        return time.monotonic() - begun


def measure(report: Report, room: list[Learner]) -> None:
    """Take the figures."""
    with ThreadPoolExecutor(len(room)) as pool:
        for name in ("first time", "again"):
            seconds = list(pool.map(Learner.lesson, room))
            title = f"lesson {LESSON} by {len(room)} at once, {name}"
            report.add(f"{title}: median", statistics.median(seconds), "s")
            report.add(f"{title}: slowest", max(seconds), "s")
    used = [float(learner.python(MEMORY)) / 1e6 for learner in room]
    report.add("memory of a learner's sandbox, median", statistics.median(used), "MB")
    report.add(f"memory of all {len(room)}", sum(used), "MB")


def main() -> None:
    """Run the benchmark."""
    folder = Path(tempfile.mkdtemp(prefix="oamkit-bench-"))
    room = [Learner(folder / f"learner-{number}") for number in range(LEARNERS)]
    report = Report("classroom")
    try:
        measure(report, room)
    finally:
        for learner in room:
            if (learner.home / "data" / "sandbox").is_dir():
                learner.python(FORGET)
        shutil.rmtree(folder, ignore_errors=True)
    report.finish()


if __name__ == "__main__":
    main()
