"""mpi-sppy's ways to solve an instance, each on the ranks it was started on.

A scenario of mpi-sppy is here a *bundle* of one or more scenarios of the instance (what its documentation calls a
proper bundle): the first stage with the recourse of each, its probability their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpisppy.utils.sputils as sputils
import pyomo.environ as pyo
from mpi4py import MPI
from mpisppy.cylinders.hub import LShapedHub, PHHub
from mpisppy.opt.ef import ExtensiveForm
from mpisppy.opt.lshaped import LShapedMethod
from mpisppy.spin_the_wheel import WheelSpinner
from mpisppy.utils import cfg_vanilla
from mpisppy.utils.config import Config
from pyomo.core.expr.visitor import identify_variables
from pyomo.core.plugins.transform.discrete_vars import RelaxIntegerVars
from pyomo.opt import SolutionStatus

from models import Instance
from models.expressions import total
from models.first_stage import add_first_stage, public_cost
from models.recourse import add_recourse, side_costs, weighted_shortfall
from models.view import View, view_of
from tests.benchmarks.contenders import Job, Outcome, highs_options, sizes, watch
from tests.benchmarks.trajectory import Recorder

NONANTS = ("select", "use", "take", "share", "rights", "purchase")
LSHAPED_BUNDLES = 20
"""Bundles, that is cuts a round, of the L-shaped hub: as many as the product's groups of scenarios."""
PH_BUNDLES = 10
"""Bundles of progressive hedging."""
FLAT = 1e-3
"""Relative rise of the relaxed bound in a round below which the L-shaped hub goes on to whole numbers."""
SUBPROBLEM_S = 5.0
"""Seconds for a bundle's mixed-integer programme in a round of progressive hedging: to 2 % it takes 8 to over 20."""
TIMED = "timed_highs"
"""Name under which :class:`TimedHighs` is known to Pyomo."""
RHO = 0.002
"""rho of a binary over the weighted tonnes of all demand: a judgement, not tuned by instance."""


@pyo.SolverFactory.register(TIMED, doc="HiGHS whose best solution at the time limit counts")
class TimedHighs(type(pyo.SolverFactory("appsi_highs"))):  # type: ignore[misc]
    """Pyomo's persistent HiGHS; mpi-sppy throws a solution away where the solver stopped by time, so say feasible."""

    def solve(self, model: Any, **keys: Any) -> Any:
        """Solve; the status of a solution found within the time is feasible."""
        results = super().solve(model, **keys)
        if len(results.solution) and results.solution(0).status == SolutionStatus.unknown:
            results.solution(0).status = SolutionStatus.feasible
        return results


def bundles(instance: Instance, job: Job, most: int) -> dict[str, tuple[int, ...]]:
    """Scenario numbers by bundle name; ``most`` bundles unless the job says how large one is."""
    count = instance.scenarios.size
    size = job.bundle if job.bundle > 0 else -(-count // most)
    return {f"Bundle{n}": tuple(range(at, min(at + size, count))) for n, at in enumerate(range(0, count, size))}


def create(name: str, instance: Instance, groups: dict[str, tuple[int, ...]], relaxed: bool = False) -> Any:
    """Scenario creator: first stage and the recourse of a bundle, its objective conditional on the bundle.

    ``relaxed`` gives its linear relaxation, whose Lagrangian bounds are weaker but valid and many times faster.
    """
    numbers = groups[name]
    model: Any = pyo.ConcreteModel(name=name)
    add_first_stage(model, instance)
    model.scenario = pyo.Block(list(numbers))
    views = [view_of(instance, s) for s in numbers]
    for view in views:
        add_recourse(model.scenario[view.number], view, model)
    model.first_cost = pyo.Expression(expr=instance.cost_weight * total([public_cost(model, instance)]))
    mass = float(instance.scenarios.probability[list(numbers)].sum())
    later = total(_share(instance, v.number, mass) * _outcome(model, v) for v in views)
    nonants = [getattr(model, part) for part in NONANTS]
    risk = instance.cvar_weight
    if risk > 0:
        model.eta, model.excess = pyo.Var(bounds=(0.0, None)), pyo.Var(list(numbers), bounds=(0.0, None))
        model.tail = pyo.Constraint(
            list(numbers), rule=lambda m, s: m.excess[s] + m.eta - _outcome(m, view_of(instance, s)) >= 0
        )
        beyond = total(_share(instance, s, mass) / (1.0 - instance.cvar_level) * model.excess[s] for s in numbers)
        later = (1.0 - risk) * later + risk * beyond
        model.first_cost.expr += risk * model.eta
        nonants.append(model.eta)
    model.objective = pyo.Objective(expr=model.first_cost + later)
    model._mpisppy_probability = mass
    for part in ("select", "use", "take"):  # supporting nothing: where progressive hedging may start
        getattr(model, part).set_values(dict.fromkeys(getattr(model, part), 0.0))
    if relaxed:
        RelaxIntegerVars().apply_to(model)
    sputils.attach_root_node(model, model.first_cost, nonants)
    return model


def _share(instance: Instance, number: int, mass: float) -> float:
    return float(instance.scenarios.probability[number]) / mass


def _outcome(model: Any, view: View) -> Any:
    block = model.scenario[view.number]
    return weighted_shortfall(block, view) + side_costs(block, view)


def extensive(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
    """mpi-sppy's own extensive form, on one rank with all threads."""
    groups = bundles(instance, Job(job.gap, job.limit_s, bundle=1), 1)
    form = ExtensiveForm(
        {"solver": "appsi_highs"},
        list(groups),
        create,
        scenario_creator_kwargs={"instance": instance, "groups": groups},
        suppress_warnings=True,
    )
    built = recorder.seconds
    form.solver.set_instance(form.ef)
    given = recorder.seconds - built
    watch(form.solver, recorder)
    results = form.solve_extensive_form(highs_options(job, recorder))
    recorder.add(results.problem.upper_bound, results.problem.lower_bound)
    phases = {"build model": built, "hand over": given, "solve": recorder.seconds - built - given}
    return Outcome(str(results.solver.termination_condition), phases, sizes(form.solver))


class TwoPhase(LShapedMethod):
    """L-shaped method that first cuts at a relaxed root, then at whole numbers; subproblems hold what they read.

    Both are there so that mpi-sppy is not measured below what it can do. A root with integers takes many seconds from
    the third round on, long before its cuts say much. And mpi-sppy adds a row for each of thousands of shares to every
    subproblem in every round, which no recourse equation reads.
    """

    relaxed = False

    def create_root(self) -> None:
        """Relax the binaries of the root until :meth:`enforce`."""
        super().create_root()
        self.integers = [v for v in self.root.component_data_objects(pyo.Var) if v.is_binary()]
        for v in self.integers:
            v.domain = pyo.NonNegativeReals
            v.setub(1.0)
        self.relaxed = True

    def enforce(self) -> None:
        """Make them whole again; the solver sees that the domain has changed."""
        for v in self.integers:
            v.domain = pyo.Binary
        self.relaxed = False

    def create_subproblem(self, scenario_name: str) -> Any:
        """Leave the complicating variables that the subproblem does not hold out of its map."""
        instance, found = super().create_subproblem(scenario_name)
        held = {
            id(v)
            for c in instance.component_data_objects(pyo.Constraint, active=True, descend_into=True)
            for v in identify_variables(c.body)
        }
        kept = pyo.ComponentMap()
        for root, own in found.items():
            if id(own) in held:
                kept[root] = own
        return instance, kept


class TwoPhaseHub(LShapedHub):
    """Hub of :class:`TwoPhase`: ends the relaxed phase once its bound rises by less than :data:`FLAT` a round."""

    rounds: int = -1
    before: float = 0.0

    def sync(self, send_nonants: bool = True) -> None:
        """Send candidates only where they are whole."""
        super().sync(send_nonants and not self.opt.relaxed)

    def is_converged(self) -> bool:
        """Once a round, see whether the relaxed phase is over."""
        if self.opt.relaxed and self.opt.iter > self.rounds:
            self.rounds, bound = self.opt.iter, self.opt._LShaped_bound
            if self.rounds > 3 and bound - self.before <= FLAT * abs(bound):
                self.opt.enforce()
            self.before = bound
        return bool(super().is_converged())


def _recording(hub: type[Any], recorder: Recorder, job: Job) -> type[Any]:
    """A hub that records its bounds each round and stops at the time limit."""

    class Recording(hub):  # type: ignore[misc]
        def screen_trace(self) -> None:
            super().screen_trace()
            recorder.add(self.BestInnerBound, self.BestOuterBound)

        def determine_termination(self, screen_trace: bool = True) -> bool:
            late = self.cylinder_comm.bcast(recorder.seconds > job.limit_s, root=0)
            return bool(super().determine_termination(screen_trace)) or late

    return Recording


def _config(job: Job) -> Config:
    config = Config()
    config.popular_args()
    config.add_mipgap_specs()
    config.two_sided_args()
    config.ph_args()
    config.lshaped_args()
    config.xhatlshaped_args()
    config.xhatshuffle_args()
    config.lagrangian_args()
    config.solver_name = "appsi_highs"
    config.max_iterations = 100_000
    config.max_solver_threads = 1
    config.rel_gap = job.gap
    config.max_stalled_iters = config.max_iterations
    config.default_rho = 1.0
    config.intra_hub_conv_thresh = -1.0  # agreement of the bundles is no proof: stop by the gap alone
    return config


def _spin(
    instance: Instance,
    job: Job,
    recorder: Recorder,
    most: int,
    cylinders: Callable[[Config, Sequence[Any], dict[str, Any]], tuple[dict[str, Any], list[dict[str, Any]]]],
) -> Outcome:
    """Run a hub with its spokes, one rank each."""
    groups = bundles(instance, job, most)
    hub, spokes = cylinders(
        _config(job),
        (create, None, list(groups)),
        {"scenario_creator_kwargs": {"instance": instance, "groups": groups}},
    )
    hub["hub_class"] = _recording(hub["hub_class"], recorder, job)
    wheel = WheelSpinner(hub, spokes)
    wheel.spin(MPI.COMM_WORLD)
    if wheel.on_hub():
        recorder.add(wheel.BestInnerBound, wheel.BestOuterBound)
    status = "solved within the gap" if recorder.best.gap <= job.gap else "stopped"
    return Outcome(status, {}, {"bundles": len(groups)})


def lshaped(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
    """L-shaped hub with cuts by bundle on one rank, its candidates evaluated by a spoke on the other.

    Master and subproblems go through ``highs``, Pyomo's current interface, as mpi-sppy's cuts need a solver whose
    dual signs it knows; every eta is bounded by 0, which shortfall never goes below. Subproblems are solved by
    interior points with crossover: with the rows that its cuts add and drop, the simplex method starts from bases
    from which it takes ten times as long and now and then fails.
    """

    def cylinders(config: Config, first: Sequence[Any], keys: dict[str, Any]) -> Any:
        names = first[2]
        hub = cfg_vanilla.lshaped_hub(config, *first, **keys)
        hub["hub_class"], hub["opt_class"] = TwoPhaseHub, TwoPhase
        hub["opt_kwargs"]["options"] |= {
            "root_solver": "highs",
            "sp_solver": "highs",
            "sp_solver_options": {"threads": 1, "solver": "ipm"},
            "root_solver_options": {"mip_rel_gap": 0.3 * job.gap, "threads": 1},
            "valid_eta_lb": dict.fromkeys(names, 0.0),
            "max_iter": config.max_iterations,
            "tol": 1e-7,
        }
        # The spoke first solves every bundle by itself and throws the result away: let the first it finds do.
        config.iter0_mipgap = 100.0
        return hub, [cfg_vanilla.xhatlshaped_spoke(config, *first, **keys)]

    return _spin(instance, job, recorder, LSHAPED_BUNDLES, cylinders)


def hedging(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
    """Progressive hedging with linearised proximal terms (HiGHS takes no mixed-integer quadratic programmes).

    Lagrangian bounds, of the linear relaxation, and candidates from shuffled bundles come from a spoke each.
    """

    def cylinders(config: Config, first: Sequence[Any], keys: dict[str, Any]) -> Any:
        config.linearize_proximal_terms = True
        config.linearize_binary_proximal_terms = True
        config.solver_name = TIMED
        config.warmstart_subproblems = config.user_warmstart = True
        config.solver_options = f"mip_rel_gap={0.3 * job.gap} time_limit={SUBPROBLEM_S}"
        hub = cfg_vanilla.ph_hub(config, *first, rho_setter=_rho(instance), **keys)
        hub["hub_class"] = PHHub
        config.solver_name, config.solver_options, config.warmstart_subproblems = "appsi_highs", None, False
        linear = {"scenario_creator_kwargs": keys["scenario_creator_kwargs"] | {"relaxed": True}}
        spokes = [
            cfg_vanilla.lagrangian_spoke(config, *first, rho_setter=_rho(instance), **linear),
            cfg_vanilla.xhatshuffle_spoke(config, *first, **keys),
        ]
        return hub, spokes

    return _spin(instance, job, recorder, PH_BUNDLES, cylinders)


def _rho(instance: Instance) -> Callable[[Any], list[tuple[int, float]]]:
    """Weights in proportion to the objective and to the inverse of a variable's range."""
    weight = instance.weight[1]
    demand = instance.scenarios.demand.mean(axis=0).sum(axis=(0, 1))
    scale = RHO * float((weight * demand).sum())

    def setter(model: Any) -> list[tuple[int, float]]:
        return [(id(v), scale / max(1.0, (v.ub or 1.0))) for part in NONANTS for v in getattr(model, part).values()]

    return setter
