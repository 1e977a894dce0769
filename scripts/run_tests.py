"""Run all tests: those of the exercises, which mostly wait for a cluster, beside the others.

On two cores that takes little longer than the others alone. Whatever is given is given to both:

    python scripts/run_tests.py --durations=15

Exit code: 0 if both pass, or one passes and the other finds nothing to run. What fails is told at once in CI; all else that the exercises'
tests say comes at the end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BESIDE = "tests/exercises"
CACHE = ".pytest_cache/beside"
"""Where those note what failed: two runs can't write one list. See ``last_failed.py``."""

NOTHING_TO_RUN = 5
"""pytest's exit code, e.g. where only what failed last is asked for."""


def main(arguments: Sequence[str]) -> int:
    """Run them, and return the exit code."""
    pytest = [sys.executable, "-m", "pytest", *arguments]
    with tempfile.TemporaryFile() as said:
        runs = [
            subprocess.Popen([*pytest, f"--ignore={BESIDE}"], cwd=ROOT),
            subprocess.Popen([*pytest, BESIDE, "-o", f"cache_dir={CACHE}"], cwd=ROOT, stdout=said),
        ]
        # Ctrl-C reaches them by itself. They end what they have started, so nobody kills them.
        signal.signal(signal.SIGTERM, lambda *_: _interrupt(runs))
        codes = [_ended(run) for run in runs]
        said.seek(0)
        print(f"\n{BESIDE}:\n{said.read().decode(errors='replace')}", flush=True)
    return judged(codes)


def judged(codes: Sequence[int]) -> int:
    """Return the exit code for those of several runs.

    Example:
        >>> judged([0, 0]), judged([0, 1]), judged([5, 0]), judged([5, 5])
        (0, 1, 0, 5)
    """
    told = [code for code in codes if code != NOTHING_TO_RUN]
    return next(filter(None, told), 0) if told else NOTHING_TO_RUN


def _ended(run: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return run.wait()
        except KeyboardInterrupt:
            continue


def _interrupt(runs: Sequence[subprocess.Popen[bytes]]) -> None:
    for run in runs:
        run.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
