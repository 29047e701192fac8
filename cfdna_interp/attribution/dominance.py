"""Stage ``dominance``: shares with intervals and nulls, and the group that the model relies on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.judge import judge
from cfdna_interp.attribution.record import (
    group_attributions,
    leave_out_cost,
    margin_of,
    performance_intervals,
    refit_values,
    share_table,
)
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.attribution.roles import Evidence
from cfdna_interp.attribution.route import ModelExplanation, load_route
from cfdna_interp.attribution.tabular.rivals import beaten_by
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Validation
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance, InterventionShares
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.values import interval_of, known
from cfdna_interp.stats.resampling import percentile_interval


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: write the outcome, and tables of coalitions, shares and results of the route."""
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


def evidence_of(
    contributions: Contributions,
    targets: np.ndarray,
    refits: pd.DataFrame,
    retraining: Retraining,
    margins: Validation,
    *,
    ranks: Mapping[str, Sequence[str]],
    seed: int,
) -> Evidence:
    """Collect the figures of the model and of its refits that the rule needs.

    Parameters
    ----------
    contributions
        Contributions of the model, one row per subject.
    targets
        (subjects,) what the model had to predict, as probabilities.
    refits
        The rows of ``refit.refit_table``, over all chunks.
    retraining
        Performance of the model retrained without each group and with each group alone.
    margins
        Section ``validation`` of the settings.
    ranks
        Other applicable intervention -> groups in descending order of their share under it.
    seed
        The run's seed.
    """
    groups, shares = contributions.groups, contributions.shares()
    surrogate, subsets = retraining.fidelity, retraining.cross_fitted_fidelity
    return Evidence(
        groups=groups,
        subjects=len(contributions.phi),
        share=shares.share,
        covariance=shares.covariance,
        bootstrap=refit_values(refits, groups, "bootstrap", "share"),
        permuted=refit_values(refits, groups, "permutation", "share"),
        performance=contributions.performance(targets, seed=seed),
        permuted_performance=refit_values(refits, groups, "permutation", "performance"),
        context=float(shares.context),
        cross_fitted=retraining.cross_fitted_auroc,
        alike=_by_pair(retraining.within_class_correlation),
        margins=margins,
        ranks=ranks,
        interactions=contributions.interaction_shares(),
        fidelity=None if surrogate is None else surrogate.judged_low,
        followed=None if subsets is None else {name: subset.judged for name, subset in subsets.items()},
        rival=beaten_by(retraining.rivals),
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
        Explanation of the model.
    labels
        (subjects,) 1 case, 0 control.
    refits, retraining
        As for :func:`evidence_of`.
    config
        The run's settings.
    """
    contributions = explanation.contributions
    evidence = evidence_of(
        contributions,
        explanation.targets,
        refits,
        retraining,
        config.validation,
        ranks=_ranks(explanation.interventions),
        seed=config.seed,
    )
    ruling = judge(evidence)
    one_group = (refits.kind == "bootstrap") & (refits.group == evidence.groups[0])
    covariances = refit_values(refits, evidence.groups, "bootstrap", "covariance_share")
    return Dominance(
        outcome=ruling.outcome,
        group=ruling.group,
        finding=ruling.finding,
        groups=group_attributions(evidence, covariances, ruling.roles, contributions.phi, labels),
        margin=margin_of(ruling),
        context_and_joint=interval_of(
            percentile_interval(evidence.context, refits[one_group].context_and_joint.to_numpy())
        ),
        cross_fitted_auroc=retraining.cross_fitted_auroc,
        within_class_correlation=retraining.within_class_correlation,
        cross_fitted_fidelity=retraining.cross_fitted_fidelity,
        fidelity=retraining.fidelity,
        rivals=retraining.rivals,
        leave_out_cost=leave_out_cost(retraining, evidence.groups),
        leave_out_r2=None if retraining.fidelity is None else ruling.costs,
        bootstrap=len(evidence.bootstrap),
        permutations=len(evidence.permuted),
        donors=explanation.donors,
        subjects=evidence.subjects,
        completeness=float(contributions.completeness),
        intervention=MAIN[0],
        reference=MAIN[1],
        interventions=explanation.interventions,
        not_applicable=explanation.not_applicable,
        matching=explanation.matching,
        diagnostics=explanation.diagnostics,
        gradients=explanation.gradients,
        randomised=explanation.randomised,
        interactions={":".join(pair): known(share) for pair, share in evidence.interactions.items()},
        performance=performance_intervals(
            contributions, explanation.targets, explanation.draws, seed=config.seed
        ),
        performance_null_high=known(evidence.chance),
        removal=contributions.removal(labels, explanation.fold),
        stability=explanation.stability,
    )


def _ranks(entries: Sequence[InterventionShares]) -> dict[str, tuple[str, ...]]:
    """Return the order of the groups under each intervention except the main one, with the main reference."""
    return {
        entry.intervention: entry.shares.order
        for entry in entries
        if entry.shares is not None and entry.reference == MAIN[1] and entry.intervention != MAIN[0]
    }


def _by_pair(record: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Convert keys ``first:second`` to pairs; group names have no colon."""
    pairs = (name.split(":") for name in record)
    return {(first, second): value for (first, second), value in zip(pairs, record.values(), strict=True)}
