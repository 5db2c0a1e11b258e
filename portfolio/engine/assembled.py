"""The product's own programme in the arrays the decomposition takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models import Decision, Instance
from models.build import build_first_stage
from models.terms import OptionKey
from portfolio.assemble.affordable import knapsack_rows, least_charges
from portfolio.engine.compile import Compiled, compile_model
from portfolio.engine.fingerprint import digest
from portfolio.engine.highs import Array, LinearProgram
from portfolio.engine.programme import Branch, Choice, TwoStage
from portfolio.engine.template import Template, compile_template


@dataclass(frozen=True)
class Arrays:
    """A programme with what its columns stand for: of the first stage and of the recourse."""

    programme: TwoStage
    first: Compiled
    template: Template

    def point(self, instance: Instance, decision: Decision) -> Array:
        """First-stage columns under a decision of the instance, with what follows from it: benchmarks missed (8a).

        Columns of (7c) are left at zero: they cost nothing.
        """
        x = self.first.values(decision)
        for column, (name, index) in enumerate(self.first.columns):
            if name == "miss" and instance.benchmarks[index].penalty is not None:
                x[column] = instance.benchmarks[index].missing(decision.select)
        return x


def compile_instance(instance: Instance) -> Arrays:
    """Compile first stage and recourse, each once."""
    first = compile_model(build_first_stage(instance))
    at = {key: n for n, key in enumerate(first.columns)}
    template = compile_template(instance, at)
    columns = template.cost.size
    programme = TwoStage(
        first=knapsacked(instance, first),
        matrix=template.matrix,
        cost=template.cost,
        equal=template.equal,
        upper=np.full(columns, np.inf),
        upper_data=template.upper_data,
        constant=template.constant,
        direct=template.direct,
        define=template.define,
        defined=template.defined,
        indirect=template.indirect,
        label=template.label,
        priced=template.priced,
        probability=instance.scenarios.probability,
        data=lambda which: template.gather(instance, which),
        cvar_weight=instance.cvar_weight,
        cvar_level=instance.cvar_level,
        branches=_branches(instance, at),
        choices=_choices(instance, at),
        digest=lambda: digest(instance),
    )
    return Arrays(programme, first, template)


def compile_for_any(instance: Instance) -> Arrays:
    """Compile a programme for any sample of its options; :func:`rebound` gives it one.

    :func:`compile_instance` leaves out terms whose data are zero in all scenarios of the instance, which another
    sample may hold; here nothing is left out.
    """
    s = instance.scenarios
    every = replace(
        s.take(np.zeros(1, dtype=np.int64)),
        output=np.ones((1, *s.output.shape[1:])),
        contracted=np.ones((1, *s.contracted.shape[1:])),
        unaided=np.ones((1, *s.unaided.shape[1:])),
    )
    return compile_instance(replace(instance, scenarios=every))


def rebound(arrays: Arrays, instance: Instance) -> Arrays:
    """Return arrays from :func:`compile_for_any` with the scenarios of an instance that has the same options."""
    programme = replace(
        arrays.programme,
        probability=instance.scenarios.probability,
        data=lambda which: arrays.template.gather(instance, which),
        digest=lambda: digest(instance),
    )
    return replace(arrays, programme=programme)


def knapsacked(instance: Instance, compiled: Compiled) -> LinearProgram:
    """The first stage with knapsack rows on least charges, which whole portfolios satisfy and fractions need not."""
    first, at = compiled.program, {key: n for n, key in enumerate(compiled.columns)}
    found = list(knapsack_rows(instance, least_charges(instance)))
    rows = sparse.lil_array((len(found), first.cost.size))
    for n, (row, _) in enumerate(found):
        for key, charge in row.items():
            rows[n, at["select", key]] = charge
    return replace(
        first,
        matrix=sparse.csc_array(sparse.vstack([first.matrix, sparse.csr_array(rows)])),
        row_lower=np.concatenate([first.row_lower, np.full(len(found), -np.inf)]),
        row_upper=np.concatenate([first.row_upper, [limit for _, limit in found]]),
    )


def _branches(instance: Instance, at: dict[tuple[str, Any], int]) -> tuple[Branch, ...]:
    """For every project: whether it is supported by each window, and at all; then with which structure.

    The relaxation spreads a project over windows to use up every budget, which costs it more than any other freedom.
    """
    found = []
    for project in dict.fromkeys(key[0] for key in instance.options):
        keys = [key for key in instance.options if key[0] == project]
        columns = np.array([at["select", key] for key in keys], dtype=np.int64)
        window = np.array([instance.windows.index(key[2]) for key in keys], dtype=np.int64)
        tranche = _numbered([instance.options[key].tranche for key in keys])
        found += [Branch(columns[window <= w]) for w in np.unique(window)[:-1]]
        found.append(Branch(columns, (window, tranche)))
    return tuple(found)


def _choices(instance: Instance, at: dict[tuple[str, Any], int]) -> tuple[Choice, ...]:
    """Every option with its shares and rights, and what its window may use: a project closes but once."""
    columns: dict[OptionKey, list[int]] = {key: [] for key in instance.options}
    for f, p, i, a, v in instance.shares:
        columns[p, a, v] += [at["share", (f, p, i, a, v)], at["use", (p, i, v)], at["take", (f, p, v)]]
    for claim in instance.claims:
        columns[claim[1], claim[2], claim[3]].append(at["rights", claim])
    projects = {p: n for n, p in enumerate(dict.fromkeys(key[0] for key in instance.options))}
    return tuple(
        Choice(at["select", key], projects[key[0]], np.unique(np.array(some, dtype=np.int64)))
        for key, some in columns.items()
    )


def _numbered(values: list[float]) -> npt.NDArray[np.int64]:
    """Number of each value among those that differ."""
    return np.unique(np.round(values, 9), return_inverse=True)[1].astype(np.int64)
