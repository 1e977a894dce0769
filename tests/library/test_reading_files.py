"""Reading YAML that people wrote, and showing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oamkit import show_yaml
from oamkit.cluster import manifests
from oamkit.cluster.states import describe, is_ready
from oamkit.cluster.values import Object
from oamkit.errors import InputError

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


def test_a_folder_is_read_as_kubectl_reads_it(tmp_path: Path, write: Any) -> None:
    write("b.yaml", GOOD.replace("name: a", "name: b"))
    write("a.yml", f"{GOOD}---\n\n---\n{GOOD.replace('name: a', 'name: c')}")
    write("notes.txt", "no YAML")
    found = manifests.load(tmp_path)
    assert [(each.identity[3], each.line) for each in found] == [("a", 1), ("c", 7), ("b", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", r"bad\.yaml:1:8: this isn't YAML"),
        ("a: b\n c: d\n", r"bad\.yaml:2:3: this isn't YAML"),
        (
            "kind: Pod\nmetadata: {name: a}\n",
            r"bad\.yaml:1: apiVersion: expected a text, got nothing",
        ),
        (
            "apiVersion: v1\nkind: Pod\n",
            r"bad\.yaml:1: metadata\.name: expected a name, got nothing",
        ),
        (f"{GOOD}---\njust a text\n", r"bad\.yaml:5: expected an object, got 'just a text'"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: 3}\n", "expected a name, got 3"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: [b]}\n",
            r"metadata\.namespace: expected a text, got \['b'\]",
        ),
        ("# nothing\n", "expected Kubernetes objects, found none"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_line(write: Any, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        manifests.load(write("bad.yaml", text))


def test_two_objects_of_one_name_are_refused_with_both_places(tmp_path: Path, write: Any) -> None:
    first = write("a.yaml", GOOD)
    write("b.yaml", f"# a comment\n{GOOD}")
    with pytest.raises(InputError, match=rf"b\.yaml:2: .*a second ConfigMap 'a'.*{first}:1"):
        manifests.load(tmp_path)


def test_a_file_that_is_not_there_is_named_with_the_working_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: there is no such file") as caught:
        manifests.load(tmp_path / "none.yaml")
    assert str(Path.cwd()) in caught.value.hint


def test_notes_stand_beside_their_fields(write: Any) -> None:
    file = write("a.yaml", f"{GOOD}data:\n  x: '1'\n")
    shown = show_yaml(file, notes={"metadata": "who it is", "data.x": "what it says"})
    lines = str(shown).splitlines()
    assert lines[0] == f"# {file}"
    assert lines[3] == "metadata: {name: a}  # ← who it is"
    assert lines[5] == "  x: '1'             # ← what it says"
    assert "<strong" in shown.to_html()


def test_a_note_for_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="spec: there is no such field"):
        show_yaml({"kind": "Pod"}, notes={"spec": "…"})


def test_one_object_of_a_file_can_be_shown(write: Any) -> None:
    file = write("a.yaml", f"{GOOD}---\n# the other\n{GOOD.replace('name: a', 'name: c')}")
    shown = show_yaml(file, kind="ConfigMap", name="c")
    assert "name: c" in str(shown)
    assert "name: a" not in str(shown)
    with pytest.raises(InputError, match="there is no Secret"):
        show_yaml(file, kind="Secret")


def test_html_of_yaml_is_escaped() -> None:
    page = show_yaml({"kind": "<script>alert(1)</script>"}).to_html()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def _deployment(generation: int, observed: int, **status: int) -> Object:
    return Object(
        {
            "kind": "Deployment",
            "metadata": {"name": "web", "generation": generation},
            "spec": {"replicas": 2},
            "status": {"observedGeneration": observed, **status},
        }
    )


def _with_condition(kind: str, type_: str, status: str, message: str = "") -> Object:
    condition = {"type": type_, "status": status, "message": message}
    return Object({"kind": kind, "metadata": {"name": "a"}, "status": {"conditions": [condition]}})


@pytest.mark.parametrize(
    ("found", "ready", "words"),
    [
        (
            _deployment(1, 1, replicas=2, updatedReplicas=2, availableReplicas=2),
            *(True, "2 of 2 Pods available"),
        ),
        (
            _deployment(2, 1, replicas=2, updatedReplicas=2, availableReplicas=2),
            *(False, "2 of 2 Pods available"),
        ),
        (
            _deployment(2, 2, replicas=3, updatedReplicas=1, availableReplicas=2),
            *(False, "2 of 2 Pods available, 1 of them of the newest version"),
        ),
        (
            _deployment(2, 2, replicas=3, updatedReplicas=2, availableReplicas=3),
            *(False, "2 of 2 Pods available, 1 more to be removed"),
        ),
        (_with_condition("ApplicationConfiguration", "Synced", "True"), True, "Synced"),
        (
            _with_condition("ApplicationConfiguration", "Synced", "False", "no such parameter"),
            *(False, "Synced is False: no such parameter"),
        ),
        (Object({"kind": "ApplicationConfiguration", "metadata": {}}), False, "it is there"),
        (Object({"kind": "Service", "metadata": {}}), True, "it is there"),
        (
            Object(
                {
                    "kind": "Pod",
                    "status": {
                        "phase": "Pending",
                        "containerStatuses": [
                            {
                                "state": {
                                    "waiting": {
                                        "reason": "ErrImagePull",
                                        "message": "no such image",
                                    }
                                }
                            }
                        ],
                    },
                }
            ),
            *(False, "ErrImagePull: no such image"),
        ),
        (Object({"kind": "Pod", "metadata": {"deletionTimestamp": "now"}}), False, "being deleted"),
    ],
)
def test_states_are_told_in_words(found: Object, ready: bool, words: str) -> None:
    assert is_ready(found) is ready
    assert describe(found) == words


def test_a_text_for_a_notebook_is_not_displayed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel rich displays what it prints, also what is only captured."""
    import rich.console

    shown: list[object] = []
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *arguments: shown.append(arguments))
    assert Object({"kind": "Pod"})._repr_mimebundle_()["text/plain"] == "kind: Pod"
    assert shown == []
