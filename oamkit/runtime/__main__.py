"""``python -m oamkit.runtime``: the OAM runtime as a program (contract 10.1)."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from oamkit.errors import OamKitError
from oamkit.kube import Connection
from oamkit.runtime.hooks import installed
from oamkit.runtime.manager import Settings, run
from oamkit.runtime.webhooks import WebhookSettings

__all__ = ["main"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the runtime until it is told to stop; returns the exit code."""
    options = _parser().parse_args(argv)
    _set_up_logs(options.log_format, "debug" if options.debug_logs else options.log_level)
    try:
        connection = Connection.load(options.kubeconfig, options.context)
        settings = Settings(
            connection=connection,
            namespace=options.namespace,
            address=options.metrics_addr,
            leader_election=options.enable_leader_election,
            lease_namespace=options.leader_election_namespace or connection.namespace,
            resync=options.long_wait,
            revision_limit=options.revision_limit,
            apply_once_only=options.apply_once_only,
            hooks=installed(),
            webhooks=_webhooks(options, connection.namespace) if options.use_webhook else None,
            linger=options.shutdown_delay,
        )
        # What was imported stays. Else each full collection walks through it, while applications wait.
        gc.freeze()
        asyncio.run(run(settings))
    except OamKitError as error:
        logging.getLogger("oamkit.runtime").debug("ended by an error", exc_info=error)
        print(f"oam-runtime: {error}", file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    return 0


def _webhooks(options: argparse.Namespace, namespace: str) -> WebhookSettings:
    service = options.webhook_service
    return WebhookSettings(
        address=("", options.webhook_port),
        cert_dir=options.webhook_cert_dir,
        names=tuple(f"{service}.{namespace}{end}" for end in ("", ".svc", ".svc.cluster.local")),
        secret=(namespace, options.webhook_secret or service),
        configuration=options.webhook_configuration,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m oamkit.runtime",
        description="The OAM runtime: makes ApplicationConfigurations into Kubernetes objects.",
    )
    add = parser.add_argument
    add(
        "--kubeconfig",
        type=Path,
        help="file; default: KUBECONFIG, ~/.kube/config, or the Pod's service account",
    )
    add("--context", help="context in the kubeconfig file")
    add("--namespace", help="work in this namespace only")
    inside = "KUBERNETES_SERVICE_HOST" in os.environ
    add("--metrics-addr", type=_address, default=_address(":8080" if inside else "127.0.0.1:8080"),
        metavar="HOST:PORT", help="of /healthz, /readyz and /metrics; 0 for none; default :8080 in a Pod, else 127.0.0.1:8080")  # fmt: skip
    add("--enable-leader-election", action="store_true", help="of several replicas, let one work")
    add(
        "--leader-election-namespace",
        metavar="NAMESPACE",
        help="of the Lease; default: the Pod's or context's",
    )
    add("--long-wait", type=_duration, default=600.0, metavar="DURATION",
        help="time between two safety looks at everything, e.g. 10m (the default); 0 for none")  # fmt: skip
    add("--revision-limit", type=_count, default=50, metavar="N",
        help="how many revisions of each Component are kept, besides those in use; default 50")  # fmt: skip
    add(
        "--apply-once-only",
        action="store_true",
        help="leave objects that others changed alone until their application or Component changes",
    )
    add("--use-webhook", action="store_true", help="serve the admission webhooks")
    add("--webhook-port", type=_port, default=9443, metavar="PORT", help="default 9443")
    add("--webhook-cert-dir", type=Path, metavar="FOLDER",
        help="of tls.crt and tls.key; default: certificates of our own, in a Secret")  # fmt: skip
    add("--webhook-service", default="oam-kubernetes-runtime-webhook", metavar="NAME",
        help="the Service, in our namespace, that certificates of our own are for")  # fmt: skip
    add("--webhook-secret", metavar="NAME",
        help="where certificates of our own are kept; default: named like the Service")  # fmt: skip
    add("--webhook-configuration", default="", metavar="NAME",
        help="the MutatingWebhookConfiguration and ValidatingWebhookConfiguration that shall trust certificates of our own")  # fmt: skip
    add("--shutdown-delay", type=_duration, default=0.0, metavar="DURATION",
        help="how long webhooks still answer after SIGTERM, when all work is done; default 0")  # fmt: skip
    add("--log-format", choices=("text", "json"), default="text")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    add("--debug-logs", action="store_true", help="the same as --log-level debug")
    return parser


def _address(text: str) -> tuple[str, int] | None:
    if text == "0":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected host:port such as 127.0.0.1:8080, got {text!r}")
    return host.strip("[]"), int(port)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port of 1 to 65535, got {text!r}")
    return int(text)


def _duration(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if text == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"expected a duration such as 90s or 10m, got {text!r}")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


class _JsonFormatter(logging.Formatter):
    """One JSON object a line; what a message is about has fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _set_up_logs(form: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _JsonFormatter()
        if form == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


if __name__ == "__main__":
    sys.exit(main())
