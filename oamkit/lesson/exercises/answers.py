"""Answers that are objects: learners write them as dictionaries or as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from oamkit.cluster.values import Object
from oamkit.lesson.exercising import Verdict, incorrect, not_attempted

__all__ = ["OAM", "document"]

OAM = "core.oam.dev/v1alpha2"


def document(answer: object, kind: str, api_version: str = OAM) -> Object | Verdict:
    """Return an answer as an object; or what to say, if it isn't one of the kind that the exercise asks for.

    Args:
        answer: What the learner passed.
        kind: The kind that is asked for.
        api_version: Its API version.

    Example:
        >>> document("kind: Pod", "Component").message
        'This is a Pod; the exercise asks for a Component.'
    """
    if answer is None or answer == "":
        return not_attempted(
            f"There is no {kind} yet.", "The examples above show one: which lines differ?"
        )
    if isinstance(answer, str):
        try:
            answer = yaml.safe_load(answer)
        except yaml.YAMLError as error:
            return incorrect(
                f"This isn't YAML: {error}".replace("\n", " "),
                "Look at the indentation of the line that it names, and at the one above it.",
            )
    if not isinstance(answer, Mapping):
        return incorrect(
            f"This is {answer!r}, not an object.",
            "An object has apiVersion, kind and metadata; it's a dictionary, or its YAML.",
        )
    found: dict[str, Any] = dict(answer)
    if found.get("kind") != kind:
        return incorrect(
            f"This is a {found.get('kind') or 'thing without a kind'}; the exercise asks for a {kind}.",
            "Which of the four kinds says what the exercise wants to say? The table of the recap helps.",
        )
    if found.get("apiVersion") != api_version:
        return incorrect(
            f"Its apiVersion is {found.get('apiVersion', 'missing')}.",
            f"Which apiVersion do the other objects of kind {kind} in this lesson have?",
        )
    return Object(found)
