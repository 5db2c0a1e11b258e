"""The command ``portfolio``: a thin layer over :mod:`portfolio.api`."""

from __future__ import annotations

import logging
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portfolio import __version__
from portfolio.commands.alliance import alliance
from portfolio.commands.alternatives import alternatives
from portfolio.commands.compare import compare
from portfolio.commands.compare_runs import compare_runs
from portfolio.commands.console import as_json_text, complain, debug_option, render, say
from portfolio.commands.evaluate import evaluate
from portfolio.commands.explain import explain
from portfolio.commands.foresight import foresight
from portfolio.commands.frontier import frontier
from portfolio.commands.options import set_option
from portfolio.commands.pressure import pressure
from portfolio.commands.regret import regret
from portfolio.commands.replicate import replicate
from portfolio.commands.report import report
from portfolio.commands.sampling import sampling
from portfolio.commands.stability import stability
from portfolio.commands.stress import stress
from portfolio.commands.sweep import sweep
from portfolio.commands.termsheet import termsheet
from portfolio.commands.wait import wait
from portfolio.commands.workbook import workbook
from portfolio.commands.worth import worth

if TYPE_CHECKING:
    from portfolio.api import Step
    from portfolio.case import Case

REPORT_TO = "the issue tracker of the project"
INTERRUPTED = 130
"""Exit code of Ctrl-C before there is a portfolio, as shells have it."""
GOING_ON = "going on"
"""Phase in which a stopped search is taken up."""

HELP = ["-h", "--help"]
CONTEXT = {"help_option_names": HELP, "max_content_width": 80}


class Commands(click.Group):
    """Commands whose errors become one message and the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; exit codes are those of the README."""
        # Pyomo warns on stdout unless the root logger has a handler; this one writes warnings to stderr.
        if logging.lastResort is not None:
            logging.getLogger().addHandler(logging.lastResort)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            complain("Interrupted before there was a portfolio; nothing was written.")
            ctx.exit(INTERRUPTED)
        except Exception as fault:
            ctx.exit(_explain(fault, debug="debug" in ctx.meta))


def _explain(fault: Exception, *, debug: bool) -> int:
    """Say what went wrong on stderr; return the exit code."""
    from portfolio.api import CaseError, CheckpointError, NoPortfolioError, OutputError, RunError, UsageError

    if isinstance(fault, CaseError | CheckpointError | OutputError | RunError | UsageError):
        complain(str(fault))
        return 2
    if isinstance(fault, NoPortfolioError):
        complain("No feasible portfolio; nothing was written.\n" + "\n".join(f"  {why}" for why in fault.reasons))
        return 4
    if debug:
        complain("".join(traceback.format_exception(fault)).rstrip())
    message = " ".join(str(fault).split()) or "no message"
    hint = "" if debug else "; --debug shows where"
    complain(f"Internal error, please report to {REPORT_TO}: {type(fault).__name__}: {message}{hint}")
    return 1


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="portfolio")
def main() -> None:
    """Choose which raw-material projects to co-finance, with which instruments.

    \b
    portfolio solve inputs/eu_japan_ree      the shipped case
    portfolio evaluate results/RUN           is its portfolio as good as it looks?
    portfolio replicate results/RUN          how far is it from the best there is?
    portfolio worth results/RUN              what are stochastics worth to it?
    portfolio stress results/RUN             what if an embargo comes on top?
    portfolio alternatives results/RUN       what else is nearly as good?
    portfolio explain results/RUN PROJECT    why is it in, or not?
    portfolio termsheet results/RUN PROJECT  which terms keep it alive?
    portfolio wait CASE                      what is deciding now worth, what waiting?
    portfolio alliance CASE                  what do members gain by a joint fund?
    portfolio sweep CASE --vary NAME=A:B:N   what moves the answers?
    portfolio report results/RUN             its page again, its charts as files
    portfolio stability results/RUN          does it depend on which scenarios were drawn?
    portfolio sampling inputs/eu_japan_ree   do scenarios follow the parameters?
    portfolio compare-runs results/A results/B   what moved between two runs?
    portfolio workbook results/RUN           its tables as an Excel workbook
    portfolio regret results/RUN             what if the hazard rates are others?
    portfolio pressure results/RUN           what if its supply presses prices?
    portfolio foresight results/RUN          what if later embargoes are not foreseen?
    portfolio init mycase                    a copy of it to change
    portfolio validate mycase                is it sound?

    Exit codes: 0 solved within the gap, 1 internal error, 2 bad input or usage, 3 stopped by a limit with a portfolio
    (written, with its gap), 4 no feasible portfolio.
    """


@main.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--workbook", type=click.Path(path_type=Path), metavar="FILE", help="Write one workbook (.xlsx) instead.")
@click.option(
    "--from",
    "source",
    default=None,
    metavar="CASE",
    help="Shipped case to copy, or path of a case to turn into a workbook or folder.  [default: eu_japan_ree]",
)
@click.option("--empty", is_flag=True, help="Write templates without data instead.")
@debug_option
def init(directory: Path | None, workbook: Path | None, source: str | None, empty: bool) -> None:
    """Start a case in DIRECTORY or a workbook: a copy of a shipped one.

    \b
    portfolio init mycase
    portfolio init mycase --from tiny
    portfolio init mycase --empty
    portfolio init --workbook mycase.xlsx
    portfolio init --workbook mycase.xlsx --from mycase
    """
    from portfolio import api
    from portfolio.case.templates import EMPTY

    if empty and source is not None:
        raise click.UsageError("give --from or --empty, not both")
    if directory is None and workbook is None:
        raise click.UsageError("give a DIRECTORY, or --workbook FILE.xlsx")
    if directory is not None and workbook is not None:
        raise click.UsageError("give a DIRECTORY or --workbook, not both")
    if workbook is not None and workbook.suffix.lower() != ".xlsx":
        raise click.UsageError(f"{workbook}: the name of a workbook has to end in .xlsx")
    try:
        made = api.init(workbook or directory or Path(), EMPTY if empty else source or "eu_japan_ree")
    except api.CaseError:
        raise
    except (ValueError, OSError) as fault:
        raise click.UsageError(str(fault)) from None
    say(f"{made} is ready. Next: portfolio validate {made}\n")


@main.command()
@click.argument("case")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@debug_option
@click.pass_context
def validate(ctx: click.Context, case: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check CASE, a folder or workbook, and list every problem.

    \b
    portfolio validate mycase
    portfolio validate mycase.xlsx
    portfolio validate mycase --set risk.cvar_weight=0.5
    """
    from portfolio import api

    try:
        found = api.validate(case, overrides)
    except api.CaseError as fault:
        if as_json:
            say(as_json_text({"valid": False, "problems": [asdict(p) for p in fault.problems]}))
        else:
            complain(str(fault))
        ctx.exit(2)
    say(as_json_text({"valid": True, "problems": []}) if as_json else f"{case} is sound: {_sizes(found)}.\n")


def _sizes(case: Case) -> str:
    from portfolio.report.headline import uncertain_inputs
    from portfolio.report.summary import count

    low, marked = uncertain_inputs(case)
    sizes = [count(len(getattr(case, t)), t[:-1]) for t in ("projects", "members", "instruments", "materials")]
    return (
        f"{', '.join(sizes)}, {case.years[0]} to {case.years[-1]}; "
        f"{low:,} of {marked:,} input rows are of low confidence or estimates"
    )


@main.command()
@click.argument("case")
@click.option("--scenarios", type=click.IntRange(min=1), help="Scenarios to optimise over.  [default: the case's]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: the case's]")
@click.option("--method", type=click.Choice(["auto", "extensive", "benders"]), default="auto", show_default=True)
@click.option(
    "--gap", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Relative gap at which to stop."
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=240.0,
    show_default=True,
    metavar="S",
    help="Seconds for the search; stopping there is exit code 3.",
)
@set_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: results/CASE-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the headline as JSON and nothing else.")
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads of the solver.")
@debug_option
@click.pass_context
def solve(
    ctx: click.Context,
    /,
    case: str,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Choose the portfolio of least mean shortfall for CASE.

    \b
    portfolio solve inputs/eu_japan_ree
    portfolio solve mycase --scenarios 50 --gap 0.05 --time-limit 300
    portfolio solve mycase --set 'budgets.budget_usd_m*=1.5' --out results/more
    portfolio solve mycase --json | jq .headline.shortfall

    CASE is a folder with case.toml and tables, or a workbook (.xlsx) with the same as sheets.

    A search by decomposition is kept in OUT.checkpoint until it is done. Stopped by the time limit, Ctrl-C or a crash,
    the same command goes on from there; gap, time limit and threads may differ.
    """
    from portfolio import api
    from portfolio.report.resume import checkpoint_of
    from portfolio.report.summary import summary

    target = _target(case, overrides, out, options)
    kept, again = checkpoint_of(target), _again(ctx, target)
    try:
        # Libraries that print (HiGHS does on Ctrl-C) must not get between a script and the JSON.
        with redirect_stdout(sys.stderr), _progress(kept) as listen:
            run = api.solve(case, overrides=overrides, out=target, progress=listen, **options)
    except KeyboardInterrupt:
        if not kept.exists():
            raise
        complain(f"Interrupted; the search so far is kept in {kept}. To go on:\n  {again}")
        ctx.exit(INTERRUPTED)
    say(as_json_text(run.summary()) if as_json else render(summary(run)))
    if run.checkpoint is not None:
        complain(f"Stopped before the gap was reached; the search is kept in {kept}. To go on:\n  {again}")
    ctx.exit(run.exit_code)


def _again(ctx: click.Context, target: Path) -> str:
    """Return the command that goes on from where this one stops."""
    parts = ["portfolio", ctx.info_name or "solve"]
    for parameter in ctx.command.params:
        name, value = parameter.name or "", ctx.params.get(parameter.name or "")
        given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Argument):
            parts.append(str(value))
        elif given and value is not None and name != "out":
            for one in value if isinstance(value, tuple) else (value,):
                parts += [parameter.opts[0]] if one is True else [parameter.opts[0], str(one)]
    return shlex.join([*parts, "--out", str(target)])


def _target(case: str, overrides: tuple[str, ...], out: Path | None, options: dict[str, Any]) -> Path:
    """Return the run folder to write; report a bad case and a bad ``--out`` together.

    Without ``--out`` that is a new one, or that of the same solve which was stopped or killed.
    """
    from portfolio import api
    from portfolio.report.resume import About, check_out, checkpoint_of, unfinished

    faults: list[str] = []
    name, stopped = "run", None
    try:
        sample = [f"sampling.{n}={options[n]}" for n in ("scenarios", "seed") if options[n] is not None]
        found = api.validate(case, [*overrides, *sample])
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", found.settings.case.name).lstrip(".") or "run"
        if out is None and options["method"] != "extensive":
            stopped = unfinished(Path("results"), f"{name}-", About.of(found))
    except api.CaseError as fault:
        faults.append(str(fault))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    base = Path("results") / f"{name}-{stamp}"
    target, again = out or stopped or base, 2
    while target is not out and target is not stopped and (target.exists() or checkpoint_of(target).exists()):
        target, again = base.with_name(f"{base.name}-{again}"), again + 1
    try:
        check_out(target)
    except api.OutputError as fault:
        faults.append(str(fault))
    if faults:
        raise api.OutputError("\n".join(faults))
    return target


@contextmanager
def _progress(kept: Path) -> Iterator[Callable[[Step], None]]:
    """Say that a stopped search goes on; and on a terminal what the solve is doing."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: complain(_going_on(step, kept)) if step.phase == GOING_ON else None
        return
    with console.status("reading") as status:

        def show(step: Step) -> None:
            if step.phase == GOING_ON:
                console.print(_going_on(step, kept), highlight=False, markup=False, soft_wrap=True)
            else:
                status.update(_words(step))

        yield show


def _going_on(step: Step, kept: Path) -> str:
    """Tell what an earlier search had found, in one line."""
    return f"Going on from {kept}: {_standing(step) or 'no portfolio yet'}, after {step.seconds:,.0f} s of search."


def _words(step: Step) -> str:
    """What a step is, in one line."""
    if step.total:
        return f"{step.phase} {step.done:,}/{step.total:,}"
    if step.phase != "solving":
        return step.phase
    standing = _standing(step)
    return f"solving, {step.seconds:.0f} s" + (f": {standing}" if standing else "")


def _standing(step: Step) -> str:
    """Objective, bound and gap of a search, as far as it has them."""
    text = ""
    if abs(step.objective) < float("inf"):
        text = f"objective {step.objective:,.4g}"
        if abs(step.bound) < float("inf"):
            gap = max(0.0, step.objective - step.bound) / max(abs(step.objective), 1e-10)
            text += f", bound {step.bound:,.4g}, gap {gap:.1%}"
    return text


main.add_command(compare)
main.add_command(evaluate)
main.add_command(frontier)
main.add_command(alternatives)
main.add_command(evaluate)
main.add_command(explain)
main.add_command(alliance)
main.add_command(compare_runs)
main.add_command(evaluate)
main.add_command(foresight)
main.add_command(pressure)
main.add_command(regret)
main.add_command(replicate)
main.add_command(report)
main.add_command(sampling)
main.add_command(stability)
main.add_command(stress)
main.add_command(termsheet)
main.add_command(wait)
main.add_command(sweep)
main.add_command(workbook)
main.add_command(worth)

if __name__ == "__main__":
    main()
