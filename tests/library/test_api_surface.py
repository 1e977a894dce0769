"""The public face: what a notebook imports."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import oamkit


def test_all_names_are_sorted_and_there() -> None:
    assert list(oamkit.__all__) == sorted(oamkit.__all__)
    for name in oamkit.__all__:
        assert getattr(oamkit, name) is not None


def test_all_names_what_is_public() -> None:
    public = {name for name in dir(oamkit) if not name.startswith("_")} | {"__version__"}
    parts = {
        "engine",
        "errors",
        "kube",
        "languages",
        "locale",
        "oam",
        "paths",
        "process",
        "provider",
        "runtime",
        "sandbox",
        "show",
        "topology",
    }
    tools = {
        "TYPE_CHECKING",
        "annotations",
        "import_module",
        "cli",
        "course",
        "diagnosis",
        "telling",
    }
    assert public - parts - tools == set(oamkit.__all__)


def test_every_verb_explains_itself() -> None:
    for name in oamkit.__all__:
        found = getattr(oamkit, name)
        if name != "__version__":
            assert (found.__doc__ or "").strip(), name


def test_names_that_are_none_are_refused_as_python_does_it() -> None:
    assert not hasattr(oamkit, "nothing_of_that_name")


def test_doctor_stays_a_function_whatever_was_imported_before() -> None:
    import oamkit.diagnosis

    assert callable(oamkit.doctor)


@pytest.mark.parametrize("package", ["cluster", "cue", "images", "lesson", "widgets"])
def test_no_verb_gives_way_to_a_module_of_its_name(package: str) -> None:
    """Importing a package's module sets the name in the package: a cell that is run twice would call a module."""
    found = importlib.import_module(f"oamkit.{package}")
    verbs = {name for name in found.__all__ if callable(getattr(found, name))}
    for module in pkgutil.iter_modules(found.__path__):
        importlib.import_module(f"oamkit.{package}.{module.name}")
    assert [name for name in sorted(verbs) if not callable(getattr(found, name))] == []


def test_importing_it_brings_nothing_heavy() -> None:
    code = "import oamkit, sys; print([m for m in ('kubernetes', 'rich', 'aiohttp', 'typer', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n", done.stderr
