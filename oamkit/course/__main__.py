"""``python -m oamkit.course``: what ``oamkit course`` does."""

from __future__ import annotations

import sys

from oamkit.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "course")
    main()
