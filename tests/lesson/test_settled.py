"""When a check believes what it sees: controllers are done, or have failed for good. No cluster is needed."""

from __future__ import annotations

import pytest

from oamkit.cluster.states import has_failed, is_ready
from oamkit.cluster.values import Object
from oamkit.lesson import exercising
from oamkit.lesson.look import Look


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


def test_what_is_seen_is_believed_sooner_if_controllers_are_done_and_the_cluster_is_quick() -> None:
    look = Look()
    assert exercising._quiet(look, 0.001) == exercising.QUIET
    assert exercising.QUIET < exercising._quiet(look, 0.05) < exercising._quiet(look, 5)
    assert exercising._quiet(look, 5) == exercising.SLOW
    look.tried = True  # a policy counts a second after it is there
    assert exercising._quiet(look, 0.001) == exercising.QUIET_TRIED
    look._seen.append(waiting("ErrImagePull"))
    assert exercising._quiet(look, 0.001) == exercising.QUIET_TRIED
    look._seen.append(waiting("ContainerCreating"))
    assert exercising._quiet(look, 0.001) == exercising.QUIET_UNSETTLED
