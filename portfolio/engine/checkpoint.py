"""What a search knows, kept in a file: cuts, incumbent, open nodes, so that a stopped search goes on.

Everything in it is proven (cuts bound the recourse, nodes cover what is left), so a search from it is as exact as one that
was never stopped. Files are written whole or not at all.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from portfolio.engine.programme import TwoStage
from portfolio.engine.search import Node, Search

EVERY_S = 15.0
"""Seconds between two writes."""


def fingerprint(programme: TwoStage) -> str:
    """Hash of a programme: its arrays, and the data of all its scenarios."""
    digest = hashlib.sha256()
    first = programme.first
    arrays = [
        first.cost, first.matrix.indptr, first.matrix.indices, first.matrix.data, first.row_lower, first.row_upper,
        first.lower, first.upper, first.integer, programme.matrix.indptr, programme.matrix.indices,
        programme.matrix.data, programme.cost, programme.equal, programme.upper, programme.probability,
        programme.upper_data.data, programme.constant.data, programme.define.data,
        np.array([programme.cvar_weight, programme.cvar_level, first.offset]),
    ]  # fmt: skip
    for products in (programme.direct, programme.defined, programme.indirect):
        arrays += [products.row, products.datum, products.column, products.coefficient]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    for begin in range(0, programme.scenarios, 500):
        digest.update(programme.data(slice(begin, min(begin + 500, programme.scenarios))).tobytes())
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """A file that a search is kept in."""

    path: Path
    programme: TwoStage
    mark: str = field(init=False)
    last: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        """Mark the programme."""
        self.mark = fingerprint(self.programme)

    def load(self, search: Search) -> bool:
        """Take up a search where the file is; False where there is none, or it was still in its linear phase.

        Raises
        ------
        ValueError
            Where the file is of another programme, or cannot be read.
        """
        if not self.path.exists():
            return False
        try:
            with np.load(self.path, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
        except (OSError, ValueError, zipfile.BadZipFile) as fault:
            raise ValueError(
                f"{self.path}: not a checkpoint that can be read ({fault}); remove it to start anew"
            ) from None
        if str(arrays["mark"]) != self.mark:
            raise ValueError(
                f"{self.path}: kept from a search of another case, sample or setting; remove it, or give another --out"
            )
        for row, lower in zip(arrays["cuts"], arrays["lower"], strict=True):
            search.pool.append(row, float(lower))
        search.objective, search.floor, search.root = (float(v) for v in arrays["values"])
        search.best = arrays["best"] if arrays["best"].size else None
        search.branching = bool(arrays["branching"])
        if not search.branching:
            return False
        forced = arrays["forced"]
        for n, bound in enumerate(arrays["bounds"]):
            held_forced = frozenset(int(b) for b in np.flatnonzero(forced[n]))
            search.numbered += 1
            node = Node(float(bound), search.numbered, arrays["node_lower"][n], arrays["node_upper"][n], held_forced)
            heapq.heappush(search.open, node)
        return True

    def save(self, search: Search, *, now: bool = False) -> None:
        """Write the file, unless that was done a moment ago."""
        if not now and time.perf_counter() - self.last < EVERY_S:
            return
        nodes = sorted([*search.open, *([search.current] if search.current is not None else [])])
        n, branches = search.pool.layout.x, len(self.programme.branches)
        forced = np.zeros((len(nodes), branches), dtype=bool)
        for k, node in enumerate(nodes):
            forced[k, sorted(node.forced)] = True
        part = self.path.with_name(self.path.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez_compressed(
                file,
                mark=np.array(self.mark),
                cuts=search.pool.rows[: search.pool.count],
                lower=search.pool.lower[: search.pool.count],
                values=np.array([search.objective, search.floor, search.root]),
                best=np.zeros(0) if search.best is None else search.best,
                branching=np.array(search.branching),
                bounds=np.array([node.bound for node in nodes]),
                node_lower=np.array([node.lower for node in nodes]).reshape(len(nodes), n),
                node_upper=np.array([node.upper for node in nodes]).reshape(len(nodes), n),
                forced=forced,
            )
        os.replace(part, self.path)
        self.last = time.perf_counter()

    def close(self, search: Search, *, finished: bool) -> None:
        """Keep the file of a search that was stopped; remove that of one that is over."""
        if finished:
            self.path.unlink(missing_ok=True)
        else:
            self.save(search, now=True)
