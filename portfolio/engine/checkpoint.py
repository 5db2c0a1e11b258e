"""What a search knows, kept in a file: cuts, incumbent, open nodes, so that a stopped search goes on.

Everything in it is proven (cuts bound the recourse, nodes cover what is left), so a search from it is as exact as one
that was never stopped. Nothing in it grows with the number of scenarios. Files are written whole or not at all, start
with a hash of what follows, and are locked by the process that keeps them.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import heapq
import io
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from portfolio.engine.fingerprint import fingerprint
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.search import Search
from portfolio.engine.tree import Node

fcntl: Any
try:
    import fcntl
except ImportError:  # systems without it have no locks of this kind
    fcntl = None

MAGIC = b"portfolio checkpoint, format 1\n"
"""First bytes of a file; what the arrays mean is a matter of the format."""
FIRST_S, EVERY_S = 1.0, 15.0
"""Seconds until the first write, and at most between two writes: the interval doubles from one to the other."""
LOAD = 30.0
"""Least interval in units of what the last write took."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on from; the message says why and what to do."""


@dataclass(frozen=True)
class Kept:
    """What is known about a checkpoint without taking it up.

    ``about`` is what whoever started the search wrote about it; ``seconds`` all the time spent on it so far.
    """

    about: str
    objective: float
    bound: float
    seconds: float


def peek(path: Path) -> Kept | None:
    """Say what a checkpoint is of, None where there is none.

    Raises
    ------
    CheckpointError
        Where the file cannot be read.
    """
    if not path.exists():
        return None
    return _kept(_read(path))


def busy(path: Path) -> bool:
    """Whether another process keeps its search in a file."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _locked(file)
    finally:
        os.close(file)


def discard(path: Path) -> None:
    """Remove a checkpoint, and what a process that was killed while it wrote it left behind."""
    path.unlink(missing_ok=True)
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)


@dataclass
class Checkpoint:
    """A file that a search of a programme is kept in."""

    path: Path
    programme: TwoStage
    about: str = ""
    mark: str = field(init=False)
    last: float = field(init=False)
    interval: float = FIRST_S
    earlier_s: float = 0.0
    cut_off: float = 0.0
    lock: int | None = None

    def __post_init__(self) -> None:
        """Mark the programme."""
        self.mark, self.last = fingerprint(self.programme), time.perf_counter()

    def load(self, search: Search) -> bool:
        """Take up a search where the file is; whether it goes on with branching.

        False where there is no file, where it was in its linear phase (which starts again with the cuts), or where
        nodes were given up for a wider gap than is asked for now: they are not kept, so branching starts again.

        Raises
        ------
        CheckpointError
            Where the file is of another programme, cannot be read, or another process is at work on it.
        """
        self.cut_off = search.limits.gap
        if not self.path.exists():
            return False
        self._take()
        arrays = _read(self.path)
        if str(arrays["mark"]) != self.mark:
            raise CheckpointError(f"{self.path} was kept from another case, sample or setting; {_advice(self.path)}")
        _load_cuts(search, arrays)
        kept = _kept(arrays)
        self.earlier_s = kept.seconds
        search.objective, search.root = kept.objective, kept.bound
        search.best = arrays["best"] if arrays["best"].size else None
        cut_off = float(arrays["cut_off"])
        if not arrays["branching"] or cut_off > search.limits.gap:
            return False
        self.cut_off = search.limits.gap
        search.root, search.floor, search.branching = float(arrays["root"]), float(arrays["floor"]), True
        _load_costs(search, arrays)
        for node in _nodes(search, arrays):
            heapq.heappush(search.open, node)
        return True

    def save(self, search: Search, *, now: bool = False) -> None:
        """Write the file, unless that was done a moment ago; where that fails (a full disk), the last one stays."""
        begin = time.perf_counter()
        if not now and begin - self.last < self.interval:
            return
        content = self._content(search)
        with contextlib.suppress(OSError, CheckpointError):
            self._write(content)
        self.last = time.perf_counter()
        self.interval = max(min(2.0 * self.interval, EVERY_S), LOAD * (self.last - begin))

    def release(self) -> None:
        """Let other processes take the file."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _take(self) -> None:
        """Lock the file that is there."""
        try:
            self.lock = os.open(self.path, os.O_RDONLY)
        except OSError as fault:
            raise CheckpointError(f"{self.path} cannot be read ({fault.strerror}); {_advice(self.path)}") from None
        if not _locked(self.lock):
            self.release()
            raise CheckpointError(f"{self.path}: another process is at work on it; give another --out")

    def _write(self, content: bytes) -> None:
        """Write beside the file and rename, so that the file is whole at any moment; lock the new one."""
        if self.lock is None and self.path.exists():
            self._take()
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        new = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _locked(new)
            with os.fdopen(os.dup(new), "wb") as file:
                file.write(MAGIC + hashlib.sha256(content).digest() + content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except BaseException:
            os.close(new)
            part.unlink(missing_ok=True)
            raise
        self.release()
        self.lock = new

    def _content(self, search: Search) -> bytes:
        """The state of a search as bytes."""
        nodes = sorted([*search.open, *([search.current] if search.current is not None else [])])
        arrays: dict[str, Any] = {
            "mark": self.mark,
            "about": self.about,
            "seconds": self.earlier_s + time.perf_counter() - search.begin,
            "objective": search.objective,
            "bound": min(search.bound, search.objective),
            "root": search.root,
            "floor": search.floor,
            "cut_off": self.cut_off,
            "branching": search.branching,
            "best": np.zeros(0) if search.best is None else search.best,
            **_packed("cut", sparse.csr_array(search.pool.rows[: search.pool.count])),
            "lower": search.pool.lower[: search.pool.count],
            "bounds": np.array([node.bound for node in nodes]),
            **_packed("node_lower", _changes([node.lower for node in nodes], search.programme.first.lower)),
            **_packed("node_upper", _changes([node.upper for node in nodes], search.programme.first.upper)),
            "forced": np.array([(k, b) for k, node in enumerate(nodes) for b in sorted(node.forced)]).reshape(-1, 2),
            "costs": np.array(
                [(*key, total, search.costs.count[key]) for key, total in sorted(search.costs.total.items())]
            ).reshape(-1, 4),
        }
        held = io.BytesIO()
        np.savez(held, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
        return held.getvalue()


def _locked(file: int) -> bool:
    """Lock an open file; False where another process has it. Where there are no locks, nobody has any."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _advice(path: Path) -> str:
    return f"give another --out, or remove {path.name} to start anew"


def _read(path: Path) -> dict[str, Any]:
    """Arrays of a file, after its hash was checked.

    Raises
    ------
    CheckpointError
        Where the file is not one, is not whole, or is of another format.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise CheckpointError(f"{path} cannot be read ({fault.strerror}); {_advice(path)}") from None
    head, begin = len(MAGIC), len(MAGIC) + hashlib.sha256().digest_size
    if content[:head] != MAGIC:
        raise CheckpointError(f"{path} is no checkpoint of this version of the product; {_advice(path)}")
    if hashlib.sha256(content[begin:]).digest() != content[head:begin]:
        raise CheckpointError(f"{path} is damaged; {_advice(path)}")
    with np.load(io.BytesIO(content[begin:]), allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _kept(arrays: dict[str, Any]) -> Kept:
    return Kept(str(arrays["about"]), float(arrays["objective"]), float(arrays["bound"]), float(arrays["seconds"]))


def _packed(name: str, rows: sparse.csr_array) -> dict[str, Any]:
    """A sparse array as plain ones."""
    parts = {"shape": np.array(rows.shape), "indptr": rows.indptr, "indices": rows.indices, "data": rows.data}
    return {f"{name}.{part}": value for part, value in parts.items()}


def _unpacked(name: str, arrays: dict[str, Any]) -> sparse.csr_array:
    parts = (arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"])
    return sparse.csr_array(parts, shape=tuple(arrays[f"{name}.shape"]))


def _changes(bounds: list[Array], base: Array) -> sparse.csr_array:
    """Bounds of nodes where they differ from those of the first stage, a row for each node; zeros are entries too."""
    moved = [np.flatnonzero(bound != base) for bound in bounds]
    values = [bound[at] for bound, at in zip(bounds, moved, strict=True)]
    ends = np.cumsum([0, *(at.size for at in moved)])
    joined = (np.concatenate([np.zeros(0), *values]), np.concatenate([np.zeros(0, dtype=np.int64), *moved]), ends)
    return sparse.csr_array(joined, shape=(len(bounds), base.size))


def _changed(base: Array, changes: sparse.csr_array, row: int) -> Array:
    """Bounds of a node."""
    at = slice(changes.indptr[row], changes.indptr[row + 1])
    found = base.copy()
    found[changes.indices[at]] = changes.data[at]
    return found


def _load_cuts(search: Search, arrays: dict[str, Any]) -> None:
    rows, lower = _unpacked("cut", arrays), arrays["lower"]
    for k in range(lower.size):
        search.pool.append(rows[[k]].toarray().ravel(), float(lower[k]))


def _load_costs(search: Search, arrays: dict[str, Any]) -> None:
    for key, way, total, count in arrays["costs"]:
        search.costs.total[int(key), int(way)] = float(total)
        search.costs.count[int(key), int(way)] = int(count)


def _nodes(search: Search, arrays: dict[str, Any]) -> list[Node]:
    """Open nodes, numbered in the order they are held in."""
    first = search.programme.first
    lower, upper = _unpacked("node_lower", arrays), _unpacked("node_upper", arrays)
    forced: list[set[int]] = [set() for _ in arrays["bounds"]]
    for k, branch in arrays["forced"].astype(int):
        forced[k].add(int(branch))
    found = []
    for k, bound in enumerate(arrays["bounds"]):
        search.numbered += 1
        below, above = _changed(first.lower, lower, k), _changed(first.upper, upper, k)
        found.append(Node(float(bound), search.numbered, below, above, frozenset(forced[k])))
    return found
