"""Renews certificates that end soon: ``python -m oamkit.sandbox.renew PLAN``, run by the daemon now and then."""

from __future__ import annotations

import sys
from pathlib import Path

from oamkit.sandbox.config import SandboxPaths
from oamkit.sandbox.daemon import RENEWED
from oamkit.sandbox.prepare import write_credentials
from oamkit.sandbox.state import Plan


def main() -> int:
    """Renew what ends soon; return :data:`~oamkit.sandbox.daemon.RENEWED` if anything was, else 0."""
    plan = Plan.read(Path(sys.argv[1]))
    made = write_credentials(SandboxPaths(plan.root), plan.layout, plan.ports)
    return RENEWED if made else 0


if __name__ == "__main__":
    sys.exit(main())
