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
BEHAVIOURS = {
    1: "unreadable component",
    2: "parameters that do not fit",
    3: "workload that cannot be rendered",
    4: "trait that cannot be rendered",
    5: "unreadable definition",
    6: "metadata of rendered objects",
    7: "pinned revision",
    8: "revision-enabled trait names the workload",
    9: "nested path of the workload reference",
    10: "workload that is no object",
    11: "string into a list that is none",
    12: "number into a list that is none",
    13: "parameter names the workload",
    14: "trait that is no object",
    15: "missing required parameter",
    16: "undeclared parameter",
    17: "missing optional parameter",
    18: "field paths of a parameter",
    19: "generated trait name",
    20: "definition names",
    21: "workload names",
    22: "named trait",
    23: "recorded trait name",
    24: "recorded entry without a name",
    25: "name by the definition",
    26: "conditions of data passing",
    27: "application cannot be read",
    28: "errors of rendering, applying, collecting garbage",
    29: "unsatisfied dependency",
    30: "failing hooks",
    31: "hooks and the next pass",
    32: "finalizer comes with scopes",
    33: "finalizer goes",
    34: "status entry of a workload",
    35: "garbage",
    36: "older revisions are no garbage",
    37: "dependencies",
    38: "registered outputs",
    39: "status texts of others",
    40: "observed generation",
    41: "workload or trait cannot be applied",
    42: "no path, no workload reference",
    43: "joining a scope",
    44: "already in the scope",
    45: "leaving a scope",
    46: "finalizing",
    47: "output store",
    48: "input store",
    49: "first revision",
    50: "second revision, and label-only changes",
    51: "revision limit",
    52: "revision names",
    53: "applications of a component",
    54: "retention",
    55: "kinds of health checks",
    56: "health of a containerized workload",
    57: "health of replicas",
    58: "health of unknown kinds",
    59: "peers",
    60: "order of peers",
    61: "health of a PodSpecWorkload",
    62: "health of a scope",
    63: "errors of health scopes",
    64: "empty containerized workload",
    65: "labels and annotations",
    66: "operating system",
    67: "variables",
    68: "resources and volumes",
    69: "service",
    70: "owner, secret volume and config map volume",
    71: "names of config maps",
    72: "parent application",
    73: "incomplete workload reference",
    74: "children of a workload",
    75: "type labels",
    76: "kind of a definition",
    77: "hashes",
    78: "component of a revision",
    79: "revision data of a wrong type",
    80: "merging labels",
    81: "placeholder definitions",
    82: "namespace of definitions",
    83: "component or revision",
    84: "malformed traits",
    85: "versioned workloads have no fixed name",
    86: "applies to",
    87: "parameter of the workload name",
    88: "mutating applications",
    89: "mutating components",
    90: "validating components",
    91: "undecodable requests",
}
CASES = {
    **{f"11.1 {case}": words for case, words in END_TO_END.items()},
    **{f"11.2 {case}": words for case, words in INTEGRATION.items()},
    **{f"11.3 {case}": words for case, words in SERVER.items()},
    **{f"11.4 {number}": words for number, words in BEHAVIOURS.items()},
}

OPEN: dict[str, str] = {}
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
    """Names of tests without ``test_`` and the ids in their decorators; what is marked to be skipped or to fail doesn't count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("test_") or _is_never_passed(node):
                continue
            yield node.name.removeprefix("test_")
            for decorator in node.decorator_list:
                yield from _ids(decorator)


def _is_never_passed(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("skip", "xfail")
        for decorator in test.decorator_list
        for node in ast.walk(decorator)
    )


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
    # a6 is two cases under one number.
    assert (len(END_TO_END), len(INTEGRATION), len(SERVER)) == (12, 1, 14)
    assert list(BEHAVIOURS) == list(range(1, 92))


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
        ("@pytest.mark.skip\ndef test_11_4_7_a(): ...", set()),
        ('@mark.parametrize("a", ["11_4_2"])\ndef test_a(): ...', set()),
    ],
)
def test_numbers_are_found_in_names_and_ids(source: str, numbers: set[str]) -> None:
    assert {number for name in names_in(source) for number in numbers_of(name)} == numbers
