"""What the runtime would change in the cluster, by server-side apply that is only tried (``dryRun=All``).

The server itself tells what an object would become, defaults and other owners' fields included, as for ``kubectl diff
--server-side`` (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from oamkit import show
from oamkit.cluster import active
from oamkit.cluster.api import Api
from oamkit.cluster.lookup import ClusterFacts
from oamkit.cluster.manifests import Manifest
from oamkit.cluster.rendering import file_facts, outcomes
from oamkit.cluster.yaml_view import dump
from oamkit.errors import ApiError, InputError
from oamkit.oam.garbage import garbage
from oamkit.oam.kinds import FIELD_MANAGER, Obj, TypedReference
from oamkit.oam.offline import Outcome
from oamkit.oam.pruning import undeclared, without
from oamkit.oam.world import ObjectKey
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Differences", "differences"]

_SERVERS: Final = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
"""Fields of ``metadata`` that the server sets by itself: no change that somebody asked for."""


@dataclass(frozen=True)
class Differences(Rendered):
    """Unified diffs, one for each object that would change; false if none would.

    Attributes:
        diffs: From what is there to what would be.
        notes: What to know about them; a sentence each.
    """

    diffs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.diffs)

    def __str__(self) -> str:
        return "\n".join(self.diffs)

    def __rich__(self) -> RenderableType:
        from rich.syntax import Syntax

        return Syntax(str(self), "diff", theme="ansi_dark", background_color="default")

    def to_html(self) -> str:
        """Return them in a fixed-width font."""
        return f'<pre style="{show.PRE}">{escape(str(self))}</pre>'


def differences(found: Sequence[Manifest], *, namespace: str, name: str = "") -> Differences:
    """Compare what the runtime would apply for applications in files with what is in the cluster in use.

    Args:
        found: All that was read.
        namespace: For objects that name none.
        name: Only the application of this name.

    Raises:
        InputError: There is no application among them, or one can't be rendered.
        ApiError: The cluster refuses an object.
        ClusterError: There is no cluster, or it doesn't answer.
    """
    api = active.api()
    facts = ClusterFacts(api, file_facts(found, namespace))
    results = list(outcomes(found, facts, namespace=namespace, name=name))
    notes = [note for result in results for note in result.notes]
    pairs = [pair for result in results for pair in _pairs(api, facts, result, notes)]
    return Differences(tuple(filter(None, (_diff(*pair) for pair in pairs))), tuple(notes))


def _pairs(
    api: Api, facts: ClusterFacts, result: Outcome, notes: list[str]
) -> Iterator[tuple[Obj, Obj]]:
    """Yield what is there (``{}``: nothing) and what would be (``{}``: it would be deleted); add to the notes what is left out."""
    app = result.app
    for obj in result.objects(waiting=False):
        live = facts.live(ObjectKey.at(TypedReference.to(obj), app.namespace))
        if not app.uid:  # nothing can be owned by an application that isn't there yet
            del obj["metadata"]["ownerReferences"]
        yield live or {}, _tried(api, facts, obj, notes)
    for reference in garbage(app, result.plan):
        live = facts.live(ObjectKey.at(reference, app.namespace))
        owners = live["metadata"].get("ownerReferences") or () if live else ()
        if live and any(owner["uid"] == app.uid for owner in owners if owner.get("controller")):
            yield live, {}


def _tried(api: Api, facts: ClusterFacts, obj: Obj, notes: list[str]) -> Obj:
    metadata = obj["metadata"]
    resource = facts.resource(obj["apiVersion"], obj["kind"])
    if resource is None:
        raise InputError(f"the cluster serves no {obj['kind']} of {obj['apiVersion']}")
    try:
        return api.request(
            "PATCH",
            resource.path(metadata["namespace"], metadata["name"]),
            query={"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"},
            body=obj,
            content_type="application/apply-patch+yaml",
        )
    except ApiError as error:
        unknown = undeclared(error.message)
        pruned = without(obj, unknown) if unknown else None
        if pruned is None:
            raise
        # As the runtime does it: see oamkit/runtime/applier.py.
        left_out = ", ".join(unknown)
        notes.append(
            f"{obj['kind']} {metadata['name']!r}: its kind has no {left_out}, which is left out."
        )
        return _tried(api, facts, pruned, notes)


def _diff(live: Obj, desired: Obj) -> str:
    either = live or desired
    name = f"{either['kind']} {either['metadata']['namespace']}/{either['metadata']['name']}"
    before, after = (_lines(obj) for obj in (live, desired))
    lines = difflib.unified_diff(before, after, f"cluster: {name}", f"files: {name}", lineterm="")
    return "\n".join(lines)


def _lines(obj: Obj) -> list[str]:
    if not obj:
        return []
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS}
    shown = {key: value for key, value in obj.items() if key != "status"}
    return dump({**shown, "metadata": metadata}).splitlines()
