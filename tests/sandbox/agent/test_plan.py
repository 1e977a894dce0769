import pytest

from oamkit.sandbox.agent.backoff import Backoff
from oamkit.sandbox.agent.plan import decide, restarts

SIDECAR = {"name": "side", "image": "demo", "restartPolicy": "Always"}
INIT = {"name": "init", "image": "demo"}


def by_name(*records):
    return {record.name: record for record in records}


def test_containers_of_a_new_pod_start_in_order(make_pod, make_record):
    pod = make_pod(containers=[{"name": "b"}, {"name": "a"}])
    records = by_name(make_record("b", begun=False), make_record("a", begun=False))
    assert decide(pod, records, {}, 0).start == ["b", "a"]


def test_init_containers_go_first_and_one_by_one(make_pod, make_record):
    pod = make_pod(initContainers=[INIT, {"name": "second"}])
    main = make_record(begun=False)
    second = make_record("second", begun=False)
    first = by_name(make_record("init", begun=False), second, main)
    assert decide(pod, first, {}, 0).start == ["init"]
    running = by_name(make_record("init"), second, main)
    assert decide(pod, running, {}, 0).start == []
    done = by_name(make_record("init", exit_code=0), second, main)
    plan = decide(pod, done, {}, 0)
    assert plan.start == ["second"]
    assert not plan.initialized


def test_a_failed_init_container_ends_the_pod_only_if_it_never_restarts(make_pod, make_record):
    records = by_name(make_record("init", exit_code=1), make_record(begun=False))
    never = decide(make_pod(initContainers=[INIT], restartPolicy="Never"), records, {}, 200)
    assert never.phase == "Failed"
    again = decide(make_pod(initContainers=[INIT], restartPolicy="OnFailure"), records, {}, 200)
    assert again.start == ["init"]
    assert again.phase == ""


def test_containers_wait_for_a_sidecar_to_be_started(make_pod, make_record):
    pod = make_pod(initContainers=[SIDECAR])
    main = make_record(begun=False)
    assert decide(pod, by_name(make_record("side", started=False), main), {}, 0).start == []
    assert decide(pod, by_name(make_record("side", started=True), main), {}, 0).start == ["main"]


def test_a_sidecar_that_ends_comes_back_beside_running_containers(make_pod, make_record):
    pod = make_pod(initContainers=[SIDECAR], restartPolicy="Never")
    plan = decide(pod, by_name(make_record("side", exit_code=1), make_record()), {}, 200)
    assert plan.start == ["side"]
    assert plan.initialized


def test_a_crash_loop_waits_longer_and_longer(make_pod, make_record):
    pod = make_pod()
    record = make_record(exit_code=1, finished_at=100)
    assert decide(pod, by_name(record), {}, 100).start == ["main"]
    waiting = decide(pod, by_name(record), {"main": Backoff(20, 90)}, 110)
    assert waiting.start == []
    assert waiting.back_off == {"main": 120}
    assert decide(pod, by_name(record), {"main": Backoff(20, 90)}, 120).start == ["main"]


def test_the_delay_doubles_to_five_minutes_and_is_forgotten_after_ten():
    backoff, delays = Backoff(), []
    for turn in range(8):
        backoff = backoff.after(1000.0 + turn)
        delays.append(backoff.delay)
    assert delays == [10, 20, 40, 80, 160, 300, 300, 300]
    assert backoff.until(1007.0 + 601) == 1608.0
    assert backoff.after(1007.0 + 601).delay == 10


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Never", (0, 0), "Succeeded"),
        ("Never", (0, 3), "Failed"),
        ("OnFailure", (0, 0), "Succeeded"),
        ("OnFailure", (0, 3), ""),
        ("Always", (0, 0), ""),
    ],
)
def test_how_a_pod_ends(make_pod, make_record, policy, codes, phase):
    pod = make_pod(containers=[{"name": "a"}, {"name": "b"}], restartPolicy=policy)
    records = by_name(*(make_record(n, exit_code=c) for n, c in zip("ab", codes, strict=True)))
    assert decide(pod, records, {}, 200).phase == phase


def test_sidecars_do_not_keep_a_finished_pod_alive(make_pod, make_record):
    pod = make_pod(initContainers=[SIDECAR], restartPolicy="Never")
    records = by_name(make_record("side", started=True), make_record(exit_code=0))
    assert decide(pod, records, {}, 200).phase == "Succeeded"


def test_after_the_machine_was_restarted_init_containers_run_again(make_pod, make_record):
    pod = make_pod(initContainers=[INIT])
    records = by_name(
        make_record("init", exit_code=0, stale=True), make_record(exit_code=255, stale=True)
    )
    plan = decide(pod, records, {"main": Backoff(300, 99)}, 101)
    assert plan.start == ["init"]


def test_a_container_of_its_own_policy_and_rules(make_pod):
    pod = make_pod(restartPolicy="Never")
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    assert restarts(pod, {"restartPolicyRules": [rule]}, 42)
    assert not restarts(pod, {"restartPolicyRules": [rule]}, 1)
    assert restarts(pod, {"restartPolicy": "OnFailure"}, 1)


def test_a_container_that_failed_its_probe_is_stopped(make_pod, make_record):
    records = by_name(make_record(kill_reason="Liveness"))
    assert decide(make_pod(), records, {}, 0).stop == {"main": "Liveness"}
