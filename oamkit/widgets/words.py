"""The words of the front ends. They come from here, so that they are translated like all others."""

from __future__ import annotations

from typing import Any

from oamkit.languages import translate
from oamkit.lesson.verdict import Outcome
from oamkit.topology import State
from oamkit.topology.drawing import ROLES

__all__ = ["WORDS", "spoken_words"]

WORDS = {
    # all widgets
    "lost": "The cluster's API server doesn't answer. This is what was there before.",
    "retrying": "The widget goes on asking, and shows news as soon as it answers.",
    "dead": "The notebook's kernel has ended, so this no longer changes. Run the cell again.",
    "again": "Try again",
    "failed": "Something went wrong in this widget",
    "loading": "Reading the cluster …",
    "close": "Close",
    "back": "The API server answers again.",
    # topology
    "topologyOf": "Topology of",
    "views": "What is shown",
    "oam": "OAM",
    "kubernetes": "Kubernetes",
    "both": "Both",
    "search": "Search",
    "searchHint": "Kind, name or state",
    "state": "State",
    "anyState": "any state",
    "troubled": "not healthy",
    "fit": "Fit",
    "fitHint": "Fit the picture into its frame",
    "zoomIn": "Zoom in",
    "zoomOut": "Zoom out",
    "pause": "Pause",
    "resume": "Go on",
    "legend": "Legend",
    "copyPicture": "Copy picture",
    "copyText": "Copy text",
    "copied": "Copied.",
    "saved": "Your browser doesn't let pages copy pictures, so it was saved as a file.",
    "notCopied": "Your browser doesn't let this page copy.",
    "fold": "Fold again",
    "nothingSelected": "Choose a node to see its conditions, its events and its YAML.",
    "waitingForKernel": "The kernel is busy; details come as soon as it answers.",
    "conditions": "Conditions",
    "events": "Events",
    "yaml": "YAML",
    "noEvents": "No events.",
    "noConditions": "No conditions.",
    "empty": "There is nothing to show yet.",
    "help": "Arrow keys move between nodes, Enter selects, plus and minus zoom, 0 fits the picture, Escape ends the selection.",
    "hits": "nodes match",
    "owns": "A line: owns. A dashed line: points at.",
    "tie": "The same thing in the other picture.",
    # the letters in the corner of a node
    "A": "application",
    "C": "component",
    "W": "workload",
    "T": "trait",
    "S": "scope",
    # events
    "searchEvents": "Object or message",
    "time": "Time",
    "type": "Type",
    "about": "About",
    "event": "Event",
    "warning": "Warning",
    "normal": "Normal",
    "onlyWarnings": "Only warnings",
    "sinceStep": "Only new ones",
    "fromNow": "New from now on",
    "onlySelected": "Only what is selected",
    # concepts
    "concepts": "The concepts of OAM",
    "owner": "Written by",
    "inCluster": "Its objects",
    "example": "Example",
    "noObjects": "This cluster has none yet.",
    "question": "A question",
    "answer": "Answer",
    # steps
    "steps": "Exercises of lesson",
    "check": "Check",
    "hint": "Hint",
    "solution": "Solution",
    "prepare": "Prepare",
    "prepareHint": "Bring the cluster into the state in which this exercise begins",
    "reset": "Reset",
    "reallyReset": "Really forget what was solved?",
    "bonus": "bonus",
    "working": "at work",
    "solved": "solved",
    "openFor": "Open for",
    "noSteps": "This lesson has no exercises yet.",
    # status
    "status": "The cluster",
    "log": "Log",
    "refresh": "Read again",
}


def spoken_words() -> dict[str, Any]:
    """Return the words in the language of the reader, and the tables that are made of them."""
    words: dict[str, Any] = {key: translate(text) for key, text in WORDS.items()}
    words["states"] = [
        {"state": str(state), "icon": state.icon, "word": translate(state.word)} for state in State
    ]
    words["roles"] = [{"letter": letter, "word": words[letter]} for letter in ROLES.values()]
    words["outcomes"] = {str(outcome): translate(str(outcome)) for outcome in Outcome}
    return words
