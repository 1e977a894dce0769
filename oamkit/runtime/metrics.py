"""A few figures in the text format that Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats/).

Written by hand: a handful of counters and one histogram don't justify a dependency in the runtime's image.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable

__all__ = ["Metrics"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, in seconds, of the histogram of passes."""


class Metrics:
    """The runtime's figures.

    Args:
        gauges: From a metric's name to its help text and a function that returns its value now.

    Example:
        >>> metrics = Metrics({"oam_queue_depth": ("Applications that wait.", lambda: 2)})
        >>> metrics.observe("applicationconfiguration", "success", 0.02)
        >>> print(metrics.text().splitlines()[2])
        oam_queue_depth 2
    """

    def __init__(self, gauges: dict[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = gauges
        self._passes: Counter[tuple[str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def observe(self, controller: str, result: str, seconds: float) -> None:
        """Count one pass."""
        self._passes[controller, result] += 1
        buckets = self._buckets.setdefault(controller, [0] * (len(BUCKETS) + 1))
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[controller] += seconds

    def text(self) -> str:
        """All figures."""
        lines: list[str] = []
        for name, (help_text, value) in self._gauges.items():
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", f"{name} {value():g}"]
        name = "oam_reconcile_total"
        lines += [f"# HELP {name} Passes by their result.", f"# TYPE {name} counter"]
        for (controller, result), count in sorted(self._passes.items()):
            lines.append(f'{name}{{controller="{controller}",result="{result}"}} {count}')
        name = "oam_reconcile_seconds"
        lines += [f"# HELP {name} How long passes took.", f"# TYPE {name} histogram"]
        for controller, counts in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip([*BUCKETS, "+Inf"], counts, strict=True):
                total += count
                lines.append(f'{name}_bucket{{controller="{controller}",le="{bound}"}} {total}')
            lines.append(f'{name}_sum{{controller="{controller}"}} {self._seconds[controller]:.6f}')
            lines.append(f'{name}_count{{controller="{controller}"}} {total}')
        return "\n".join(lines) + "\n"
