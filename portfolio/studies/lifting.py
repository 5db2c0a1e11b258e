"""Which rule keeps a project out: rules taken out one at a time, with as few searches as prove it.

With U the objective of a portfolio found without the project under all rules, the project is let in by taking a rule
out only if a portfolio with it is then better than U: taking the rule out takes nothing away from those without it, so
that the best of them stays at U or below. Where a bound proves that no such portfolio exists, the project stays out,
and the portfolios without it need not be looked at. A bound proven with several rules taken out together proves this
of each of them, since with one alone there are fewer portfolios. The reverse does not hold: a portfolio with the
project better than U does not show that it is let in, since those without it may have become better still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio.assemble.rules import RULES
from portfolio.engine.assembled import Arrays
from portfolio.engine.variation import Changes, Variation
from portfolio.studies.asking import Asker, unasked
from portfolio.studies.points import Answer, Point
from portfolio.studies.support import bound_of
from portfolio.studies.worlds import Pair, small

BUDGETS = "the budgets (7)"
"""The rule that is never taken out together with others: without it nearly everything is let in."""
NO_FORCE = "it has no force in this case"
NEVER_ASKED = "open: the time was over before it was asked"
STAYS = {True: "lets it in, proven", False: "stays out, proven", None: "open"}


@dataclass(frozen=True)
class Lifted:
    """A rule taken out, and what that does for a project that is out.

    Attributes
    ----------
    rule : str
    low, high : float
        Least and most the project is worth without the rule; infinite where nothing is proven on that side.
    lets_in : bool or None
        Whether it is then in every best portfolio (True) or in none (False); None where that is open.
    words : str
        The verdict, and how it was reached.
    """

    rule: str
    low: float
    high: float
    lets_in: bool | None
    words: str


@dataclass(frozen=True)
class Lifting:
    """Asks of the rules of a case, given the best portfolios under all of them."""

    asker: Asker
    pair: Pair
    variation: Variation

    @property
    def goal(self) -> float:
        """What a portfolio with the project must come up to, if it is not to be worse than the one known without it."""
        return self.pair.without_it.objective + small(self.pair.without_it.objective)

    def all(self) -> tuple[Lifted, ...]:
        """Every rule of :data:`portfolio.assemble.rules.RULES`, in that order."""
        found = {rule: self._idle(rule) for rule in RULES if not self._in_force(rule)}
        due = [rule for rule in RULES if rule not in found]
        found |= self._together([rule for rule in due if rule != BUDGETS])
        for n, rule in enumerate(due):
            if rule not in found:
                found[rule] = self._alone(rule, f"rule {n + 1} of {len(due)}: without {rule}")
        return tuple(found[rule] for rule in RULES)

    def _in_force(self, rule: str) -> bool:
        """Whether taking a rule out changes the first stage at all."""
        return not alike(self.variation.arrays, self.variation.changed(Changes(without=(rule,))).arrays)

    def _idle(self, rule: str) -> Lifted:
        return Lifted(rule, self.pair.low, self.pair.high, self.pair.proven, f"{STAYS[self.pair.proven]}: {NO_FORCE}")

    def _together(self, rules: Sequence[str]) -> dict[str, Lifted]:
        """Rules that are proven not to let it in by one question; nothing where that is not proven of all.

        Where it is open under all rules whether the project is in, it cannot be proven to stay out without some.
        """
        if self.pair.proven is not False or len(rules) < 2:
            return {}
        asked = self._with("together", f"{len(rules)} rules together", tuple(rules), self.goal)
        if bound_of(asked) <= self.goal:
            return {}
        high = self.pair.without_it.objective - bound_of(asked)
        words = f"{STAYS[False]}: not even without {len(rules)} rules together"
        return {rule: Lifted(rule, -np.inf, high, False, words) for rule in rules}

    def _alone(self, rule: str, saying: str) -> Lifted:
        """Ask of one rule: is there a better portfolio with the project, and is there then a better one without it."""
        name = f"rule_{list(RULES).index(rule) + 1}"
        asked = self._with(name, saying, (rule,), self.goal)
        if unasked(asked):
            return Lifted(rule, -np.inf, np.inf, None, NEVER_ASKED)
        without = self.pair.without_it.objective
        if asked.objective > self.goal:
            low, high = -np.inf, without - bound_of(asked)
            out = bound_of(asked) > self.goal
            return Lifted(rule, low, high, False if out else None, STAYS[False if out else None])
        better = self._with(f"{name}_best", saying, (rule,), None, asked)
        mine, bound = min(asked.objective, better.objective), max(asked.bound, better.bound)
        rival = self._rival(name, saying, rule, mine)
        low = bound_of(rival) - mine
        high = min(without, rival.objective) - min(bound, mine)
        lets_in = True if low > small(mine) else False if high < -small(mine) else None
        return Lifted(rule, low, high, lets_in, STAYS[lets_in])

    def _with(
        self, name: str, saying: str, rules: tuple[str, ...], target: float | None, start: Answer | None = None
    ) -> Answer:
        changes = Changes(must=frozenset({self.pair.project}), without=rules)
        return self.asker.ask(saying, self._point(f"with_{name}", changes, target, start))

    def _rival(self, name: str, saying: str, rule: str, mine: float) -> Answer:
        """Whether a portfolio without the project is then at least as good as the one with it."""
        changes = Changes(never=frozenset({self.pair.project}), without=(rule,))
        return self.asker.ask(saying, self._point(f"without_{name}", changes, mine + small(mine), None))

    def _point(self, name: str, changes: Changes, target: float | None, start: Answer | None) -> Point:
        decision = None if start is None else start.decision
        return Point(name, self.asker.case, changes, baseline=False, measured=False, target=target, start=decision)


def alike(one: Arrays, other: Arrays) -> bool:
    """Whether two first stages are the same programme."""
    a, b = one.programme.first, other.programme.first
    if a.matrix.shape != b.matrix.shape or a.offset != b.offset or a.matrix.nnz != b.matrix.nnz:
        return False
    if abs(a.matrix - b.matrix).max() > 0:
        return False
    names = ("cost", "row_lower", "row_upper", "lower", "upper", "integer")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)
