from oamkit.sandbox.agent.plan import Plan, decide
from oamkit.sandbox.agent.status import PodFacts, render_status, same_status

FACTS = PodFacts("10.244.0.5", "10.244.0.1", sandbox_ready=True, start_time="1970-01-01T00:00:10Z")


def render(pod, *records, facts=FACTS, now=200.0, back_offs=None):
    by_name = {record.name: record for record in records}
    return render_status(pod, by_name, decide(pod, by_name, back_offs or {}, now), facts, now)


def conditions(status):
    return {c["type"]: c["status"] for c in status["conditions"]}


def test_a_running_pod_is_ready_when_its_containers_are(make_pod, make_record):
    status = render(make_pod(), make_record(started=True, ready=True))
    assert status["phase"] == "Running"
    assert status["podIPs"] == [{"ip": "10.244.0.5"}]
    assert set(conditions(status).values()) == {"True"}
    container = status["containerStatuses"][0]
    assert container["state"] == {"running": {"startedAt": "1970-01-01T00:00:50Z"}}
    assert container["restartCount"] == 0
    assert container["containerID"] == "process://id-main-0"


def test_a_container_that_is_not_ready_is_named(make_pod, make_record):
    status = render(make_pod(), make_record(started=True, ready=False))
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "ContainersNotReady"
    assert ready["message"] == "containers with unready status: [main]"


def test_before_its_start_a_container_waits(make_pod, make_record):
    status = render(make_pod(), make_record(begun=False))
    assert status["phase"] == "Pending"
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    assert status["containerStatuses"][0]["state"] == waiting


def test_behind_an_init_container_a_container_says_so(make_pod, make_record):
    pod = make_pod(initContainers=[{"name": "init"}])
    status = render(pod, make_record("init"), make_record(begun=False))
    assert status["phase"] == "Pending"
    waiting = {"waiting": {"reason": "PodInitializing"}}
    assert status["containerStatuses"][0]["state"] == waiting
    assert conditions(status)["Initialized"] == "False"


def test_a_crash_loop_shows_its_last_end(make_pod, make_record):
    from oamkit.sandbox.agent.backoff import Backoff

    record = make_record(exit_code=3, attempt=2, finished_at=199, messages={2: "boom"})
    status = render(make_pod(), record, back_offs={"main": Backoff(40, 190)})
    container = status["containerStatuses"][0]
    assert status["phase"] == "Running"
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert container["lastState"]["terminated"]["message"] == "boom"
    assert container["restartCount"] == 2


def test_a_finished_job_pod_succeeds(make_pod, make_record):
    status = render(make_pod(restartPolicy="Never"), make_record(exit_code=0))
    assert status["phase"] == "Succeeded"
    assert status["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert conditions(status)["Ready"] == "False"
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "PodCompleted"


def test_times_change_only_with_the_condition_and_others_conditions_stay(make_pod, make_record):
    pod = make_pod()
    other = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "x"}
    pod["status"] = {"conditions": [other]}
    first = render(pod, make_record(started=True, ready=True), now=200)
    pod["status"] = first
    later = render(pod, make_record(started=True, ready=True), now=900)
    assert same_status(later, first)
    assert other in later["conditions"]
    unready = render(pod, make_record(started=True, ready=False), now=900)
    ready = next(c for c in unready["conditions"] if c["type"] == "Ready")
    assert ready["lastTransitionTime"] == "1970-01-01T00:15:00Z"


def test_a_readiness_gate_keeps_a_pod_unready(make_pod, make_record):
    pod = make_pod(readinessGates=[{"conditionType": "example.com/ok"}])
    status = render(pod, make_record(started=True, ready=True))
    assert conditions(status)["Ready"] == "False"
    assert conditions(status)["ContainersReady"] == "True"


def test_a_pod_that_failed_as_a_whole_says_why(make_pod, make_record):
    facts = PodFacts("", "10.244.0.1", False, "t", "DeadlineExceeded", "too long", "Failed")
    by_name = {"main": make_record(exit_code=137)}
    status = render_status(make_pod(), by_name, Plan(), facts, 0)
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
