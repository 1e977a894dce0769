"""The first picture of an application knows the kinds that the platform has added."""

from __future__ import annotations

import pytest

from oamkit import apply, delete, wait_for, widgets

pytestmark = [pytest.mark.binaries, pytest.mark.usefixtures("server")]

OAM = "core.oam.dev/v1alpha2"


def test_a_workload_of_an_own_kind_is_in_the_first_picture() -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    clone_set = {
        "apiVersion": "apps.kruise.io/v1alpha1",
        "kind": "CloneSet",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    component = {
        "apiVersion": OAM,
        "kind": "Component",
        "metadata": {"name": "web"},
        "spec": {"workload": clone_set},
    }
    application = {
        "apiVersion": OAM,
        "kind": "ApplicationConfiguration",
        "metadata": {"name": "cloned"},
        "spec": {"components": [{"componentName": "web"}]},
    }
    apply("charts/oam-kubernetes-runtime/crds")
    apply("flask-demo/extend/cloneset-crd.yaml")
    wait_for("customresourcedefinition", "clonesets.apps.kruise.io", "Established")
    apply([clone_set, component, application])
    picture = widgets.topology("cloned")
    try:
        lines = [line for line in str(picture).splitlines() if "CloneSet web" in line]
    finally:
        picture.close()
        delete([application, component, clone_set])
        delete("flask-demo/extend/cloneset-crd.yaml")
        delete("charts/oam-kubernetes-runtime/crds")
        wait_for("customresourcedefinition", "components.core.oam.dev", "gone")
    assert lines
    assert not any("not there" in line for line in lines), lines
