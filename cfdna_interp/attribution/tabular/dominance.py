"""Stage ``dominance`` for a table: shares with intervals and nulls, and the outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.judge import null_ceiling
from cfdna_interp.attribution.record import (
    DRAWS,
    fixed_shares,
    group_attributions,
    leave_out_cost,
    margin_of,
    performance_intervals,
    share_table,
)
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.attribution.tabular.cohort import Folded, load_folded
from cfdna_interp.attribution.tabular.features import feature_shares
from cfdna_interp.attribution.tabular.figures import figures_of
from cfdna_interp.attribution.tabular.model import contributions_of
from cfdna_interp.attribution.tabular.record import coalition_table
from cfdna_interp.attribution.tabular.refits import fit_model
from cfdna_interp.attribution.tabular.rivals import beaten_by, worse_than
from cfdna_interp.config import Config
from cfdna_interp.records.attribution_notes import InterventionName, ReferenceName
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance, InterventionShares, ShareStability
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.values import Interval, known
from cfdna_interp.stats.resampling import bootstrap_counts, stream

NOT_APPLICABLE: dict[InterventionName | ReferenceName, str] = {
    "reweight": "a table of features has no fragments to weigh",
    "edit": "a table of features has no fragments to cut",
}


def run_dominance(config: Config) -> None:
    """Stage ``dominance`` for a table: write the outcome, and tables of coalitions, shares, features."""
    layout = Layout.of(config.outdir)
    folded = load_folded(config)
    cohort, fits = folded.cohort, fit_model(folded)
    contributions = contributions_of(folded, fits).refit(0)
    chunks = range(config.attribution.chunks)
    refits = pd.concat([read_parquet(layout.refits(chunk), "refit") for chunk in chunks])
    retraining = load_record(Retraining, layout.file(Retraining.FILE))
    figures = figures_of(folded, contributions, refits, seed=config.seed)
    pairs = contributions.interaction_shares()
    better = beaten_by(retraining.rivals)
    # Nothing of an additive model is context or interaction, and there is no second intervention to ask.
    ruling = figures.judge(
        subjects=len(cohort.people),
        context=0.0,
        retraining=retraining,
        margins=config.validation,
        interactions=pairs,
        obstacle=None if better is None else worse_than(better),
    )
    rng = stream(config.seed, "table", "subjects")
    draws = np.stack([bootstrap_counts(cohort.labels, rng) for _ in range(DRAWS)]).astype(float)
    groups = group_attributions(figures, ruling.roles, contributions.phi, cohort.labels)
    of_samples = contributions_of(folded, fits, samples=True).refit(0)
    save_table(coalition_table(folded, of_samples), layout.file("coalitions.parquet"))
    none = Interval(value=0.0, low=0.0, high=0.0)
    only = InterventionShares(
        intervention=MAIN[0],
        reference=MAIN[1],
        subjects=len(cohort.people),
        of=len(cohort.people),
        donors=len(cohort.people),
        shares=fixed_shares(contributions, draws, dict.fromkeys(cohort.names, 0.0)),
    )
    save_table(share_table(groups, [only]), layout.file("shares.parquet"))
    save_table(feature_shares(folded, fits, draws), layout.file("feature_shares.parquet"))
    save_record(
        Dominance(
            outcome=ruling.outcome,
            group=ruling.group,
            reason=ruling.reason,
            groups=groups,
            margin=margin_of(ruling),
            context_and_joint=none,
            cross_fitted_auroc=retraining.cross_fitted_auroc,
            within_class_correlation=retraining.within_class_correlation,
            cross_fitted_fidelity=retraining.cross_fitted_fidelity,
            fidelity=retraining.fidelity,
            rivals=retraining.rivals,
            leave_out_cost=leave_out_cost(retraining, figures.groups),
            leave_out_r2=None if retraining.fidelity is None else ruling.costs,
            bootstrap=len(figures.bootstrap),
            permutations=len(figures.permuted),
            donors=len(cohort.people),
            subjects=len(cohort.people),
            completeness=float(contributions.completeness),
            intervention=MAIN[0],
            reference=MAIN[1],
            interventions=(only,),
            not_applicable=NOT_APPLICABLE,
            matching=None,
            diagnostics=(),
            gradients=None,
            randomised=(),
            interactions={f"{first}:{second}": share for (first, second), share in pairs.items()},
            performance=performance_intervals(
                contributions, cohort.chances(cohort.targets), draws, seed=config.seed
            ),
            performance_null_high=known(null_ceiling(figures.permuted_performance)),
            removal=contributions.removal(cohort.labels, folded.fold),
            stability=ShareStability(folds=_shares_by_fold(folded, contributions), members=()),
        ),
        layout.file(Dominance.FILE),
    )


def _shares_by_fold(folded: Folded, contributions: Contributions) -> tuple[dict[str, float | None], ...]:
    """Return shares among the subjects of each fold."""
    rows = np.stack([folded.fold == number for number in range(len(folded.folds))]).astype(float)
    shares = contributions.shares(rows).share
    return tuple(dict(zip(contributions.groups, map(known, share), strict=True)) for share in shares)
