"""Where it is told what was done for a workload or trait. Numbers in names are those of the contract."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest
from scene import APPLICATION_CONFIGURATIONS, WORKLOADS, oam

from oamkit.runtime.events import EventRecorder
from oamkit.runtime.owners import emit_at_application

APP = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "ApplicationConfiguration", "name": "app", "uid": "1"}  # fmt: skip


@pytest.mark.parametrize(
    ("owners", "place"),
    [
        ([APP], (APPLICATION_CONFIGURATIONS, "app")),
        ([{**APP, "kind": "Other", "name": "other"}, APP], (APPLICATION_CONFIGURATIONS, "app")),
        ([{**APP, "apiVersion": "example.com/v1"}], (WORKLOADS, "web")),
        ([], (WORKLOADS, "web")),
    ],
    ids=["the application", "second owner", "another group", "no owner"],
)
def test_11_4_72_the_application_is_found_by_its_kind_without_one_the_object_tells_itself(
    owners: list[dict[str, str]], place: tuple[Any, str]
) -> None:
    events = create_autospec(EventRecorder, instance=True)
    workload = oam("ContainerizedWorkload", "web", {})
    workload["metadata"] |= {"namespace": "shop", "ownerReferences": owners}
    emit_at_application(events, WORKLOADS, workload, "Normal", "Done", "It is done")
    ((resource, obj, *rest), _) = events.emit.call_args
    assert (resource, obj["metadata"]["name"]) == place
    assert obj["metadata"]["namespace"] == "shop"
    assert rest == ["Normal", "Done", "It is done"]
