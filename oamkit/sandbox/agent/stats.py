"""What the whole machine uses, in the kubelet's two forms. Pods aren't told apart, so ``kubectl top pod`` isn't promised.

Sources: ``proc(5)``; ``k8s.io/kubelet/pkg/apis/stats/v1alpha1``; https://kubernetes.io/docs/reference/instrumentation/node-metrics/
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from oamkit.sandbox.agent.model import Object, rfc3339

__all__ = ["metrics_text", "summary"]


def _cpu_seconds() -> float:
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    busy = [int(word) for index, word in enumerate(words[1:9]) if index not in (3, 4)]
    return sum(busy) / os.sysconf("SC_CLK_TCK")


def _memory() -> tuple[int, int]:
    values = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) * 1024
    available = values.get("MemAvailable", 0)
    return values["MemTotal"] - available, available


def summary(node: str) -> Object:
    """Return what ``/stats/summary`` answers."""
    now = rfc3339(time.time())
    used, available = _memory()
    return {
        "node": {
            "nodeName": node,
            "cpu": {"time": now, "usageCoreNanoSeconds": int(_cpu_seconds() * 1e9)},
            "memory": {"time": now, "availableBytes": available, "workingSetBytes": used},
        },
        "pods": [],
    }


def metrics_text() -> str:
    """Return what ``/metrics/resource`` answers."""
    used, _ = _memory()
    return (
        "# TYPE node_cpu_usage_seconds_total counter\n"
        f"node_cpu_usage_seconds_total {_cpu_seconds()}\n"
        "# TYPE node_memory_working_set_bytes gauge\n"
        f"node_memory_working_set_bytes {used}\n"
    )
