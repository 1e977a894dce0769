from oamkit.sandbox.agent.recall import recall
from oamkit.sandbox.cri import ContainerState, ContainerStatus, PodConfig, PodStatus


def written(state, *, restarts=2, last=None):
    return {
        "containerStatuses": [
            {
                "name": "main",
                "containerID": "process://abc",
                "imageID": "demo@sha256:1",
                "restartCount": restarts,
                "started": True,
                "ready": True,
                "state": state,
                "lastState": {"terminated": last} if last else {},
            }
        ]
    }


def known(*runs):
    config = PodConfig("uid-web", "shop", "web", "web", None)
    return PodStatus(config, "10.244.0.5", runs)


def run(attempt, state=ContainerState.RUNNING, code=None):
    return ContainerStatus("main", attempt, f"id{attempt}", state, 10.0, None, code)


RUNNING = {"running": {"startedAt": "2030-01-01T00:00:00Z"}}
ENDED = {"exitCode": 3, "reason": "Error", "finishedAt": "2030-01-01T00:00:00Z", "message": "boom"}


def test_a_new_pod_has_no_past(make_pod):
    record = recall(make_pod(), None, 0)["main"]
    assert (record.last, record.attempts, record.stale) == (None, 0, False)


def test_what_still_runs_is_taken_over(make_pod):
    pod = make_pod()
    pod["status"] = written(RUNNING)
    record = recall(pod, known(run(1, ContainerState.EXITED, 1), run(2)), 0)["main"]
    assert (record.last.attempt, record.previous.attempt, record.attempts) == (2, 1, 3)
    assert record.started
    assert record.ready
    assert not record.stale


def test_a_start_that_was_not_written_counts(make_pod):
    pod = make_pod()
    pod["status"] = written(RUNNING)
    record = recall(pod, known(run(3)), 0)["main"]
    assert (record.attempts, record.ready) == (4, False)


def test_what_ran_and_is_gone_ended_unseen(make_pod):
    pod = make_pod()
    pod["status"] = written(RUNNING)
    record = recall(pod, None, 50)["main"]
    assert (record.last.exit_code, record.last.reason) == (137, "ContainerStatusUnknown")
    assert record.last.finished_at == 50
    assert record.stale
    assert record.attempts == 3


def test_a_crash_loop_keeps_its_last_end(make_pod):
    pod = make_pod()
    pod["status"] = written({"waiting": {"reason": "CrashLoopBackOff"}}, last=ENDED)
    record = recall(pod, None, 0)["main"]
    assert record.last.exit_code == 3
    assert record.messages == {2: "boom"}
    assert record.previous is None


def test_a_finished_container_stays_finished(make_pod):
    pod = make_pod()
    pod["status"] = written({"terminated": ENDED}, restarts=0)
    record = recall(pod, None, 0)["main"]
    assert (record.last.exit_code, record.attempts) == (3, 1)
