"""The algebra of the product, in Pyomo: see ``MODEL.md`` for the numbered equations."""

from models.build import build_extensive_form, build_scenario, build_template
from models.decision import Decision
from models.instance import Instance
from models.scenarios import Scenarios
from models.terms import Benchmark, Frozen, Option, Share

__all__ = [
    "Benchmark",
    "Decision",
    "Frozen",
    "Instance",
    "Option",
    "Scenarios",
    "Share",
    "build_extensive_form",
    "build_scenario",
    "build_template",
]
