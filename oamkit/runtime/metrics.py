"""A few figures in the text format that Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats/).

Written by hand: a handful of counters and two histograms don't justify a dependency in the runtime's image.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Gauge", "Metrics"]

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, in seconds, of the histograms."""


@dataclass(frozen=True)
class Gauge:
    """A value that goes up and down.

    Attributes:
        help: What it is.
        label: What its values differ by, e.g. ``"controller"``.
        values: Returns them as they are now, by the label's value.
    """

    help: str
    label: str
    values: Callable[[], Mapping[str, float]]

    def lines(self, name: str) -> Iterator[str]:
        """Its lines in the text format."""
        yield from _head(name, self.help, "gauge")
        for subject, value in sorted(self.values().items()):
            yield f'{name}{{{self.label}="{subject}"}} {value:g}'


@dataclass
class _Timed:
    """How often something ended, by its result, and how long it took."""

    name: str
    label: str
    noun: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    buckets: dict[str, list[int]] = field(default_factory=dict)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def observe(self, subject: str, result: str, seconds: float) -> None:
        self.counts[subject, result] += 1
        buckets = self.buckets.setdefault(subject, [0] * (len(BUCKETS) + 1))
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds[subject] += seconds

    def lines(self) -> Iterator[str]:
        name = f"{self.name}_total"
        yield from _head(name, f"{self.noun} by their result.", "counter")
        for (subject, result), count in sorted(self.counts.items()):
            yield f'{name}{{{self.label}="{subject}",result="{result}"}} {count}'
        name = f"{self.name}_seconds"
        yield from _head(name, f"How long {self.noun.lower()} took.", "histogram")
        for subject, counts in sorted(self.buckets.items()):
            mark, total = f'{self.label}="{subject}"', 0
            for bound, count in zip([*BUCKETS, "+Inf"], counts, strict=True):
                total += count
                yield f'{name}_bucket{{{mark},le="{bound}"}} {total}'
            yield f"{name}_sum{{{mark}}} {self.seconds[subject]:.6f}"
            yield f"{name}_count{{{mark}}} {total}"


class Metrics:
    """The runtime's figures.

    Args:
        gauges: By the metric's name.

    Example:
        >>> metrics = Metrics({"oam_queue_depth": Gauge("What waits.", "controller", lambda: {"a": 2})})
        >>> metrics.observe("applicationconfiguration", "success", 0.02)
        >>> print(metrics.text().splitlines()[2])
        oam_queue_depth{controller="a"} 2
    """

    def __init__(self, gauges: Mapping[str, Gauge] | None = None) -> None:
        self._gauges = gauges or {}
        self._passes = _Timed("oam_reconcile", "controller", "Passes")
        self._reviews = _Timed("oam_webhook_requests", "webhook", "Admission reviews")

    def observe(self, controller: str, result: str, seconds: float) -> None:
        """Count one pass: ``"success"`` or ``"error"``."""
        self._passes.observe(controller, result, seconds)

    def reviewed(self, webhook: str, result: str, seconds: float) -> None:
        """Count one admission review: ``"allowed"``, ``"denied"``, or ``"error"`` when it couldn't be judged."""
        self._reviews.observe(webhook, result, seconds)

    def text(self) -> str:
        """All figures."""
        lines = [line for name, gauge in self._gauges.items() for line in gauge.lines(name)]
        return "\n".join([*lines, *self._passes.lines(), *self._reviews.lines()]) + "\n"


def _head(name: str, help_text: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
