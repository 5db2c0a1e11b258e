"""``portfolio sweep``: how the answers move when numbers of the case move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from portfolio.case import write_case
from portfolio.case.reading import read_cases
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits
from portfolio.report.errors import UsageError
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.study import Study
from portfolio.scenarios.philox import digest
from portfolio.studies.board import Board
from portfolio.studies.designs import Design, Row, lines, make, size
from portfolio.studies.indices import Index, indices
from portfolio.studies.outputs import OUTPUTS, SAMPLED, value
from portfolio.studies.points import FRESH, Terms
from portfolio.studies.running import CaseLike, Desk, check_terms
from portfolio.studies.sweep_tables import Found, study_of
from portfolio.studies.switching import refined, switches
from portfolio.studies.varied import Varied, take_apart

SEEDS = 2**31
"""Seeds of designs lie below this, as SALib wants them."""
FIXED = ("sampling.seed", "sampling.cost_seed")
"""What may not be varied: points would no longer share their random numbers."""

Read = Callable[[Sequence[Row]], list[Case]]
"""Gives the cases of rows, all of them checked."""


@dataclass(frozen=True)
class Ask:
    """What is varied and how: see :func:`sweep`."""

    varied: tuple[Varied, ...]
    design: str
    samples: int | None
    outputs: tuple[str, ...]
    refine: int


def sweep(
    case: CaseLike,
    *,
    vary: Sequence[str],
    design: str = "grid",
    samples: int | None = None,
    outputs: Sequence[str] = (),
    refine: int = 0,
    overrides: Sequence[str] = (),
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = 0.01,
    time_limit: float | None = 120.0,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Solve a case at many values of its numbers, and say what moves the answers and where the portfolio changes.

    Parameters
    ----------
    case : path or Case
        A case folder, or a validated case.
    vary : sequence of str
        ``table.column[key]=a:b:n`` for n values from a to b, ``=x,y,z`` for a list, ``*=`` for factors on what stands
        in the case; places as in ``overrides``.
    design : str
        ``grid``: all values with all; ``oat``: one number at a time; ``lhs``: a Latin hypercube; ``sobol`` and
        ``morris``: with indices, by SALib.
    samples : int, optional
        Points of a hypercube (50), base points N of a Sobol' design (64; it has N (k + 2) points for k numbers),
        trajectories N of a Morris design (10; N (k + 1) points).
    outputs : sequence of str
        Of :data:`portfolio.studies.outputs.OUTPUTS`; all that are measured where none is given.
    refine : int
        How often to halve the brackets of switching values; designs ``grid`` and ``oat`` alone.
    overrides : sequence of str
        Values in place of those in the files, before any is varied.
    scenarios, seed : int, optional
        In place of ``sampling.scenarios`` and ``sampling.seed``.
    gap, time_limit, threads
        Of the search of every point.
    fresh : int
        Fresh scenarios every portfolio is measured on; 0 for none.
    level : float
        Confidence level of intervals.
    jobs, cluster
        Points solved side by side; address of a Dask scheduler to work on instead. They change no figure.
    out : path, optional
        Folder to write. Finished points are kept in ``out.pieces`` until all are; the same call goes on from them.
    progress : callable, optional
        Called with a :class:`Step` as points are solved.

    Returns
    -------
    Study
        Tables ``points`` (a row per point: inputs varied, what was found), ``charges``, ``design``, and by design
        ``indices``, ``tornado`` and ``switches``.

    Raises
    ------
    CaseError
        With every problem of every point, before any is solved.
    UsageError
        If something cannot be varied, or an argument is out of range.
    OutputError, CheckpointError
        If ``out`` exists or cannot be written; if what is kept beside it is of another sweep.
    """
    ask = _ask(vary, design, samples, outputs, refine, fresh)
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster, in_sample=True)
    check_terms(terms)
    clock = Clock(progress)
    sampling = [f"sampling.{k}={v}" for k, v in (("scenarios", scenarios), ("seed", seed)) if v is not None]
    with _folder(case, overrides) as folder:

        def read(rows: Sequence[Row]) -> list[Case]:
            return read_cases(folder, [[*overrides, *sampling, *_overrides(ask.varied, row)] for row in rows])

        return _swept(ask, terms, clock, out, read)


def _swept(ask: Ask, terms: Terms, clock: Clock, out: str | PathLike[str] | None, read: Read) -> Study:
    """Do all rounds: the design, the brackets halved, the trials at neighbours."""
    nothing: Row = (None,) * len(ask.varied)
    board = Board(read)
    with clock.phase("reading"):
        (case,) = read([nothing])
    seed = digest(case.settings.sampling.seed, "sweep") % SEEDS
    design = make(ask.design, ask.varied, ask.samples, seed)
    with clock.phase("checking points"):
        board.add([nothing, *design.rows], "design")
    desk = board.desk = Desk.of(out, terms, clock, "sweep", case, ask)
    count, how = size(ask.design, ask.varied, ask.samples)
    clock.tell(Step(f"Design {ask.design}: {how} = {count:,} rows, {board.due:,} cases to solve.", notice=True))
    board.solve()
    base = tuple(v.in_case(case) for v in ask.varied)
    along = lines(design.rows, ask.varied, base) if ask.design in ("grid", "oat") else []
    along = refined(board, along, ask.varied, base, ask.refine)
    found = Found(
        case=case,
        varied=ask.varied,
        base=base,
        design=design,
        outputs=ask.outputs,
        level=terms.level,
        gap=terms.limits.gap,
        points=tuple(board.points()),
        at=tuple(board.at(row).name for row in design.rows),
        switches=tuple(switches(board, along, terms.limits.gap)),
        indices=_indices(board, design, ask.outputs, terms.level, seed),
    )
    return desk.finish(lambda: study_of(found))


def _indices(
    board: Board, design: Design, outputs: Sequence[str], level: float, seed: int
) -> tuple[tuple[str, Index], ...]:
    """Indices of every output; none where a point has no portfolio, since rows then miss."""
    tried = [board.at(row) for row in design.rows]
    found: list[tuple[str, Index]] = []
    for output in outputs if all(t.found for t in tried) else ():
        values = np.array([value(output, t) for t in tried])
        found += [(output, index) for index in indices(design, values, level, seed)]
    return tuple(found)


def _overrides(varied: Sequence[Varied], row: Row) -> list[str]:
    return [v.override(value) for v, value in zip(varied, row, strict=True) if value is not None]


@contextmanager
def _folder(case: CaseLike, overrides: Sequence[str]) -> Iterator[Path]:
    """Folder of a case; a record is written to a temporary one, so that values are checked as in files."""
    if not isinstance(case, Case):
        yield Path(case)
        return
    if overrides:
        raise UsageError("overrides apply to the files of a case: give its folder, or change the record")
    with TemporaryDirectory() as temporary:
        yield write_case(case, Path(temporary) / "case")


def _ask(vary: Sequence[str], design: str, samples: int | None, outputs: Sequence[str], refine: int, fresh: int) -> Ask:
    """Check what is asked for."""
    varied = take_apart(vary)
    size(design, varied, samples)
    for v in varied:
        if v.place.replace(" ", "") in FIXED:
            raise UsageError(f"{v.place} cannot be varied: points have to share their random numbers; see replicate")
    unknown = [o for o in outputs if o not in OUTPUTS]
    if unknown:
        raise UsageError(f"unknown output {unknown[0]!r}: one of {', '.join(OUTPUTS)}")
    if fresh == 0 and any(o in SAMPLED for o in outputs):
        raise UsageError(f"{', '.join(SAMPLED)} are measured on fresh scenarios: fresh has to be at least 2")
    if refine < 0 or (refine > 0 and design not in ("grid", "oat")):
        raise UsageError("refine has to be at least 0, and above it needs a design with neighbours: grid or oat")
    measured = OUTPUTS if fresh else tuple(o for o in OUTPUTS if o not in SAMPLED)
    return Ask(varied, design, samples, tuple(dict.fromkeys(outputs)) or measured, refine)
