"""Termination messages: the last words of a container.

Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

from __future__ import annotations

from pathlib import Path

from oamkit.sandbox.agent.model import Object

__all__ = ["termination_message"]

MAX_BYTES = 4096
FALLBACK_LINES = 80
FALLBACK_BYTES = 2048
TAIL = 64 * 1024


def termination_message(container: Object, exit_code: int, file: Path, log: Path) -> str:
    """Return a container's termination message; ``""`` if it left none.

    Args:
        container: Its spec.
        exit_code: How it ended.
        file: What is mounted at ``terminationMessagePath``.
        log: Its log, for ``terminationMessagePolicy: FallbackToLogsOnError``.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        text = ""
    policy = container.get("terminationMessagePolicy", "File")
    if text or exit_code == 0 or policy != "FallbackToLogsOnError":
        return text
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - TAIL))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.split(" ", 3)[-1] for line in lines[-FALLBACK_LINES:] if line.count(" ") >= 3]
    return "\n".join(said)[-FALLBACK_BYTES:]
