"""Which language the kit speaks, and translating at the moment when something is shown.

English is what code says and compares: ``error.message``, logs and tests. A message is translated only where it is shown to a person,
by templates: ``There is no image {}.`` was extracted from an f-string, and fits ``There is no image web:v1.`` The language is, the
first that is known of:

1. what :func:`language` was told;
2. the notebook's own: those in ``notebooks/zh`` speak Chinese, and those in ``notebooks/en`` English;
3. ``OAMKIT_LANG``;
4. the system's locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG``).

As long as it is English, no catalogue is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from oamkit.errors import InputError, translate_by

__all__ = ["LANGUAGES", "current", "language", "message", "remember_notebook", "translate"]

LANGUAGES = ("en", "zh")

_chosen = ""
_of_notebook = ""


def language(name: str | None = None) -> str:
    """Return the language that the kit speaks; with a name, change it for this process.

    Args:
        name: ``"en"`` or ``"zh"``; ``""`` to choose by looking again.

    Raises:
        InputError: There is no such language.

    Example:
        >>> language("en")
        'en'
    """
    global _chosen
    if name is not None:
        if name and name not in LANGUAGES:
            raise InputError(
                f"expected one of {', '.join(LANGUAGES)}, got {name!r}", field="language"
            )
        _chosen = name
    return current()


def current(environ: Mapping[str, str] | None = None) -> str:
    """Return the language by the order that this module's docstring names.

    Args:
        environ: Environment variables; this process's by default.
    """
    values = os.environ if environ is None else environ
    if _chosen or _of_notebook:
        return _chosen or _of_notebook
    if found := _notebook(values):
        return found
    names = (values.get("OAMKIT_LANG"), *_locales(values))
    return next((_known(name) for name in names if name), "en")


def remember_notebook() -> None:
    """Keep to the language of the notebook that this process runs for, also when the working folder changes."""
    global _of_notebook
    _of_notebook = _notebook(os.environ) or _of_notebook


def translate(text: str, lang: str = "") -> str:
    """Return a message in the language that the kit speaks; the same if it is English, or no template fits.

    Args:
        text: A message as the code said it.
        lang: The language; the current one by default.

    Example:
        >>> translate("There is no image web:v1.", "en")
        'There is no image web:v1.'
    """
    lang = lang or current()
    if lang == "en" or not text:
        return text
    from oamkit.locale.catalogue import catalogue

    return catalogue(lang).translate(text)


def message(text: str) -> str:
    """Return a text as it is; the mark says that it is a message, where a single word wouldn't be taken for one.

    Example:
        >>> message("Traits")
        'Traits'
    """
    return text


def _notebook(environ: Mapping[str, str]) -> str:
    """Return the language of the notebook; ``""`` if this isn't a notebook's process.

    Jupyter's server names the notebook in ``JPY_SESSION_NAME``; other front ends start a kernel in the notebook's folder.
    """
    session = environ.get("JPY_SESSION_NAME", "")
    try:
        folders = [Path(session).parent, Path.cwd()] if session else [Path.cwd()]
    except OSError:  # the working folder is gone
        return ""
    for folder in folders:
        if folder.parent.name == "notebooks" and folder.name in LANGUAGES:
            return folder.name
    return ""


def _locales(environ: Mapping[str, str]) -> list[str]:
    # POSIX: the first that is set counts; https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return [next((environ[name] for name in names if environ.get(name)), "")]


def _known(name: str) -> str:
    short = name.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return short if short in LANGUAGES else "en"


translate_by(translate)
