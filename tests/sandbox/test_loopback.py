"""Pods as plain processes, where namespaces are refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILES = ("runtime_cases.py", "loopback_cases.py")
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
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8"),
]


@pytest.fixture(scope="module", params=[False, True], ids=["as-user", "as-nobody"])
def driver(request: pytest.FixtureRequest, new_driver: Callable[..., Any]) -> Any:
    return new_driver("loopback", *FILES, unprivileged=request.param)


@pytest.mark.parametrize("case", CASES)
def test_loopback(driver: Any, case: str) -> None:
    driver.run(case)
