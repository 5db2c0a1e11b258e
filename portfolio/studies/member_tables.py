"""Tables of the points of an alliance, and of each member alone against the joint fund."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from portfolio.engine.programme import Array
from portfolio.evaluation.intervals import Interval
from portfolio.studies.alliance_tables import GAINS, LOSES, OPEN, Funds, Settings
from portfolio.studies.differences import fresh, objective_parts, paid
from portfolio.studies.points import Answer
from portfolio.studies.telling import open_gap

OWN, COMMON = "own", "common"
"""Whose shortfall a member alone minimises: that of its own region, or of all."""
SPENT = {"expected_cost_usd_m": "cost", "charge_usd_m": "budget", "exposure_usd_m": "exposure"}


def points_table(
    found: Funds, settings: Mapping[Settings, Answer], own: Mapping[str, Answer], apart: Settings, names: Sequence[str]
) -> pd.DataFrame:
    """Every point: what was varied and what came of it; ``apart`` are the agreements of a member alone.

    Objectives and bounds of a member in its own interest are of its own region: not to be compared with the others.
    """
    agreed = found.case.settings.alliance
    usual = tuple(bool(getattr(agreed, name)) for name in names)
    asked = [("coalition", COMMON, s, usual, a) for s, a in found.funds.items()]
    asked += [("alone", OWN, frozenset({f}), apart, a) for f, a in own.items()]
    asked += [("switches", COMMON, found.all, on, a) for on, a in settings.items() if on != usual]
    rows = []
    for kind, interest, coalition, on, a in asked:
        rows.append(
            {
                "point": a.name,
                "kind": kind,
                "members": found.label(coalition),
                "interest": interest,
                **{name: int(x) for name, x in zip(names, on, strict=True)},
                "status": a.status.value,
                "objective": a.objective,
                "bound": a.bound,
                **_fresh_columns(found, a),
                "public_cost_usd_m": a.public_cost_usd_m,
                "projects": " ".join(sorted(a.supported)),
            }
        )
    return pd.DataFrame(rows)


def _fresh_columns(found: Funds, answer: Answer) -> dict[str, float]:
    """Objective of all regions, weighted shortfall and tonnes a year on the fresh scenarios."""
    if answer.fresh is None:
        return {}
    whole = found.interval(paid(answer, found.weights))
    return {
        "fresh_objective": whole.estimate,
        "fresh_objective_low": whole.low,
        "fresh_objective_high": whole.high,
        "fresh_weighted": float(answer.fresh.weighted.mean()),
        "fresh_shortfall_tpy": float(answer.fresh.tonnes.mean()) / found.years,
    }


def members_table(found: Funds, own: Mapping[str, Answer]) -> pd.DataFrame:
    """Each member alone, in its own interest and in that of all, against the joint fund.

    Differences are joint less alone; ``without`` is the world of the member alone with nobody's fund. A verdict is of
    objectives, which is what searches minimise: of that of all for COMMON; for OWN of the member's, weighted shortfall
    of its region and cost weight times its own cost, against what it could have alone. The latter is of the joint
    portfolio found, which minimises another objective; alone a member could do better by what its search left open.
    """
    joint, rows = found.funds[found.all], []
    worlds = [a for a in own.values() if a.fresh is not None and a.fresh.weighted_without.size]
    for member in found.case.members:
        name, region = member.member, member.region
        pairs = [(OWN, own[name], worlds[0] if worlds else joint)] if name in own else []
        pairs.append((COMMON, found.funds[frozenset({name})], joint))
        for interest, alone, world in pairs:
            if alone.fresh is not None and joint.fresh is not None and world.fresh is not None:
                about = {"member": name, "region": region, "interest": interest}
                rows += [about | row for row in _figures(found, name, region, interest, (world, alone, joint))]
    return pd.DataFrame(rows)


def _figures(
    found: Funds, member: str, region: str, interest: str, answers: tuple[Answer, Answer, Answer]
) -> list[dict[str, object]]:
    """Rows of a member; ``answers`` are that which has the world without a fund, alone, and joint."""
    world, alone, joint = answers
    r = found.regions.index(region)
    whole = [fresh(world).weighted_without + fresh(world).side_without]
    own = [fresh(world).weighted_regions_without[:, r]]
    own += [fresh(a).weighted_regions[:, r] for a in (alone, joint)]
    tonnes = [found.per_year(world, region, without=True), *(found.per_year(a, region) for a in (alone, joint))]
    rows = [
        _row("own_shortfall_tpy", tonnes, found.mean(tonnes[2] - tonnes[1])),
        _row("own_weighted", own, found.mean(own[2] - own[1])),
    ]
    if interest == OWN:
        mine = [objective_parts(z, found.weights) for z in own]
        for n, a in ((1, alone), (2, joint)):
            mine[n] = mine[n] + found.weights.cost_weight * a.charges_usd_m[member]["cost"]
        rows.append(_judged("own_objective", mine, found.interval(mine[2] - mine[1]), open_gap(alone), 0.0))
    else:
        costs = [objective_parts(whole[0], found.weights), *(paid(a, found.weights) for a in (alone, joint))]
        between = found.interval(costs[2] - costs[1])
        rows.append(_judged("objective", costs, between, open_gap(alone), open_gap(joint)))
    for figure, key in SPENT.items():
        spent = [a.charges_usd_m[member][key] for a in (alone, joint)]
        rows.append(
            {"figure": figure, "without": 0.0, "alone": spent[0], "joint": spent[1], "difference": spent[1] - spent[0]}
        )
    return rows


def _row(figure: str, values: Sequence[Array], between: Interval) -> dict[str, object]:
    without, alone, joint = (float(v.mean()) for v in values)
    return {
        "figure": figure, "without": without, "alone": alone, "joint": joint, "difference": joint - alone,
        "low": between.low, "high": between.high, "reliable": int(between.reliable),
    }  # fmt: skip


def _judged(
    figure: str, values: Sequence[Array], between: Interval, alone_open: float, joint_open: float
) -> dict[str, object]:
    """A row with what the searches left open of either, and a verdict that neither sampling nor that can turn round.

    Alone could be better by ``alone_open``, joint by ``joint_open``; 0 where the joint portfolio found is what counts.
    """
    verdict = OPEN
    if between.high + alone_open < 0:
        verdict = GAINS
    elif between.low - joint_open > 0:
        verdict = LOSES
    return _row(figure, values, between) | {"alone_open": alone_open, "joint_open": joint_open, "verdict": verdict}
