"""The runtime with Pods that run, in the sandbox."""

import pytest
from cases import *  # noqa: F403 - they are this folder's tests

pytestmark = [
    pytest.mark.binaries,
    pytest.mark.sandbox,
    pytest.mark.e2e,
    pytest.mark.timeout(300),  # the first brings up the sandbox, with three images
]
