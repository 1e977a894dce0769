"""The runtime with Pods that run, in two replicas on different nodes."""

from __future__ import annotations

import pytest
from cases import *  # noqa: F403 - they are this folder's tests
from installed import CHART, RELEASE, Installed

pytestmark = pytest.mark.e2e


def test_10_2_two_replicas_are_updated_where_they_have_all_nodes(installed: Installed) -> None:
    """Neither the Job of the CRDs nor a replica more would have a node of its own."""
    change = ["--reuse-values", "--set=podAnnotations.seen=again"]
    installed.helm("upgrade", RELEASE, CHART, *change, "--wait", "--timeout=90s")
