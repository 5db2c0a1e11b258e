"""A stopped search goes on: what it finds, what it claims on the way, and which files it refuses."""

from __future__ import annotations

import heapq
import io
import os
import signal
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import portfolio.engine.search as search_module
from models import Instance
from portfolio.engine import Benders, Limits, Progress, Solution, Status
from portfolio.engine.assembled import compile_instance
from portfolio.engine.checkpoint import MAGIC, Checkpoint, CheckpointError, busy, discard, peek
from portfolio.engine.fingerprint import digest, fingerprint
from portfolio.engine.interrupts import Interrupts
from portfolio.engine.search import Search
from portfolio.engine.tree import Node
from portfolio.scenarios.cells import Cells
from tests.models.instances import VARIATIONS, altered, random_instance
from tests.oracle import objective_value, oracle_value, violations

NAMES: tuple[str | int, ...] = (
    "caps on every kind",
    "structures",
    "cvar with fairness and transfers",
    "whole chain",
    "must support",
    25,
    29,
    30,
    36,
    38,
)
EXACT = Limits(gap=0.0, threads=1)


@cache
def instance(name: str | int) -> Instance:
    return random_instance(name) if isinstance(name, int) else VARIATIONS[name]()


@cache
def optimum(name: str | int) -> float:
    return oracle_value(instance(name))[0]


class Stop:
    """Presses Ctrl-C at the k-th progress call; remembers the highest bound it was told."""

    def __init__(self, k: int) -> None:
        self.left, self.bound = k, -np.inf

    def __call__(self, state: Progress) -> None:
        self.bound = max(self.bound, state.bound)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def in_sittings(i: Instance, path: Path, k: int, best: float, limits: Limits = EXACT) -> tuple[Solution, int]:
    """Solve, stopped at every k-th progress call; bounds have to hold and never fall, objectives never rise."""
    bound, objective = -np.inf, np.inf
    for sitting in range(1, 400):
        stop = Stop(k)
        found = Benders(path).solve(i, limits, progress=stop)
        assert max(stop.bound, found.bound) <= best + 1e-6
        assert best <= found.objective + 1e-6
        assert found.bound >= bound - 1e-9
        assert found.objective <= objective + 1e-9
        bound, objective = found.bound, found.objective
        kept = peek(path)
        assert kept is not None
        assert (kept.objective, kept.bound) == (objective, pytest.approx(bound))
        if found.status is Status.OPTIMAL:
            return found, sitting
        assert found.status is Status.INTERRUPTED
    raise AssertionError("does not come to an end")


@pytest.mark.parametrize("k", [pytest.param(9, marks=pytest.mark.slow), 20])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == 25 else n for n in NAMES])
def test_resumed_equals_uninterrupted(name: str | int, k: int, tmp_path: Path) -> None:
    i, path = instance(name), tmp_path / "c"
    whole = Benders().solve(i, EXACT)
    found, sittings = in_sittings(i, path, k, optimum(name))
    assert found.objective == pytest.approx(whole.objective, abs=1e-6)
    assert found.objective == pytest.approx(optimum(name), abs=1e-6)
    assert found.objective - found.bound <= 1e-6
    assert found.decision is not None
    assert violations(i, found.decision) == []
    assert objective_value(i, found.decision) == pytest.approx(found.objective, abs=1e-6)
    if whole.size["passes"] > 2 * k:
        assert sittings > 1
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def stopped(i: Instance, path: Path, k: int, gap: float = 0.0) -> Solution:
    found = Benders(path).solve(i, Limits(gap=gap, threads=1), progress=Stop(k))
    assert found.status is Status.INTERRUPTED
    return found


def open_nodes(path: Path) -> tuple[bool, int]:
    """Whether a file was kept while branching, and how many nodes are open in it."""
    with np.load(_content(path)) as held:
        return bool(held["branching"]), int(held["bounds"].size)


def _content(path: Path) -> Any:
    return io.BytesIO(path.read_bytes()[len(MAGIC) + 32 :])


def test_stops_in_both_phases_are_tested(tmp_path: Path) -> None:
    """The tests above stop in the linear phase, at the root and with many nodes open."""
    found = set()
    for k in (2, 20, 40, 60, 90, 120):
        found.add(stopped(instance(25), tmp_path / f"{k}", k).status)
    states = {open_nodes(tmp_path / f"{k}") for k in (2, 20, 40, 60, 90, 120)}
    assert (False, 0) in states
    assert max(nodes for _, nodes in states) >= 5


@pytest.mark.parametrize("wide", [0.3, 0.05])
@pytest.mark.parametrize("name", [25, 30, 37, "caps on every kind"])
def test_a_narrower_gap_goes_on(name: str | int, wide: float, tmp_path: Path) -> None:
    """What was given up within the wider gap is looked at again, so that the narrower one is truly reached."""
    i, path = instance(name), tmp_path / "c"
    loose = Benders(path).solve(i, Limits(gap=wide, threads=1))
    assert loose.gap <= wide
    assert path.exists()
    tight = Benders(path).solve(i, EXACT)
    assert tight.status is Status.OPTIMAL
    assert tight.objective == pytest.approx(optimum(name), abs=1e-6)
    assert tight.objective - 1e-6 <= tight.bound <= optimum(name) + 1e-6


def test_a_wider_gap_time_limit_and_threads_go_on(tmp_path: Path) -> None:
    i, path = instance(25), tmp_path / "c"
    first = stopped(i, path, 60)
    found = Benders(path).solve(i, Limits(gap=0.9, time_limit_s=1e-9, threads=2))
    assert found.bound >= first.bound - 1e-9
    assert found.objective <= first.objective
    assert Benders(path).solve(i, Limits(gap=0.0, time_limit_s=60.0, threads=2)).objective == pytest.approx(
        optimum(25), abs=1e-6
    )


def test_a_search_that_is_over_is_over(tmp_path: Path) -> None:
    """Its file stays until the answer is safe; taken up again it is as good as the answer."""
    i, path = instance(30), tmp_path / "c"
    whole = Benders(path).solve(i, EXACT)
    again = Benders(path).solve(i, EXACT)
    assert (again.objective, again.status) == (whole.objective, Status.OPTIMAL)
    assert again.size["nodes"] == 0
    assert again.seconds["earlier runs"] > 0
    discard(path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_kept_of_what_is_infeasible(tmp_path: Path) -> None:
    base = instance("must support")
    for budget in (1.0, 40.0):
        must = frozenset({"mine", "plant", "refinery"})
        i = altered(base, budget=dict.fromkeys(base.budget, budget), must=must)
        assert Benders(tmp_path / "c").solve(i, EXACT).status is Status.INFEASIBLE
        assert list(tmp_path.iterdir()) == []


def test_nodes_are_kept_exactly(tmp_path: Path) -> None:
    """Bounds, forced branches, integers without an upper bound, and bounds back at zero."""
    i, path = instance("structures"), tmp_path / "c"
    programme = compile_instance(i).programme
    first = replace(programme.first, upper=programme.first.upper.copy(), lower=programme.first.lower.copy())
    first.upper[0], first.lower[1] = np.inf, -2.0
    programme = replace(programme, first=first)
    lower, upper = first.lower.copy(), first.upper.copy()
    upper[0], lower[1], upper[2] = 1.0 / 3.0, 0.0, 0.0
    nodes = [Node(0.1, 1, lower, upper, frozenset({0, 2})), Node(0.2, 2, first.lower.copy(), upper.copy())]
    search = Search(programme, None, EXACT, time.perf_counter(), lambda *_: None)  # type: ignore[arg-type]
    search.branching, search.current, search.open = True, nodes[0], [nodes[1]]
    search.objective, search.best, search.root, search.floor = 7.0, first.lower.copy(), -1.5, 6.5
    search.costs.learn(3, 1, 0.25)
    search.pool.append(np.arange(search.pool.layout.size) % 3.0, -1.25)
    kept = Checkpoint(path, programme, "note")
    kept.save(search, now=True)
    kept.release()
    other = Search(programme, None, EXACT, time.perf_counter(), lambda *_: None)  # type: ignore[arg-type]
    assert Checkpoint(path, programme).load(other)
    assert len(other.open) == 2
    for was, now in zip(nodes, sorted(other.open), strict=True):
        assert (now.bound, now.forced) == (was.bound, was.forced)
        np.testing.assert_array_equal(now.lower, was.lower)
        np.testing.assert_array_equal(now.upper, was.upper)
    np.testing.assert_array_equal(other.pool.rows[:1], search.pool.rows[:1])
    assert (other.pool.count, other.pool.lower[0]) == (1, -1.25)
    assert (other.objective, other.root, other.floor) == (7.0, -1.5, 6.5)
    assert other.costs == search.costs
    found = peek(path)
    assert found is not None
    assert (found.about, found.objective, found.bound) == ("note", 7.0, 0.1)


# -- files that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b"",
        lambda b: b"\x00" * 100,
        lambda b: b"some text\n",
        lambda b: b"PK\x03\x04" + b[50:],
        lambda b: b[: len(MAGIC)],
        lambda b: b[: len(MAGIC) + 20],
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b + b"x",
        lambda b: b[:2000] + bytes([b[2000] ^ 1]) + b[2001:],
        lambda b: b.replace(b"format 1", b"format 0"),
    ],
)
def test_a_spoiled_file_is_refused(spoil: Any, tmp_path: Path) -> None:
    i, path = instance("structures"), tmp_path / "c"
    stopped(i, path, 3)
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    for read in (lambda: Benders(path).solve(i, EXACT), lambda: peek(path)):
        with pytest.raises(CheckpointError, match="remove c to start anew"):
            read()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        Benders(tmp_path / "c").solve(instance("structures"), EXACT)


def test_another_programme_is_refused(tmp_path: Path) -> None:
    i, path = instance("structures"), tmp_path / "c"
    stopped(i, path, 3)
    before = path.read_bytes()
    other = altered(i, cost_weight=i.cost_weight * (1 + 1e-12))
    with pytest.raises(CheckpointError, match="another case, sample or setting"):
        Benders(path).solve(other, EXACT)
    assert path.read_bytes() == before


def test_a_file_in_use_is_refused(tmp_path: Path) -> None:
    """The process that keeps a file holds it, though every write makes a new one."""
    i, path = instance("structures"), tmp_path / "c"
    stopped(i, path, 3)
    assert not busy(path)
    refused: list[bool] = []

    def meanwhile(_: Progress) -> None:
        if not refused:
            refused.append(busy(path))
            with pytest.raises(CheckpointError, match="another process"):
                Benders(path).solve(i, EXACT)

    assert Benders(path).solve(i, EXACT, progress=meanwhile).status is Status.OPTIMAL
    assert refused == [True]
    assert not busy(path)


def test_a_disk_that_is_full_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    i, path = instance("structures"), tmp_path / "c"
    stopped(i, path, 3)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert Benders(path).solve(i, EXACT).status is Status.OPTIMAL
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


# -- what a programme is told by ----------------------------------------------------------------------------------


def test_every_number_of_an_instance_counts() -> None:
    base = compile_instance(instance("cvar")).programme
    mark = fingerprint(base)
    assert mark == fingerprint(compile_instance(VARIATIONS["cvar"]()).programme)
    i = instance("cvar")
    for name in ("probability", "disrupted", "demand", "imports", "toll", "reexport", "available", "cut", "output",
                 "contracted", "unaided", "lost"):  # fmt: skip
        changed = np.array(getattr(i.scenarios, name))
        at = tuple(n - 1 for n in changed.shape)
        changed[at] = not changed[at] if changed.dtype == bool else changed[at] + 1e-9
        assert fingerprint(compile_instance(altered(i, **{name: changed})).programme) != mark, name
    for change in ({"cvar_level": 0.41}, {"cvar_weight": 0.61}, {"stock_loss": 0.06}, {"must": frozenset({"mine"})}):
        assert fingerprint(compile_instance(altered(i, **change)).programme) != mark, change


def test_without_a_quicker_way_all_data_are_read() -> None:
    programme = compile_instance(instance("three regions")).programme
    plain = replace(programme, digest=None)

    def data(which: slice) -> Any:
        found = programme.data(which).copy()
        found[-1, -1] += 1e-9
        return found

    assert fingerprint(plain) != fingerprint(replace(plain, data=data))


def test_digest_reads_arrays_where_they_lie() -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    assert digest(a) == digest(a.copy())
    assert digest(a) != digest(a.reshape(3, 2, 4))
    assert digest(a) != digest(a.astype(np.float32))
    assert digest([1, 2]) != digest([12])
    assert digest({"a": 1, "b": 2}) != digest({"b": 2, "a": 1})
    assert digest(frozenset({"a", "b", "c"})) == digest(frozenset({"c", "b", "a"}))
    values = np.ones((2, 3, 4))
    cells = Cells(np.array([0, 1]), values)
    before = digest(cells)
    values[1, 2, 3] = 0.5
    assert digest(cells) != before
    strided = np.arange(48.0).reshape(2, 6, 4)[:, ::2]
    assert digest(strided) == digest(np.arange(48.0).reshape(2, 6, 4)[:, ::2])
    assert digest(strided) != digest(np.arange(48.0).reshape(2, 6, 4)[:, 1::2])
    assert digest([a, a]) != digest([a, a + 1.0])
    with pytest.raises(TypeError, match="cannot hash"):
        digest(object())


# -- Ctrl-C -------------------------------------------------------------------------------------------------------


def test_ctrl_c_waits_for_a_safe_point() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.check()
        signal.raise_signal(signal.SIGINT)
        assert not interrupts.hard
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.hard
    assert signal.getsignal(signal.SIGINT) is before


def test_signals_of_others_are_left_alone() -> None:
    def mine(*_: object) -> None: ...

    before = signal.signal(signal.SIGINT, mine)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGINT) is mine
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    seen: list[object] = []

    def elsewhere() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("after", [1, 4, 25, 60])
def test_real_ctrl_c(presses: int, after: int, tmp_path: Path) -> None:
    """A signal while the search runs: bounds hold, the file is whole, and the search goes on from it.

    The second one strikes anywhere: the last file stands, and so does the last bound that was told.
    """
    i, path = instance(25), tmp_path / "c"
    stopped(i, path, 2)
    calls: list[float] = []

    def press(state: Progress) -> None:
        calls.append(state.bound)
        if len(calls) == after:
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

    found = Benders(path).solve(i, EXACT, progress=press)
    assert found.status is Status.INTERRUPTED
    assert len(calls) >= after
    assert max(calls) - 1e-9 <= found.bound <= optimum(25) + 1e-6
    assert found.objective >= optimum(25) - 1e-6
    kept = peek(path)
    assert kept is not None
    assert kept.bound <= optimum(25) + 1e-6
    assert Benders(path).solve(i, EXACT).objective == pytest.approx(optimum(25), abs=1e-6)


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("pops", [1, 3, 8])
def test_ctrl_c_between_two_instructions(
    pops: int, presses: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a node was taken from the heap but not yet noted: it is lost to the bound neither now nor later."""
    i, path = instance(25), tmp_path / "c"
    taken: list[object] = []

    def heappop(heap: list[Node]) -> Node:
        taken.append(heap)
        node = heapq.heappop(heap)
        if len(taken) == pops:
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
        return node

    with monkeypatch.context() as patched:
        patched.setattr(search_module, "heapq", SimpleNamespace(heappop=heappop, heappush=heapq.heappush))
        found = Benders(path).solve(i, EXACT)
    assert found.status is Status.INTERRUPTED
    assert found.bound <= optimum(25) + 1e-6
    kept = peek(path)
    if presses == 1:
        assert kept is not None
    assert kept is None or kept.bound <= optimum(25) + 1e-6
    again = Benders(path).solve(i, EXACT)
    assert again.objective == pytest.approx(optimum(25), abs=1e-6)


@pytest.mark.parametrize("name", [25, 30, 37, "caps on every kind"])
def test_the_linear_phase_is_not_done_twice(name: str | int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun again with the cuts it had, it is over soon."""

    def interrupt(_: Search) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "integer_phase", interrupt)
    first = Benders(tmp_path / "c").solve(instance(name), EXACT)
    assert open_nodes(tmp_path / "c") == (False, 0)
    again = Benders(tmp_path / "c").solve(instance(name), EXACT)
    assert first.size["passes"] >= 10
    assert again.size["passes"] <= 0.4 * first.size["passes"]
    assert first.bound - 1e-9 <= again.bound <= optimum(name) + 1e-6
