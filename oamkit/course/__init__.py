"""Running the course without a person: each lesson in a kernel of its own, and a report at the end."""

from __future__ import annotations
