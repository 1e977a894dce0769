"""What the API server would say to an object, without storing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oamkit.cluster import active
from oamkit.errors import ApiError, InputError

__all__ = ["refusal"]


def refusal(manifest: Mapping[str, Any], *, namespace: str = "default") -> str:
    """Return why the API server wouldn't make an object, schemas and policies included; ``""`` if it would.

    Args:
        manifest: The object; it must not be there.
        namespace: Where.
    """
    api = active.api()
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    kind = str(manifest["kind"]).lower()
    try:
        path = api.resource(f"{kind}.{group}" if group else kind).path(namespace)
        api.request("POST", path, query={"dryRun": "All"}, body=manifest)
    except InputError as error:
        return error.message
    except ApiError as error:
        return error.message
    return ""
