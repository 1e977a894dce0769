"""The exercises, a module for each lesson; :mod:`oamkit.lesson.exercising` says how one is written."""

from __future__ import annotations
