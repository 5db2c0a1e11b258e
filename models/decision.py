"""A first-stage decision as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.instance import Instance
from models.terms import OptionKey, ShareKey


@dataclass(frozen=True)
class Decision:
    """Values of the first-stage variables; keys that are missing are zero.

    ``select`` by (project, structure, window), ``use`` by (project, instrument, window), ``take`` by (member, project,
    window), ``share`` by (member, project, instrument, structure, window), ``rights`` by (region, project, structure,
    window), ``purchase`` by (member, material, window) in tonnes.
    """

    select: Mapping[OptionKey, float] = field(default_factory=dict)
    use: Mapping[tuple[str, str, int], float] = field(default_factory=dict)
    take: Mapping[tuple[str, str, int], float] = field(default_factory=dict)
    share: Mapping[ShareKey, float] = field(default_factory=dict)
    rights: Mapping[tuple[str, str, str, int], float] = field(default_factory=dict)
    purchase: Mapping[tuple[str, str, int], float] = field(default_factory=dict)

    @property
    def chosen(self) -> tuple[OptionKey, ...]:
        """Options selected."""
        return tuple(key for key, value in self.select.items() if value > 0.5)

    def penalty(self, instance: Instance) -> float:
        """Penalties for benchmarks missed (8a) in weighted tonnes, as in the objective."""
        return float(sum((b.penalty or 0.0) * b.missing(self.select) for b in instance.benchmarks.values()))

    def public_cost(self, instance: Instance) -> float:
        """Expected public cost in USD M, as in the objective."""
        return float(
            sum(instance.shares[key].cost_usd_m * value for key, value in self.share.items())
            + sum(instance.fixed_cost[i] * value for (_, i, _), value in self.use.items())
            + instance.admin_usd_m * sum(self.take.values())
            + sum(
                instance.stock_cost[instance.materials.index(m), instance.windows.index(v)] * value
                for (_, m, v), value in self.purchase.items()
            )
        )
