"""Stage ``dominance``: shares with intervals and nulls, and the group the model rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.judge import null_ceiling
from cfdna_interp.attribution.record import (
    group_attributions,
    leave_out_cost,
    margin_of,
    performance_intervals,
    share_table,
)
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.attribution.route import ModelExplanation, load_route
from cfdna_interp.attribution.tabular.rivals import beaten_by, worse_than
from cfdna_interp.config import Config
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance, InterventionShares
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.values import interval_of, known
from cfdna_interp.stats.resampling import percentile_interval


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: write the outcome, and tables of coalitions, shares, and what the route adds."""
    layout, route = Layout.of(config.outdir), load_route(config)
    explanation, labels = route.explanation(), route.discovery.subject_labels
    chunks = range(config.attribution.chunks)
    refits = pd.concat([read_parquet(layout.refits(chunk), "refit") for chunk in chunks])
    retraining = load_record(Retraining, layout.file(Retraining.FILE))
    record = judge_explanation(explanation, labels, refits, retraining, config)
    save_table(explanation.coalitions, layout.file("coalitions.parquet"))
    save_table(share_table(record.groups, record.interventions), layout.file("shares.parquet"))
    for name, table in explanation.tables.items():
        save_table(table, layout.file(name))
    save_record(record, layout.file(Dominance.FILE))


def figures_of(
    contributions: Contributions, targets: np.ndarray, refits: pd.DataFrame, *, seed: int
) -> Figures:
    """Put the model's figures beside those of its refits.

    Parameters
    ----------
    contributions
        Of the model, a row a subject.
    targets
        (subjects,) what the model was to predict, as probabilities.
    refits
        The rows of ``refit.refit_table`` of all chunks.
    seed
        The run's seed.
    """
    shares = contributions.shares()
    return Figures.gather(
        contributions.groups,
        refits,
        share=shares.share,
        covariance=shares.covariance,
        performance=contributions.performance(targets, seed=seed),
    )


def judge_explanation(
    explanation: ModelExplanation,
    labels: np.ndarray,
    refits: pd.DataFrame,
    retraining: Retraining,
    config: Config,
) -> Dominance:
    """Apply the rule and return the record.

    Parameters
    ----------
    explanation
        Of the model.
    labels
        (subjects,) 1 case, 0 control.
    refits
        The rows of ``refit.refit_table`` of all chunks.
    retraining
        What the model reaches without and with single groups.
    config
        The run's settings.
    """
    contributions = explanation.contributions
    context = float(contributions.shares().context)
    one_group = (refits.kind == "bootstrap") & (refits.group == contributions.groups[0])
    figures = figures_of(contributions, explanation.targets, refits, seed=config.seed)
    pairs = contributions.interaction_shares()
    better = beaten_by(retraining.rivals)
    ruling = figures.judge(
        subjects=len(labels),
        context=context,
        retraining=retraining,
        margins=config.validation,
        ranks=_ranks(explanation.interventions),
        interactions=pairs,
        obstacle=None if better is None else worse_than(better),
    )
    return Dominance(
        outcome=ruling.outcome,
        group=ruling.group,
        reason=ruling.reason,
        groups=group_attributions(figures, ruling.roles, contributions.phi, labels),
        margin=margin_of(ruling),
        context_and_joint=interval_of(
            percentile_interval(context, refits[one_group].context_and_joint.to_numpy())
        ),
        cross_fitted_auroc=retraining.cross_fitted_auroc,
        within_class_correlation=retraining.within_class_correlation,
        cross_fitted_fidelity=retraining.cross_fitted_fidelity,
        fidelity=retraining.fidelity,
        rivals=retraining.rivals,
        leave_out_cost=leave_out_cost(retraining, figures.groups),
        leave_out_r2=None if retraining.fidelity is None else ruling.costs,
        bootstrap=len(figures.bootstrap),
        permutations=len(figures.permuted),
        donors=explanation.donors,
        subjects=len(labels),
        completeness=float(contributions.completeness),
        intervention=MAIN[0],
        reference=MAIN[1],
        interventions=explanation.interventions,
        not_applicable=explanation.not_applicable,
        matching=explanation.matching,
        diagnostics=explanation.diagnostics,
        gradients=explanation.gradients,
        randomised=explanation.randomised,
        interactions={f"{first}:{second}": known(share) for (first, second), share in pairs.items()},
        performance=performance_intervals(
            contributions, explanation.targets, explanation.draws, seed=config.seed
        ),
        performance_null_high=known(null_ceiling(figures.permuted_performance)),
        removal=contributions.removal(labels, explanation.fold),
        stability=explanation.stability,
    )


def _ranks(entries: Sequence[InterventionShares]) -> dict[str, tuple[str, ...]]:
    """Return the order of the groups under each intervention but the main one, with the main reference."""
    return {
        entry.intervention: entry.shares.order
        for entry in entries
        if entry.shares is not None and entry.reference == MAIN[1] and entry.intervention != MAIN[0]
    }
