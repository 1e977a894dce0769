"""What the runtime would apply for the applications in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oamkit.cluster import active, manifests
from oamkit.cluster.lookup import ClusterFacts
from oamkit.cluster.manifests import Manifest
from oamkit.cluster.yaml_view import YamlView, dump
from oamkit.cue.schematic import answer
from oamkit.errors import ApiError, ClusterError, InputError, OamKitError
from oamkit.oam.component import Component
from oamkit.oam.kinds import API_VERSION, APPLICATION_CONFIGURATION, COMPONENT, Obj
from oamkit.oam.offline import Facts, FileFacts, Outcome, as_new, blamed, outcome
from oamkit.oam.shape import copied
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["RenderedApplications", "file_facts", "outcomes", "render", "rendered"]

AS_NEW = (
    "Without a cluster, applications and components are taken as new: generation 1, revision v1, and"
    " no UID in ownerReferences."
)


@dataclass(frozen=True)
class RenderedApplications(Rendered):
    """What the runtime would apply; it shows itself as YAML documents.

    Attributes:
        objects: In the order of applying.
        notes: What to know about them, e.g. that an old API version was converted; a sentence each.
    """

    objects: tuple[Obj, ...]
    notes: tuple[str, ...] = ()

    def _view(self) -> YamlView:
        return YamlView("---\n".join(dump(obj) for obj in self.objects).rstrip("\n"))

    def __str__(self) -> str:
        return str(self._view())

    def __rich__(self) -> RenderableType:
        return self._view().__rich__()

    def to_html(self) -> str:
        """Return it in the colours of JupyterLab's editor."""
        return self._view().to_html()


def render(source: manifests.Source, namespace: str = "default") -> RenderedApplications:
    """Render the applications in files, without a cluster.

    Components, definitions and scopes come from the same files.

    Args:
        source: A file, a folder of files, an object, or several objects.
        namespace: For objects that name none.

    Returns:
        What the runtime would apply, as it would in a cluster that has none of it yet.

    Raises:
        InputError: A file isn't there or isn't YAML, holds no application, or one that can't be rendered.

    Example:
        >>> web = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"},
        ...        "spec": {"workload": {"apiVersion": "apps/v1", "kind": "Deployment"}}}
        >>> app = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "ApplicationConfiguration",
        ...        "metadata": {"name": "example"}, "spec": {"components": [{"componentName": "web"}]}}
        >>> [obj["metadata"]["name"] for obj in render([web, app]).objects]
        ['web']
    """
    return rendered(manifests.load(source), namespace=namespace)


def rendered(
    found: Sequence[Manifest], *, namespace: str, name: str = "", cluster: bool = False
) -> RenderedApplications:
    """Render what was read from files; see :func:`render`.

    Args:
        found: All that was read.
        namespace: For objects that name none.
        name: Only the application of this name.
        cluster: Whether the cluster in use is asked for what the files don't tell.
    """
    files = file_facts(found, namespace)
    facts: Facts = ClusterFacts(active.api(), files) if cluster else files
    results = list(outcomes(found, facts, namespace=namespace, name=name))
    notes = [note for result in results for note in result.notes]
    return RenderedApplications(
        tuple(obj for result in results for obj in result.objects()),
        tuple(notes if cluster else [*notes, AS_NEW]),
    )


def file_facts(found: Iterable[Manifest], namespace: str) -> FileFacts:
    """Return the facts that files tell; each object is looked at first, to name the file of one that is wrong."""
    objects = []
    for manifest in found:
        obj = copied(dict(manifest.object))
        try:
            FileFacts([obj], namespace)
            if manifest.identity[:2] == (API_VERSION, COMPONENT):
                Component.parse(obj)
        except InputError as error:
            raise _placed(error, manifest) from error
        objects.append(obj)
    return FileFacts(objects, namespace, answer)


def outcomes(
    found: Iterable[Manifest], facts: Facts, *, namespace: str, name: str = ""
) -> Iterator[Outcome]:
    """Yield what each application in files comes to.

    Raises:
        InputError: There is none (of this name), or one can't be rendered; the message names file and field.
    """
    for manifest in _applications(found, name):
        app = as_new(copied(dict(manifest.object)), namespace)
        if isinstance(facts, ClusterFacts):
            app = facts.application(app)
        try:
            yield outcome(app, facts)
        except (ApiError, ClusterError):
            raise  # the cluster's fault, not the file's
        except InputError as error:
            raise _placed(error, manifest) from error
        except OamKitError as error:
            raise _placed(error, manifest, blamed(app, facts)) from error


def _applications(found: Iterable[Manifest], name: str) -> list[Manifest]:
    kind = (API_VERSION, APPLICATION_CONFIGURATION)
    there = [manifest for manifest in found if manifest.identity[:2] == kind]
    if not there:
        raise InputError(
            "expected an ApplicationConfiguration, found none",
            hint="Name the file or folder that holds it, too: -f FOLDER -f FILE.",
        )
    chosen = [manifest for manifest in there if name in ("", manifest.identity[3])]
    if not chosen:
        names = ", ".join(sorted(manifest.identity[3] for manifest in there))
        raise InputError(
            f"there is no ApplicationConfiguration {name!r}",
            field="--name",
            hint=f"There is: {names}.",
        )
    return chosen


def _placed(error: OamKitError, manifest: Manifest, field: str = "") -> InputError:
    field = error.field if isinstance(error, InputError) else field
    return InputError(
        error.message.removeprefix(f"{field}: "),
        file=manifest.file,
        line=manifest.line if manifest.file else None,
        field=field,
        hint=error.hint,
        docs=error.docs,
    )
