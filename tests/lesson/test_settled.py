"""When a check believes what it sees: controllers are done, or have failed for good. No cluster is needed."""

from __future__ import annotations

import pytest

from oamkit.cluster.states import has_failed, is_ready
from oamkit.cluster.values import Object


def waiting(reason: str) -> Object:
    status = {
        "phase": "Pending",
        "containerStatuses": [{"state": {"waiting": {"reason": reason}}}],
    }
    return Object({"kind": "Pod", "status": status})


def application(synced: str, seen: int) -> Object:
    status = {
        "observedGeneration": seen,
        "conditions": [{"type": "Synced", "status": synced, "message": "cannot find component"}],
    }
    return Object({"kind": "ApplicationConfiguration", "metadata": {"generation": 2}, "status": status})  # fmt: skip


@pytest.mark.parametrize("reason", ["ErrImagePull", "CrashLoopBackOff", "InvalidImageName"])
def test_a_pod_that_no_waiting_helps_has_failed(reason: str) -> None:
    assert has_failed(waiting(reason))
    assert not is_ready(waiting(reason))


def test_a_pod_that_is_about_to_start_has_not() -> None:
    assert not has_failed(waiting("ContainerCreating"))
    assert not has_failed(Object({"kind": "Pod"}))
    assert has_failed(Object({"kind": "Pod", "status": {"phase": "Failed"}}))


def test_an_application_has_failed_once_its_newest_version_was_tried() -> None:
    assert has_failed(application("False", seen=2))
    assert not has_failed(application("False", seen=1))
    assert not has_failed(application("True", seen=2))
    assert not has_failed(Object({"kind": "ApplicationConfiguration"}))


def test_of_other_kinds_only_jobs_fail() -> None:
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert has_failed(Object({"kind": "Job", "status": failed}))
    assert not has_failed(Object({"kind": "Job"}))
    assert not has_failed(Object({"kind": "Deployment", "status": failed}))
