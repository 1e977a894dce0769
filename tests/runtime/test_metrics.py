"""Figures for Prometheus, and the log's form."""

from __future__ import annotations

import asyncio
import json
import logging
import re

from test_review import TYPED, review

from oamkit.errors import ClusterError
from oamkit.oam import KindKey, ObjectKey, ServedKind
from oamkit.oam.kinds import Obj
from oamkit.runtime.__main__ import _JsonFormatter
from oamkit.runtime.metrics import BUCKETS, Gauge, Metrics
from oamkit.runtime.webhooks import Webhooks

LINE = re.compile(r'[a-z_]+\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\} \S+')


def test_the_text_is_what_prometheus_reads() -> None:
    metrics = Metrics({"oam_queue_depth": Gauge("What waits.", "controller", lambda: {"a": 2})})
    metrics.observe("a", "success", 0.02)
    metrics.observe("a", "error", 99.0)
    metrics.reviewed("mutating-components", "denied", 0.001)
    text = metrics.text()
    assert text.endswith("\n")
    told: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            told[name] = kind
        elif not line.startswith("# HELP"):
            assert LINE.fullmatch(line), line
            family = re.sub(r"_(bucket|sum|count)$", "", line.partition("{")[0])
            assert family in told, f"{line} before its type"
    assert told == {
        "oam_queue_depth": "gauge",
        "oam_reconcile_total": "counter",
        "oam_reconcile_seconds": "histogram",
        "oam_webhook_requests_total": "counter",
        "oam_webhook_requests_seconds": "histogram",
    }


def test_a_histogram_counts_from_the_smallest_bound_on() -> None:
    metrics = Metrics()
    for seconds in (BUCKETS[0], 0.02, 99.0):
        metrics.observe("a", "success", seconds)
    found = re.findall(
        r'oam_reconcile_seconds_bucket\{controller="a",le="(.*)"\} (\d+)', metrics.text()
    )
    assert [bound for bound, _ in found] == [*map(str, BUCKETS), "+Inf"]
    counts = [int(count) for _, count in found]
    assert (counts[0], counts[2], counts[-2], counts[-1]) == (1, 2, 2, 3)
    assert 'oam_reconcile_seconds_count{controller="a"} 3' in metrics.text()


class Away:
    """A cluster that doesn't answer."""

    async def object(self, key: ObjectKey) -> Obj | None:
        raise ClusterError("no answer")

    async def kind(self, key: KindKey) -> ServedKind | None:
        raise ClusterError("no answer")

    async def named(self, plural: str, group: str, version: str) -> KindKey | None:
        raise ClusterError("no answer")


def test_a_review_that_could_not_be_judged_counts_as_an_error() -> None:
    from aiohttp.test_utils import TestClient, TestServer

    metrics = Metrics()

    async def main() -> None:
        app = Webhooks(Away, metrics).application()
        async with TestClient(TestServer(app)) as client:
            for body in (json.dumps(review("components", TYPED)), "nonsense"):
                path = "/mutating-core-oam-dev-v1alpha2-components"
                async with client.post(path, data=body) as answer:
                    assert not (await answer.json())["response"]["allowed"]

    asyncio.run(main())
    counts = re.findall(
        r'requests_total\{webhook="mutating-components",result="(.*)"\} (\d)', metrics.text()
    )
    assert counts == [("denied", "1"), ("error", "1")]


def test_a_line_of_the_json_log_tells_what_it_is_about_in_fields() -> None:
    record = logging.LogRecord("oamkit", logging.WARNING, "", 0, "%s failed", ("it",), None)
    record.about = {"namespace": "shop", "name": "app"}
    record.created = 0.5
    assert json.loads(_JsonFormatter().format(record)) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "warning",
        "logger": "oamkit",
        "message": "it failed",
        "namespace": "shop",
        "name": "app",
    }
