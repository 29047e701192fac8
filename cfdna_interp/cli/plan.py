"""``cfdna-interp plan``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from cfdna_interp.cli.options import FiniteRange

Function = TypeVar("Function", bound=Callable[..., Any])
# Ends left out: an AUROC of exactly .5 or 1 has no cohort that would show it.
_AUROC = FiniteRange(0.5, 1, min_open=True, max_open=True)
_SHARE = FiniteRange(0, 1, min_open=True, max_open=True)
_EFFECT = FiniteRange(0, min_open=True)
_MOST = 1_000_000  # of a class at a site


def _sites(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[tuple[float, float]]:
    """Read ``cases:controls`` of each site."""
    sites = []
    for value in values:
        try:
            case, control = (float(part) for part in value.split(":"))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not two numbers with a colon, e.g. 30:10") from None
        if not (0 <= case <= _MOST and 0 <= control <= _MOST):
            raise click.BadParameter(f"{value!r} must hold two finite numbers from 0 to {_MOST:,}")
        sites.append((case, control))
    if not any(min(site) > 0 for site in sites):
        raise click.BadParameter("no site has both classes, and no number of subjects mends that")
    return sites


@click.group("plan", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Say how many subjects a held-out cohort needs, before anything is sequenced.

    Subjects, not samples; after exclusions. Scores are taken to be normal in both classes. No answer is below
    15 cases and 15 controls: with fewer the report can't tell anything.
    """


def _json(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")(function)


def _auroc(text: str) -> Callable[[Function], Function]:
    return click.option("--auroc", "aurocs", multiple=True, required=True, type=_AUROC, help=text)


_controls = click.option(
    "--controls-per-case",
    default=1.0,
    show_default=True,
    type=FiniteRange(0, 1000, min_open=True),
)
_power = click.option("--power", default=0.8, show_default=True, type=_SHARE)
_alpha = click.option("--alpha", default=0.05, show_default=True, type=FiniteRange(0, 0.5, min_open=True))


@command.command()
@_auroc("AUROC to expect; may be given several times.")
@click.option(
    "--half-width",
    default=0.05,
    show_default=True,
    type=FiniteRange(0, 0.5, min_open=True, max_open=True),
    help="Half of the 95 % interval's width.",
)
@_controls
@_json
def interval(aurocs: Sequence[float], half_width: float, controls_per_case: float, as_json: bool) -> None:
    """Size for a 95 % interval of the AUROC of a wanted half-width, on average over such cohorts."""
    from cfdna_interp.stats.caution import auroc_caution
    from cfdna_interp.stats.cohort_size import size_for_interval
    from cfdna_interp.stats.power import expected_interval

    rows = []
    for auroc in aurocs:
        size = size_for_interval(auroc, half_width, controls_per_case)
        expected = expected_interval(auroc, size.case, size.control)
        rows.append(
            {
                "auroc": auroc,
                "case": size.case,
                "control": size.control,
                "low": expected.low,
                "high": expected.high,
                "half_width": size.achieved,
                "caution": auroc_caution(size.case, size.control, auroc),
            }
        )
    _show(rows, as_json)


@command.command()
@_auroc("AUROC to expect; may be given several times.")
@_power
@_alpha
@click.option("--sides", default=2, show_default=True, type=click.IntRange(1, 2), help="Sides of the test.")
@_controls
@_json
def signal(
    aurocs: Sequence[float],
    power: float,
    alpha: float,
    sides: int,
    controls_per_case: float,
    as_json: bool,
) -> None:
    """Size to tell an AUROC from .5 (rung L0 of the ladder: its two-sided interval excludes .5)."""
    from cfdna_interp.stats.cohort_size import size_for_signal

    rows = []
    for auroc in aurocs:
        size = size_for_signal(
            auroc, power=power, alpha=alpha, sides=sides, controls_per_case=controls_per_case
        )
        rows.append({"auroc": auroc, "case": size.case, "control": size.control, "power": size.achieved})
    _show(rows, as_json)


@command.command()
@_auroc("AUROC of the better score; may be given several times.")
@click.option("--than", required=True, type=_SHARE, help="AUROC of the score that it is compared with.")
@click.option(
    "--correlation",
    default=0.5,
    show_default=True,
    type=FiniteRange(0, 1, max_open=True),
    help="Of the two scores within cases and within controls.",
)
@_power
@_alpha
@click.option("--sides", default=2, show_default=True, type=click.IntRange(1, 2), help="Sides of the test.")
@_controls
@_json
def difference(
    aurocs: Sequence[float],
    than: float,
    correlation: float,
    power: float,
    alpha: float,
    sides: int,
    controls_per_case: float,
    as_json: bool,
) -> None:
    """Size to tell two AUROCs apart that are measured on the same subjects."""
    from cfdna_interp.stats.cohort_size import size_for_difference

    rows = []
    for auroc in aurocs:
        if auroc == than:
            raise click.BadParameter(f"{than:g} is what it is compared with", param_hint="--auroc")
        size = size_for_difference(
            auroc,
            than,
            correlation,
            power=power,
            alpha=alpha,
            sides=sides,
            controls_per_case=controls_per_case,
        )
        rows.append(
            {
                "auroc": auroc,
                "than": than,
                "correlation": correlation,
                "case": size.case,
                "control": size.control,
                "power": size.achieved,
            }
        )
    _show(rows, as_json)


@command.command()
@click.option("--auroc", required=True, type=_AUROC, help="AUROC to expect inside every site.")
@click.option(
    "--site",
    "mix",
    multiple=True,
    required=True,
    metavar="CASES:CONTROLS",
    callback=_sites,
    help="Cases and controls of a site in any proportion, e.g. 30:10; once for each site.",
)
@click.option(
    "--half-width",
    type=FiniteRange(0, 0.5, min_open=True, max_open=True),
    help="Half of the 95 % interval's width, instead of a power.",
)
@_power
@_json
@click.pass_context
def within(
    ctx: click.Context,
    auroc: float,
    mix: Sequence[tuple[float, float]],
    half_width: float | None,
    power: float,
    as_json: bool,
) -> None:
    """Size for an AUROC within sites: its 95 % interval above .5, or of a wanted half-width.

    Sites keep the proportions given; those of one class compare nothing. For rung L4 see: plan held.
    """
    from cfdna_interp.stats.cohort_size import sites_for_interval, sites_for_signal

    if half_width is not None and ctx.get_parameter_source("power") is not ParameterSource.DEFAULT:
        raise click.UsageError("give --half-width or --power, not both: a cohort is sized for one of them")
    if half_width is None:
        sites, achieved = sites_for_signal(auroc, mix, power)
    else:
        sites, achieved = sites_for_interval(auroc, mix, half_width)
    rows = [{"site": str(i), "case": case, "control": control} for i, (case, control) in enumerate(sites, 1)]
    total: dict[str, Any] = {
        "site": "all",
        "case": sum(case for case, _ in sites),
        "control": sum(control for _, control in sites),
    }
    total["power" if half_width is None else "half_width"] = achieved
    _show([*rows, total], as_json)


@command.command()
@_auroc("AUROC to expect with everything held; may be given several times.")
@click.option(
    "--columns",
    default=1,
    show_default=True,
    type=click.IntRange(0, 50),
    help="Measures to hold: technical columns for L4; age and further covariates for L5.",
)
@click.option(
    "--gap",
    default=0.0,
    show_default=True,
    type=FiniteRange(0, 5),
    help="By how many SD the first of them differs between the classes.",
)
@click.option(
    "--strata",
    default=2,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Batches or sites with as many of each class; 1 for L5.",
)
@click.option(
    "--margin",
    default=0.03,
    show_default=True,
    type=FiniteRange(0, 0.5, min_open=True),
    help="The fall that is called none: validation.fall_margin.",
)
@_power
@_json
def held(
    aurocs: Sequence[float],
    columns: int,
    gap: float,
    strata: int,
    margin: float,
    power: float,
    as_json: bool,
) -> None:
    """Size for rungs L4 and L5: a signal that follows neither handling nor the person is cleared of them.

    The rule is applied to drawn cohorts, which takes some seconds.
    """
    from cfdna_interp.audit.plan_held import size_for_held

    rows = []
    for auroc in aurocs:
        size = size_for_held(auroc, columns=columns, gap=gap, strata=strata, margin=margin, power=power)
        rows.append({"auroc": auroc, "case": size.case, "control": size.control, "power": size.achieved})
    _show(rows, as_json)


@command.command()
@click.option("--d", "effect", type=_EFFECT, help="Effect of the group: means of the classes apart, in SD.")
@click.option("--auroc", type=_AUROC, help="AUROC that the group reaches alone, instead of --d.")
@click.option(
    "--beside",
    "others",
    multiple=True,
    required=True,
    type=FiniteRange(0),
    help="Effect of another group, in d or as AUROC like the first; once for each group.",
)
@_power
@_controls
@_json
def reliance(
    effect: float | None,
    auroc: float | None,
    others: Sequence[float],
    power: float,
    controls_per_case: float,
    as_json: bool,
) -> None:
    """Size of discovery for one group to be named beside others (rung L1), or for none to lead.

    Groups are taken to be independent, each one latent value. A group that doesn't lead the others by enough
    is named in a cohort of no size; the answer is then how many exclude that any group leads.
    """
    from cfdna_interp.attribution.planning import MOST, size_to_decide
    from cfdna_interp.attribution.roles import separation
    from cfdna_interp.errors import InputError

    if (effect is None) == (auroc is None):
        raise click.UsageError("give the effect of the group, as --d or as --auroc")
    if auroc is not None:
        for value in others:
            if not 0.5 <= value < 1:
                raise click.BadParameter(
                    f"{value:g} is no AUROC from 0.5 to 1, as which --auroc has it read",
                    param_hint="--beside",
                )
        effects = [separation(value) for value in (auroc, *others)]
    else:
        effects = [float(effect or 0), *others]
    plan = size_to_decide(effects, power=power, controls_per_case=controls_per_case)
    if plan is None:
        raise InputError(
            f"with {MOST:,} cases the rule neither names the group nor excludes that one leads; ask for "
            "effects that are further apart, or nearer to each other"
        )
    _show([{"d": effects[0], "beside": " ".join(f"{d:.2f}" for d in effects[1:]), **asdict(plan)}], as_json)


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    columns = [name for name in rows[-1] if name != "caution"]
    table = [columns, *([_cell(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        click.echo("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for caution in dict.fromkeys(row["caution"] for row in rows if row.get("caution")):
        click.echo(caution)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
