"""Measure CUE: what a call costs, and 1,000 definitions in one go."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks._report import Report
from oamkit import cue

CALLS = 30
DEFINITIONS = 1000

SCHEMA = """\
#App: {
	name!:    string
	image:    string | *"\\(name):v1"
	replicas: int & >=1 & <=100 | *1
	ports: [...int & >0 & <65536]
	env: [string]: string
}
apps: [Name=string]: #App & {name: Name}
"""


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def many(count: int) -> str:
    """Return CUE with this many definitions, each with a value of it."""
    parts = [
        f'#D{n}: #App & {{env: NUMBER: "{n}"}}\napps: "app-{n}": #D{n} & {{ports: [{8000 + n}]}}\n'
        for n in range(count)
    ]
    return SCHEMA + "".join(parts)


def main() -> None:
    """Measure, and write build/bench/cue.json."""
    report = Report("cue")
    small = SCHEMA + "apps: web: replicas: 2\n"
    cue.evaluate(small)  # the program's pages are in memory from here on
    calls = [seconds(lambda: cue.evaluate(small)) for _ in range(CALLS)]
    report.add("one call, median", statistics.median(calls), "s")
    report.add(f"one call, slowest of {CALLS}", max(calls), "s")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    cue.evaluate(small)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report.add("one call, CPU", used, "s")
    data = {"apps": {f"app-{n}": {"ports": [8000]} for n in range(DEFINITIONS)}}
    report.add(
        f"{DEFINITIONS} values of Python vetted in one call",
        seconds(lambda: cue.vet(SCHEMA, data)),
        "s",
    )
    source = many(DEFINITIONS)
    found: dict[str, dict[str, object]] = {}
    report.add(
        f"{DEFINITIONS} definitions evaluated in one call",
        seconds(lambda: found.update(cue.evaluate(source))),
        "s",
    )
    assert len(found["apps"]) == DEFINITIONS
    with ThreadPoolExecutor(8) as pool:
        took = seconds(lambda: list(pool.map(lambda _: cue.evaluate(small), range(CALLS))))
    report.add(f"{CALLS} calls from 8 threads, each", took / CALLS, "s")
    report.finish()


if __name__ == "__main__":
    main()
