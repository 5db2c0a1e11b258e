"""Hashes of what pieces of work depend on, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass


def hash_of(*of: object) -> str:
    """Hash of values by what they hold; the order of sets and mappings, which may differ by process, does not count."""
    return hashlib.sha256(repr(_in_order(of)).encode()).hexdigest()


def _in_order(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return ("set", sorted(repr(_in_order(part)) for part in value))
    if isinstance(value, Mapping):
        return ("mapping", sorted((repr(_in_order(key)), repr(_in_order(part))) for key, part in value.items()))
    if isinstance(value, (tuple, list)):
        return [_in_order(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, [(f.name, _in_order(getattr(value, f.name))) for f in fields(value)])
    return value
