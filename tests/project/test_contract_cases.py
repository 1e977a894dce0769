"""Every case of the contract's section 11 is a test of ours, which carries the case's number in its name.

The number stands after the section: ``test_11_4_37_…`` is behaviour 37 of section 11.4, ``test_11_1_e3_e4_…`` are the end-to-end
cases E3 and E4. A parameter set of a test may have a number too, at the start of its id: ``"11_4_25"``, ``"11_4_23 some words"``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

END_TO_END = {
    "e1": "no scopes, no finalizer",
    "e2": "joining a scope, and leaving it before the end",
    "e3": "containerized workload with parameters, files and a scaler",
    "e4": "what others write into the status stays",
    "e5": "a Deployment as workload",
    "e6": "each change of a component makes a revision",
    "e7": "health of a component that is used twice",
    "e8": "a pinned revision stays",
    "e9": "a component by name is followed",
    "e10": "a revision-enabled trait: a workload of each revision",
    "e11": "another trait: one workload",
    "e12": "a revision-enabled trait that comes later",
}
INTEGRATION = {"i1": "parameters become variables; deletion takes the workload along"}
SERVER = {
    "d1": "trait waits for trait",
    "d2": "component waits for component",
    "d3": "component waits for trait",
    "d4": "trait waits for component",
    "d5": "condition on a label of the application",
    "d6": "output into a store too",
    "d7": "through a store only",
    "d8": "condition of the input",
    "a1": "apply once only",
    "a2": "kinds without definitions",
    "a3": "scaler without definition",
    "a4": "both names and a revision-enabled trait",
    "a5": "edited trait",
    "a6": "discovery: two cases",
}
BEHAVIOURS = (
    "unreadable component",
    "parameters that do not fit",
    "workload that cannot be rendered",
    "trait that cannot be rendered",
    "unreadable definition",
    "metadata of rendered objects",
    "pinned revision",
    "revision-enabled trait names the workload",
    "nested path of the workload reference",
    "workload that is no object",
    "string into a list that is none",
    "number into a list that is none",
    "parameter names the workload",
    "trait that is no object",
    "missing required parameter",
    "undeclared parameter",
    "missing optional parameter",
    "field paths of a parameter",
    "generated trait name",
    "definition names",
    "workload names",
    "named trait",
    "recorded trait name",
    "recorded entry without a name",
    "name by the definition",
    "conditions of data passing",
    "application cannot be read",
    "errors of rendering, applying, collecting garbage",
    "unsatisfied dependency",
    "failing hooks",
    "hooks and the next pass",
    "finalizer comes with scopes",
    "finalizer goes",
    "status entry of a workload",
    "garbage",
    "older revisions are no garbage",
    "dependencies",
    "registered outputs",
    "status texts of others",
    "observed generation",
    "workload or trait cannot be applied",
    "no path, no workload reference",
    "joining a scope",
    "already in the scope",
    "leaving a scope",
    "finalizing",
    "output store",
    "input store",
    "first revision",
    "second revision, and label-only changes",
    "revision limit",
    "revision names",
    "applications of a component",
    "retention",
    "kinds of health checks",
    "health of a containerized workload",
    "health of replicas",
    "health of unknown kinds",
    "peers",
    "order of peers",
    "health of a PodSpecWorkload",
    "health of a scope",
    "errors of health scopes",
    "empty containerized workload",
    "labels and annotations",
    "operating system",
    "variables",
    "resources and volumes",
    "service",
    "owner, secret volume and config map volume",
    "names of config maps",
    "parent application",
    "incomplete workload reference",
    "children of a workload",
    "type labels",
    "kind of a definition",
    "hashes",
    "component of a revision",
    "revision data of a wrong type",
    "merging labels",
    "placeholder definitions",
    "namespace of definitions",
    "component or revision",
    "malformed traits",
    "versioned workloads have no fixed name",
    "applies to",
    "parameter of the workload name",
    "mutating applications",
    "mutating components",
    "validating components",
    "undecodable requests",
)
CASES = {
    **{f"11.1 {case}": words for case, words in END_TO_END.items()},
    **{f"11.2 {case}": words for case, words in INTEGRATION.items()},
    **{f"11.3 {case}": words for case, words in SERVER.items()},
    **{f"11.4 {number}": words for number, words in enumerate(BEHAVIOURS, 1)},
}

OPEN = {
    "11.4 30": "the runtime has no hooks: no program of others takes part in a pass",
    "11.4 31": "likewise; that rest means no further pass is shown by test_2_8",
}
"""Cases without a test, and why."""

NUMBERS = re.compile(r"11_([1-4])((?:_[a-z]?\d+)+)(?![a-z0-9])")


def numbers_of(name: str) -> set[str]:
    """The contract's numbers at the start of the name of a test or parameter set.

    A word follows them after ``_`` or a blank, or nothing does.
    """
    match = NUMBERS.match(name)
    if match is None:
        return set()
    section, cases = match.groups()
    return {f"11.{section} {case}" for case in cases.split("_")[1:]}


def names_in(source: str) -> Iterator[str]:
    """Names of tests without ``test_``, and the ids of their parameter sets as far as the source tells them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("test_"):
                continue
            yield node.name.removeprefix("test_")
            for decorator in node.decorator_list:
                yield from _ids(decorator)


def _ids(decorator: ast.expr) -> Iterator[str]:
    for node in ast.walk(decorator):
        if isinstance(node, ast.keyword) and node.arg in ("id", "ids"):
            for value in ast.walk(node.value):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def numbers_in(folder: Path) -> set[str]:
    return {
        number
        for path in sorted(folder.rglob("test_*.py"))
        for name in names_in(path.read_text())
        for number in numbers_of(name)
    }


def test_every_case_of_the_contract_is_a_test(project_root: Path) -> None:
    found = numbers_in(project_root / "tests")
    missing = [f"{case}: {words}" for case, words in CASES.items() if case not in found | set(OPEN)]
    assert missing == []


def test_no_test_names_a_case_that_is_not_in_the_contract(project_root: Path) -> None:
    assert sorted(numbers_in(project_root / "tests") - set(CASES)) == []


def test_no_open_case_has_a_test_meanwhile(project_root: Path) -> None:
    assert set(OPEN) <= set(CASES)
    assert sorted(numbers_in(project_root / "tests") & set(OPEN)) == []


def test_the_list_is_as_long_as_the_contracts() -> None:
    assert (len(END_TO_END), len(INTEGRATION), len(SERVER), len(BEHAVIOURS)) == (12, 1, 14, 91)


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("def test_11_4_7_a(): ...", {"11.4 7"}),
        ("def test_11_1_e3_e4_2_pods(): ...", {"11.1 e3", "11.1 e4", "11.1 2"}),
        ("async def test_11_4_92(): ...", {"11.4 92"}),
        ("def test_11_4_is_a_section(): ...", set()),
        ("def test_2_3_a(): ...", set()),
        ("def helper_11_4_7_a(): ...", set()),
        (
            '@mark.parametrize("a", [param(1, id="11_4_2")], ids=["11_4_3 b", "d1"])\ndef test_a(): ...',
            {"11.4 2", "11.4 3"},
        ),
        ('@mark.parametrize("a", ["11_4_2"])\ndef test_a(): ...', set()),
    ],
)
def test_numbers_are_found_in_names_and_ids(source: str, numbers: set[str]) -> None:
    assert {number for name in names_in(source) for number in numbers_of(name)} == numbers
