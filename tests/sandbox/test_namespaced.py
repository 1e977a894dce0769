"""Pods as processes in namespaces, started by root and by a user without any privilege."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oamkit.sandbox.probe import namespaces_refused

FILES = ("runtime_cases.py", "namespaced_cases.py")
CASES = [
    name
    for file in FILES
    for name in re.findall(
        r"^async def (\w+)\(world: World\)",
        Path(__file__).with_name(file).read_text(),
        re.MULTILINE,
    )
]
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(namespaces_refused() is not None, reason=str(namespaces_refused())),
]


@pytest.fixture(scope="module", params=[False, True], ids=["as-user", "as-nobody"])
def driver(request: pytest.FixtureRequest, new_driver: Callable[..., Any]) -> Any:
    return new_driver("namespaced", *FILES, unprivileged=request.param)


@pytest.mark.parametrize("case", CASES)
def test_namespaced(driver: Any, case: str) -> None:
    driver.run(case)
