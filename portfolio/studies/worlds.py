"""The best portfolios with a project and without it, what the project is worth, and what is proven of that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models import Instance
from portfolio.engine.fingerprint import digest
from portfolio.studies.points import Answer
from portfolio.studies.support import bound_of

ROUNDING = 1e-7
"""Part of the objective below which a difference is rounding."""
IN, OUT, OPEN = "in the best portfolio", "not in the best portfolio", "open"
WORDS = {
    True: f"{IN}, proven",
    False: f"{OUT}, proven",
    None: f"{OPEN}: what it is worth is less than the solver's gap",
}
"""What is proven, in words."""


@dataclass(frozen=True)
class Pair:
    """The best portfolios with a project and without it, under the same rules."""

    project: str
    with_it: Answer
    without_it: Answer

    @property
    def low(self) -> float:
        """Least the project is worth, in the objective: bound without it - objective with it."""
        return _minus(bound_of(self.without_it), self.with_it.objective)

    @property
    def high(self) -> float:
        """Most the project is worth: objective without it - bound with it."""
        return _minus(self.without_it.objective, bound_of(self.with_it))

    @property
    def rounding(self) -> float:
        """Difference of objectives that is none."""
        return small(min(abs(self.with_it.objective), abs(self.without_it.objective)))

    @property
    def proven(self) -> bool | None:
        """Whether it is in every optimum (True), in none (False); None where the gaps of the searches leave it open."""
        return True if self.low > self.rounding else False if self.high < -self.rounding else None

    @property
    def chosen(self) -> bool:
        """Whether the better of the two portfolios found has it."""
        return self.with_it.objective < self.without_it.objective

    @property
    def verdict(self) -> str:
        """In words."""
        return WORDS[self.proven]

    def known(self, bound: float) -> Pair:
        """Return the pair where ``bound`` is proven of all portfolios: it holds with the project and without it."""
        return replace(self, with_it=_raised(self.with_it, bound), without_it=_raised(self.without_it, bound))


def small(objective: float) -> float:
    """Difference between objectives that is rounding."""
    return ROUNDING * max(1.0, abs(objective)) if abs(objective) < float("inf") else ROUNDING


def _raised(answer: Answer, bound: float) -> Answer:
    return replace(answer, bound=min(max(answer.bound, bound), answer.objective))


def _minus(a: float, b: float) -> float:
    """Difference; where both are infinite (no portfolio either way) nothing can be said."""
    if abs(a) == float("inf") and a == b:
        return float("nan")
    return a - b


def same_without(one: Instance, other: Instance, project: str) -> bool:
    """Whether two programmes are the same for portfolios that do not support a project.

    The project's options, shares and payouts are left out of both. What it produces in the world without support is
    not: where that differs, portfolios without it are worth something else. Never true where they differ.
    """
    return digest(_without(one, project)) == digest(_without(other, project))


def _without(instance: Instance, project: str) -> Instance:
    kept = [j for (p, _, _), j in instance.option_index.items() if p != project]
    s = instance.scenarios
    return replace(
        instance,
        options={key: value for key, value in instance.options.items() if key[0] != project},
        shares={key: value for key, value in instance.shares.items() if key[1] != project},
        payouts={key: value for key, value in instance.payouts.items() if key[1] != project},
        scenarios=replace(s, output=s.output[:, kept].copy(), contracted=s.contracted[:, kept].copy()),
    )
