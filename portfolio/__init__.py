"""Choose which critical-raw-material projects public funds co-finance, with which instruments, and when.

>>> import portfolio
>>> run = portfolio.solve("inputs/tiny")
>>> run.portfolio  # who funds what, a pandas table

The functions are those of the commands: :func:`init`, :func:`validate`, :func:`solve`, :func:`evaluate`,
:func:`replicate`, :func:`worth`, :func:`stress`,
:func:`sweep`.
:func:`replicate`, :func:`worth`, :func:`stress`, :func:`make_report`.
The functions are those of the commands: a function of the same name for each, ``compare_runs`` for ``compare-runs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portfolio.api import (
        ComparedRuns,
        Evaluation,
        Foresight,
        NoPortfolioError,
        PricePressure,
        Regret,
        Replications,
        Report,
        Run,
        RunError,
        Sampling,
        Stability,
        Step,
        Stress,
        Study,
        Worth,
        alliance,
        alternatives,
        compare,
        compare_runs,
        engine_for,
        evaluate,
        explain,
        foresight,
        frontier,
        init,
        make_report,
        pressure,
        regret,
        replicate,
        sampling,
        selection_frequency,
        solve,
        stability,
        stress,
        sweep,
        termsheet,
        validate,
        wait,
        workbook,
        worth,
    )

__version__ = "0.1.0"

__all__ = [
    "ComparedRuns",
    "Evaluation",
    "Foresight",
    "NoPortfolioError",
    "PricePressure",
    "Regret",
    "Replications",
    "Report",
    "Run",
    "RunError",
    "Sampling",
    "Stability",
    "Step",
    "Stress",
    "Study",
    "Worth",
    "__version__",
    "alliance",
    "alternatives",
    "compare",
    "compare_runs",
    "engine_for",
    "evaluate",
    "explain",
    "foresight",
    "frontier",
    "init",
    "make_report",
    "pressure",
    "regret",
    "replicate",
    "sampling",
    "selection_frequency",
    "solve",
    "stability",
    "stress",
    "sweep",
    "termsheet",
    "validate",
    "wait",
    "workbook",
    "worth",
]


def __getattr__(name: str) -> Any:
    """Import the functions when they are first asked for: the solver's libraries take a second to load."""
    if name not in __all__:
        raise AttributeError(f"module 'portfolio' has no attribute {name!r}")
    from portfolio import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """List what the package offers."""
    return sorted(__all__)
