"""The ledger of a fixed portfolio, simulated contract by contract with the real loans, beside the linear values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from portfolio.case.records import Case
from portfolio.case.tables import Eligibility, Instrument, Member, Project, Structure
from portfolio.finance.charges import cash_flows, commitments, exposed_years
from portfolio.finance.offtake import purchase_flows
from portfolio.finance.simulate import simulate
from portfolio.finance.sizing import size
from portfolio.finance.types import CONVENTIONS, Commitment, Financing, PlantPath
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

COLUMNS = (
    "member",
    "year",
    "project",
    "instrument",
    "line",
    "convention",
    "simulated_usd_m",
    "linear_usd_m",
    "difference_usd_m",
)
"""Columns of the ledger. Cash flows carry the convention ``cash``; ``charge`` has a row for every convention."""

MONEY = ("loan", "equity", "grant")


@dataclass(frozen=True)
class Position:
    """One member's share of one instrument: of uses (loan, equity, grant, guarantee) or of output (cfd, offtake)."""

    member: str
    project: str
    instrument: str
    structure: str
    window: int
    share: float


@dataclass(frozen=True)
class Deal:
    """All positions in one project, with its financing and its two simulations."""

    project: Project
    structure: Structure
    financing: Financing
    window: int
    positions: tuple[Position, ...]
    simulated: PlantPath
    linear: PlantPath
    money: float


def ledger(
    case: Case,
    positions: Sequence[Position],
    drivers: Drivers,
    expected_price: Array,
    *,
    cost_drivers: Drivers | None = None,
) -> pd.DataFrame:
    """Return expected flows of every member by year, project, instrument and line, with charges.

    Flows are real USD M, undiscounted, positive where the member receives; ``charge`` (positive: budget reserved),
    ``exposure`` and ``payout_es95`` stand in the year of the window, ``balance`` (owed, not yet due) in the last year.

    Parameters
    ----------
    positions : sequence of Position
        The awarded portfolio; positions in one project must name one structure and window.
    drivers : Drivers
        Scenarios of the flows.
    expected_price : array, (M, T)
        Forecast of reference prices, USD/kg, as in sizing.
    cost_drivers : Drivers, optional
        Sample of the charges; ``drivers`` where not given.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`. ``simulated`` uses the loans and grants awarded, ``linear`` the split that the
        optimisation assumed; ``difference`` is simulated less linear.

    Raises
    ------
    ValueError
        If positions in one project name several structures or windows.
    KeyError
        If a position names something the case does not have.
    """
    rows: list[tuple[str, int, str, str, str, str, float, float]] = []
    parties: set[tuple[str, str]] = set()
    for deal, sample in deals(case, positions, drivers, expected_price, cost_drivers):
        for position in deal.positions:
            rows.extend(_flow_rows(case, deal, position, drivers.probability))
            rows.extend(_charge_rows(case, deal, position, sample))
            if (position.member, position.project) not in parties:
                parties.add((position.member, position.project))
                fixed = -case.settings.finance.admin_usd_m
                rows.append(
                    (position.member, deal.window, position.project, "", "administration", "cash", fixed, fixed)
                )
    frame = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    frame["difference_usd_m"] = frame["simulated_usd_m"] - frame["linear_usd_m"]
    return frame


def deals(
    case: Case,
    positions: Sequence[Position],
    drivers: Drivers,
    expected_price: Array,
    cost_drivers: Drivers | None,
) -> Iterator[tuple[Deal, tuple[PlantPath, PlantPath]]]:
    """Yield every deal, with its two paths on the cost sample: as awarded, and as the optimisation assumed."""
    grouped: defaultdict[str, list[Position]] = defaultdict(list)
    for position in positions:
        grouped[position.project].append(position)
    projects = {p.project: p for p in case.projects}
    structures = {s.structure: s for s in case.structures}
    kinds = {i.instrument: i.kind for i in case.instruments}
    for name, held in grouped.items():
        options = {(p.structure, p.window) for p in held}
        if len(options) > 1:
            raise ValueError(f"positions in {name} name several structures or windows: {sorted(options)}")
        ((structure_name, window),) = options
        project, structure = projects[name], structures[structure_name]
        financing = size(case, project, structure, expected_price)
        amount = {k: sum(p.share for p in held if kinds[p.instrument] == k) for k in MONEY}
        loan, grant = amount["loan"] * financing.uses_usd_m, amount["grant"] * financing.uses_usd_m

        def both(
            sample: Drivers,
            project: Project = project,
            structure: Structure = structure,
            financing: Financing = financing,
            window: int = window,
            loan: float = loan,
            grant: float = grant,
        ) -> tuple[PlantPath, PlantPath]:
            exact = simulate(
                case,
                project,
                structure,
                financing,
                window,
                sample,
                public_loan_usd_m=loan,
                public_grant_usd_m=grant,
            )
            return exact, simulate(case, project, structure, financing, window, sample)

        flows = both(drivers)
        money = sum(amount.values()) * financing.uses_usd_m
        deal = Deal(project, structure, financing, window, tuple(held), *flows, money)
        yield deal, flows if cost_drivers is None else both(cost_drivers)


def _flow_rows(
    case: Case, deal: Deal, position: Position, probability: Array
) -> Iterator[tuple[str, int, str, str, str, str, float, float]]:
    """Yield the expected cash flows of a position by year and line; years without flow are left out."""
    weight = probability / probability.sum()
    exact = position_flows(case, deal, position, deal.simulated, deal.money)
    linear = position_flows(case, deal, position, deal.linear, deal.financing.gap_usd_m)
    for line, flow in exact.items():
        pair = np.array([weight @ flow, weight @ linear[line]])
        for t in np.flatnonzero(np.any(pair != 0.0, axis=0)):
            yield (
                position.member,
                case.years[int(t)],
                position.project,
                position.instrument,
                line,
                "cash",
                float(pair[0, t]),
                float(pair[1, t]),
            )


def position_flows(case: Case, deal: Deal, position: Position, path: PlantPath, money: float) -> dict[str, Array]:
    """Return the cash flows of a position in every scenario and year, (N, T) by line, positive where received.

    ``money`` is the public money over which calls for overruns are shared, USD M.
    """
    instrument = _instrument(case, position)
    amount = position.share * deal.financing.uses_usd_m
    flows: dict[str, Array] = {}
    if instrument.kind in MONEY:
        flows["outlay"] = -amount * path.outlay
        flows["overrun"] = -(amount / money if money > 0.0 else 0.0) * path.overrun_call
    if instrument.kind == "loan":
        flows["service"] = amount * path.loan_service
        flows["balance"] = np.zeros_like(path.outlay)
        flows["balance"][:, -1] = amount * path.loan_balance
    elif instrument.kind == "equity":
        flows["dividends"] = amount * path.dividends
    elif instrument.kind == "guarantee":
        covered = instrument.cover * amount
        flows["fee"] = covered * instrument.fee_rate * path.guarantee_fee
        flows["call"] = -covered * path.guarantee_call
    elif instrument.kind in ("cfd", "offtake"):
        flows["payout"] = -position.share * path.floor
        flows["upside"] = position.share * path.upside
    if instrument.kind == "offtake":
        taken = purchase_flows(
            case,
            deal.project,
            deal.structure,
            deal.financing,
            deal.window,
            path,
            instrument,
            _member(case, position).region,
        )
        flows["haircut"] = -position.share * taken.haircut
        flows["handling"] = -position.share * taken.handling
        flows["working_capital"] = -position.share * taken.working_capital
    return flows


def _charge_rows(
    case: Case, deal: Deal, position: Position, sample: tuple[PlantPath, PlantPath]
) -> Iterator[tuple[str, int, str, str, str, str, float, float]]:
    """Yield charge by convention, exposure, tail of payouts, and administration by year."""
    instrument = _instrument(case, position)
    found = [commitment(case, deal, position, path) for path in sample]
    share = position.share
    head = (position.member, deal.window, position.project, position.instrument)
    for i, convention in enumerate(CONVENTIONS):
        charges = [share * float(c.charge_usd_m[i]) for c in found]
        yield (*head, "charge", convention, charges[0], charges[1])
    exact, linear = found
    yield (*head, "exposure", "cash", share * exact.exposure_usd_m, share * linear.exposure_usd_m)
    yield (*head, "payout_es95", "cash", share * exact.tail_usd_m, share * linear.tail_usd_m)
    length = exposed_years(case, deal.project, deal.structure, deal.financing, deal.window, instrument)
    rate = case.settings.finance.admin_rate
    for year in case.years:
        part = min(year + 1.0, deal.window + length) - max(year, deal.window)
        if part > 0.0:
            costs = [-rate * share * c.exposure_usd_m * part for c in found]
            yield (head[0], year, *head[2:], "administration", "cash", costs[0], costs[1])


def commitment(case: Case, deal: Deal, position: Position, path: PlantPath) -> Commitment:
    """Return the cost of a unit share on a path of the cost sample."""
    instrument = _instrument(case, position)
    eligibility = _eligibility(case, position)
    option = (case, deal.project, deal.structure, deal.financing, deal.window, path)
    return commitments(*option, instrument, eligibility, flows=cash_flows(*option))


def _instrument(case: Case, position: Position) -> Instrument:
    for row in case.instruments:
        if row.instrument == position.instrument:
            return row
    raise KeyError(position.instrument)


def _member(case: Case, position: Position) -> Member:
    for row in case.members:
        if row.member == position.member:
            return row
    raise KeyError(position.member)


def _eligibility(case: Case, position: Position) -> Eligibility:
    for row in case.eligibility:
        if (row.member, row.instrument) == (position.member, position.instrument):
            return row
    raise KeyError(f"{position.member} may not use {position.instrument}")
