"""Lesson 04: images and Pods."""

from __future__ import annotations

from oamkit.cluster.values import Object
from oamkit.lesson.exercises.pods import page, problem, ready
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

IMAGE, SECOND = "flask-sample:v1", "flask-sample:v2"
FIRST = "Hello World from Flask"

_IMAGE = 'lesson.start("05")\n'
"""The image is what lesson 04 makes, and 05 begins with."""


def _build(change: str = 'replace("Hello World from Flask", "Good morning from Flask")') -> str:
    return f"""
import shutil

copy = Path("build/flask-v2")
shutil.copytree("flask-demo", copy, dirs_exist_ok=True)
main = copy / "app/main.py"
main.write_text(main.read_text(encoding="utf-8").{change}, encoding="utf-8")
images.build("build/flask-v2", "flask-sample:v2")
cluster.load_image("flask-sample:v2")
"""


def _pod(name: str, image: str = IMAGE, extra: str = "", labels: str = "") -> str:
    return f'''
apply(
    {{
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {{"name": "{name}"{labels}}},
        "spec": {{"containers": [{{"name": "web", "image": "{image}"{extra}}}]}},
    }}
)
'''


def _probe(path: str) -> str:
    return (
        f', "readinessProbe": {{"httpGet": {{"path": "{path}", "port": 80}}, "periodSeconds": 1}}'
    )


_LABEL = ', "labels": {"app": "hello"}'
_HELLO = _pod("hello-v2", SECOND, _probe("/"), _LABEL)


@exercise(
    "04.1",
    title="A second version",
    prepare=_IMAGE,
    solution=_build() + _HELLO + 'wait_for("pod", "hello-v2")\n',
    wrong=(
        Wrong(
            "the old image", _pod("hello-v2", IMAGE, _probe("/")), hint="spec.containers[0].image"
        ),
        Wrong(
            "an image that nobody built", _pod("hello-v2", "flask-sampel:v2"), hint="flask-sampel"
        ),
        Wrong(
            "nothing changed",
            _build("strip()") + _HELLO + 'wait_for("pod", "hello-v2")\n',
            hint="main.py",
        ),
    ),
)
def second_version(look: Look) -> Verdict:
    """The Pod is ready, runs the new image, and its page is another one."""
    pod = look.get("pod", "hello-v2")
    if pod is None:
        return not_attempted(
            "There is no Pod 'hello-v2' yet.",
            "First the image, then the Pod: the lesson's cells show both.",
        )
    image = pod.at("spec.containers[0].image")
    if image == IMAGE:
        return incorrect(
            f"The Pod runs {image}.", "Which image a Pod runs is said in spec.containers[0].image."
        )
    if image != SECOND:
        return incorrect(
            f"The Pod asks for {image}: {problem(pod)}.",
            f"Is there an image called {image}? A Pod gets exactly what it asks for.",
        )
    if not ready(pod):
        return incorrect(
            f"The Pod isn't ready: {problem(pod) or 'its program runs, but has not answered'}.",
            "logs('hello-v2') shows what the program says, events('Pod', 'hello-v2') what the node says.",
            "Is the image where the node looks? Building it isn't enough.",
        )
    text = page("hello-v2")
    if text.strip() in ("", FIRST):
        return incorrect(
            f"The Pod's page says {text or 'nothing'!r}.",
            "What it says stands in main.py. Did the build use the folder in which you changed it?",
        )
    return correct(f"The second version says: {text}")


@exercise(
    "04.2",
    title="Running, but not ready",
    prepare=_IMAGE,
    solution=_pod("half", extra=_probe("/nowhere")),
    wrong=(
        Wrong("no probe", _pod("half"), hint="doesn't ask"),
        Wrong("a page that is there", _pod("half", extra=_probe("/")), hint="gets an answer"),
        Wrong(
            "it doesn't even run",
            _pod("half", extra=', "command": ["python", "-c", "raise SystemExit(1)"]'),
            hint="logs",
        ),
    ),
)
def half(look: Look) -> Verdict:
    """The Pod's program runs, and its probe fails."""
    pod = look.get("pod", "half")
    if pod is None:
        return not_attempted(
            "There is no Pod 'half' yet.", "The Pod of the lesson is a good start."
        )
    if pod.at("status.containerStatuses[0].state.running") is None:
        return incorrect(
            f"The program doesn't run: {problem(pod)}.",
            "It should run, and not be ready. logs('half') tells why it ended.",
        )
    if pod.at("spec.containers[0].readinessProbe") is None:
        return incorrect(
            "The Pod has no readinessProbe, so it is ready as soon as its program runs.",
            "Kubernetes doesn't ask this Pod anything. What did the lesson's Pod have that it hasn't?",
        )
    if ready(pod):
        path = pod.at("spec.containers[0].readinessProbe.httpGet.path", "")
        return incorrect(
            f"The Pod is ready: its probe asks for {path!r}.",
            "The probe gets an answer. For which page would the app answer 404?",
        )
    path = pod.at("spec.containers[0].readinessProbe.httpGet.path", "")
    if not page("half") or (path and page("half", path)):
        return incorrect(
            "The Pod has only just begun: it isn't ready yet.", "Check again in a moment."
        )
    return correct("It runs, and it isn't ready: 0/1. No visitor would be sent to it.")


def _service(selector: str = '"app": "hello"', port: int = 80) -> str:
    return f"""
apply(
    {{
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {{"name": "hello"}},
        "spec": {{"selector": {{{selector}}}, "ports": [{{"port": {port}}}]}},
    }}
)
"""


@exercise(
    "04.3",
    title="An address by a label",
    prepare=_IMAGE + _build() + _HELLO + 'wait_for("pod", "hello-v2")\n',
    solution='kubectl("label", "pod", "hello-v2", "app=hello", "--overwrite")' + _service(),
    wrong=(
        Wrong("a typo", _service('"app": "helo"'), hint="app=helo"),
        Wrong("another port", _service(port=8000), hint="port"),
        Wrong("no selector", _service(""), hint="whom"),
    ),
)
def an_address(look: Look) -> Verdict:
    """The Service's EndpointSlice has the Pod's address."""
    service = look.get("service", "hello")
    pod = look.get("pod", "hello-v2")
    if pod is None:
        return not_attempted("There is no Pod 'hello-v2': see exercise 04.1.")
    if service is None:
        return not_attempted(
            "There is no Service 'hello' yet.", "Lesson 01 showed a Service: six lines are enough."
        )
    selector = service.at("spec.selector") or {}
    if not selector:
        return incorrect(
            "The Service has no selector.",
            "It doesn't say whom it is for. Which labels has the Pod?",
        )
    labels = pod.at("metadata.labels") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return incorrect(
            f"The Service looks for {_labels(selector)}; the Pod has {_labels(labels)}.",
            f"No Pod has {_labels(selector)}, and nobody complains: that's lesson 01 again.",
        )
    if 80 not in {each.get("port") for each in service.at("spec.ports") or []}:
        return incorrect(
            "Nobody listens on the port that the Service sends visitors to.",
            "Compare the Service's port with the one that the app listens on.",
        )
    if not ready(pod):
        return incorrect(
            "The Service finds the Pod, but the Pod isn't ready.",
            "A Service only sends visitors to Pods that are ready: kubectl('get', 'pods').",
        )
    return _found(look, pod)


def _found(look: Look, pod: Object) -> Verdict:
    address = pod.at("status.podIP")
    slices = look.list("endpointslices", labels="kubernetes.io/service-name=hello")
    found = [
        each for one in slices for item in one.at("endpoints") or [] for each in item["addresses"]
    ]
    if address in found:
        return correct(f"The Service has found its Pod: {address}.")
    return incorrect("The Service hasn't noticed the Pod yet.", "Check again in a moment.")


def _labels(labels: object) -> str:
    pairs = labels.items() if isinstance(labels, dict) else ()
    return ", ".join(f"{key}={value}" for key, value in pairs) or "no labels"


_KILL = 'kubectl("exec", "phoenix", "--", "python", "-c", "import os, signal; os.kill({pid}, signal.SIGTERM)")\n'


@exercise(
    "04.4",
    title="A Pod that rises again",
    bonus=True,
    prepare=_IMAGE,
    # With a probe, so that the program listens to signals by then: process 1 is spared those that it doesn't expect.
    solution=_pod("phoenix", extra=_probe("/"))
    + 'wait_for("pod", "phoenix")\n'
    + _KILL.format(pid=1)
    + 'wait_for("pod", "phoenix", "status.containerStatuses[0].restartCount=1")\n'
    + 'wait_for("pod", "phoenix")\n',
    wrong=(
        Wrong(
            "only started", _pod("phoenix") + 'wait_for("pod", "phoenix")\n', hint="hasn't ended"
        ),
        Wrong(
            "never again",
            _pod("phoenix", extra=_probe("/")).replace(
                '"spec": {', '"spec": {"restartPolicy": "Never", '
            )
            + 'wait_for("pod", "phoenix")\n'
            + _KILL.format(pid=1)
            + 'wait_for("pod", "phoenix", lambda pod: pod.at("status.phase") in ("Succeeded", "Failed"))\n',
            hint="restartPolicy",
        ),
    ),
)
def phoenix(look: Look) -> Verdict:
    """The same Pod runs, with a restart."""
    pod = look.get("pod", "phoenix")
    if pod is None:
        return not_attempted(
            "There is no Pod 'phoenix' yet.", "A name and an image: that's enough."
        )
    restarts = pod.at("status.containerStatuses[0].restartCount", 0)
    if pod.at("status.phase") in ("Succeeded", "Failed"):
        return incorrect(
            "Its program has ended, and nobody starts it again.",
            "Whether it's started again, the Pod's restartPolicy decides. What is it if you don't say anything?",
        )
    if not restarts:
        return incorrect(
            "Its program runs, and was never started again.",
            "Its first program hasn't ended yet. A second Pod of that name wouldn't count: it's another Pod.",
            "os.kill(…) of Python ends a process by its number. Which number has the first one in a container?",
            "A program that has only just begun may not listen to signals yet: wait until it answers, and try again.",
        )
    if not ready(pod):
        return incorrect(
            f"It was started again, but doesn't run now: {problem(pod)}.",
            "Each time that it ends, the node waits a little longer. Give it a moment.",
        )
    return correct(f"The same Pod, and its program was started again (count: {restarts}).")
