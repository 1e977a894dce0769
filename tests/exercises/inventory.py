"""What a cluster holds, as far as learners and lessons can change it."""

from __future__ import annotations

from oamkit.cluster import active
from oamkit.lesson import leftovers

WHERE = ("default", "oam-system")
CLUSTER = (
    "namespaces", "customresourcedefinitions", "clusterroles", "clusterrolebindings", "persistentvolumes", "apiservices",
    "validatingwebhookconfigurations", "mutatingwebhookconfigurations",
    "workloaddefinitions", "traitdefinitions", "scopedefinitions",
)  # fmt: skip


def inventory() -> set[str]:
    """The names of all objects of some kinds and places; what is named at random is left out."""
    api = active.api()
    found = {
        f"{namespace}: {each}"
        for namespace in WHERE
        for each in leftovers.in_namespace(api, namespace, ours=True)
        if not each.owned and "sh.helm.release" not in each.name
    }
    for kind in CLUSTER:
        answer = api.request("GET", api.resource(kind).path(""))
        found |= {f"{kind}/{item['metadata']['name']}" for item in answer.get("items") or []}
    return found
