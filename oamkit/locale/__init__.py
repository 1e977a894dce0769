"""The catalogues: a folder for each language but English, with ``messages.po``."""

from __future__ import annotations
