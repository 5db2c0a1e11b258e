"""Errors of whoever calls, each with what to do about it."""

from __future__ import annotations


class UsageError(ValueError):
    """An argument that cannot be used."""


class RunError(ValueError):
    """A run folder that cannot be read: incomplete, edited, or of another version."""
