"""Stage ``dominance``: shares with intervals and nulls, and the group the model rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.agreement import agreement, mean_shares, read_coalitions, values_under
from cfdna_interp.attribution.coalition_values import CoalitionValues, coalition_values
from cfdna_interp.attribution.coalitions import by_subject
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import (
    EmbeddedCohort,
    load_cohort,
    load_heads,
    load_reference,
)
from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.judge import null_ceiling
from cfdna_interp.attribution.maps import cohort_map, mean_map
from cfdna_interp.attribution.record import (
    DRAWS,
    group_attributions,
    leave_out_cost,
    margin_of,
    performance_intervals,
    share_table,
)
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.config import Config
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.attribution_notes import (
    AttributionNotes,
    DiagnosticName,
    InterventionName,
    ReferenceName,
    SampleDiagnostics,
    SampleGradients,
)
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import (
    Diagnostics,
    Dominance,
    GradientShares,
    InterventionShares,
    ShareStability,
    Spread,
)
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.values import interval_of, known
from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval, stream

N = TypeVar("N", SampleDiagnostics, SampleGradients)


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: all coalition values, shares with intervals and nulls, and the outcome."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    cohort, reference = load_cohort(config, "discovery"), load_reference(layout)
    fitted = load_heads(layout, kept_samples(layout, "discovery"))
    chunks = range(config.attribution.chunks)
    table = read_coalitions([layout.attributed(chunk) for chunk in chunks], cohort.samples)
    codes = dict(zip(cohort.samples, cohort.codes.tolist(), strict=True))
    others = agreement(table, codes, config.seed)
    main = values_under(table, *MAIN, cohort.samples)
    contributions = Contributions.of_values(
        by_subject(cohort.codes, main.values), by_subject(cohort.codes, main.reference)
    )
    labels = by_subject(cohort.codes, cohort.labels)
    folds = by_subject(cohort.codes, fitted.fold)
    shares = contributions.shares()
    refits = pd.concat([read_parquet(layout.refits(chunk), "refit") for chunk in chunks])
    retraining = load_record(Retraining, layout.file(Retraining.FILE))
    pairs = contributions.interaction_shares()
    rng = stream(config.seed, "performance")
    gained = performance_intervals(
        contributions,
        by_subject(cohort.codes, cohort.targets),
        np.stack([bootstrap_counts(labels.astype(int), rng) for _ in range(DRAWS)]),
        seed=config.seed,
    )
    figures = Figures.gather(
        BAG_GROUPS,
        refits,
        share=shares.share,
        covariance=shares.covariance,
        performance=np.array([gained[group].value for group in BAG_GROUPS]),
    )
    context = refits[
        (refits.kind == "bootstrap") & (refits.group == BAG_GROUPS[0])
    ].context_and_joint.to_numpy()
    ruling = figures.judge(
        subjects=len(labels),
        context=float(shares.context),
        retraining=retraining,
        margins=config.validation,
        ranks=_ranks(others),
        interactions=pairs,
    )
    groups = group_attributions(figures, ruling.roles, contributions.phi, labels)
    notes = [load_record(AttributionNotes, layout.attribution_notes(chunk)) for chunk in chunks]
    maps = pd.concat(
        [read_parquet(layout.gradients(chunk), "attribute") for chunk in chunks], ignore_index=True
    )
    save_table(table, layout.file("coalitions.parquet"))
    save_table(share_table(groups, others), layout.file("shares.parquet"))
    save_table(_maps(maps, codes, labels), layout.file("maps.parquet"))
    save_record(
        Dominance(
            outcome=ruling.outcome,
            group=ruling.group,
            reason=ruling.reason,
            groups=groups,
            margin=margin_of(ruling),
            context_and_joint=interval_of(percentile_interval(float(shares.context), context)),
            cross_fitted_auroc=retraining.cross_fitted_auroc,
            within_class_correlation=retraining.within_class_correlation,
            cross_fitted_fidelity=retraining.cross_fitted_fidelity,
            fidelity=retraining.fidelity,
            rivals=retraining.rivals,
            leave_out_cost=leave_out_cost(retraining, figures.groups),
            leave_out_r2=None if retraining.fidelity is None else ruling.costs,
            bootstrap=len(figures.bootstrap),
            permutations=len(figures.permuted),
            donors=int(cohort.versions.shape[2]),
            subjects=len(labels),
            completeness=float(contributions.completeness),
            intervention=MAIN[0],
            reference=MAIN[1],
            interventions=others,
            not_applicable={name: why for note in notes for name, why in note.not_applicable.items()},
            matching=notes[0].matching,
            diagnostics=_diagnostics(notes),
            gradients=_gradients(notes, codes, config.seed),
            randomised=tuple(entry for note in notes for entry in note.randomised),
            interactions={f"{first}:{second}": known(share) for (first, second), share in pairs.items()},
            performance=gained,
            performance_null_high=known(null_ceiling(figures.permuted_performance)),
            removal=contributions.removal(labels, folds),
            stability=_stability(cohort, fitted, reference),
        ),
        layout.file(Dominance.FILE),
    )


def _ranks(entries: Sequence[InterventionShares]) -> dict[str, tuple[str, ...]]:
    """Return the order of the groups under each intervention but the main one, with the main reference."""
    return {
        entry.intervention: entry.shares.order
        for entry in entries
        if entry.shares is not None and entry.reference == MAIN[1] and entry.intervention != MAIN[0]
    }


def _diagnostics(notes: Sequence[AttributionNotes]) -> tuple[Diagnostics, ...]:
    """Return mean and worst of each diagnostic over samples, by intervention and reference."""
    combinations: dict[tuple[InterventionName, ReferenceName], list[dict[DiagnosticName, float | None]]] = {}
    for entry in _by_sample(note.diagnostics for note in notes):
        combinations.setdefault((entry.intervention, entry.reference), []).append(entry.values)
    result = []
    for (intervention, reference), values in combinations.items():
        figures: dict[DiagnosticName, list[float]] = {}
        for sample in values:
            for name, value in sample.items():
                if value is not None:
                    figures.setdefault(name, []).append(value)
        result.append(
            Diagnostics(
                intervention=intervention,
                reference=reference,
                values={
                    name: Spread(mean=float(np.mean(every)), smallest=min(every), largest=max(every))
                    for name, every in figures.items()
                },
            )
        )
    return tuple(result)


def _by_sample(parts: Iterable[Sequence[N]]) -> list[N]:
    """Return notes on samples in one order, whatever the chunks are: the last digits of means follow it."""
    return sorted((note for part in parts for note in part), key=lambda note: note.sample)


def _maps(maps: pd.DataFrame, codes: dict[str, int], labels: np.ndarray) -> pd.DataFrame:
    """Return cases beside controls, samples of a subject averaged."""
    subject = maps["sample"].map(codes)
    people = [
        mean_map([own for _, own in part.groupby("sample")]) for _, part in maps.groupby(subject, sort=True)
    ]
    return cohort_map(people, labels)


def _gradients(notes: Sequence[AttributionNotes], codes: dict[str, int], seed: int) -> GradientShares:
    """Return shares by integrated gradients over subjects, and how complete and how faithful these are."""
    entries = _by_sample(note.gradients for note in notes)
    subject = np.array([codes[entry.sample] for entry in entries])
    sums = pd.DataFrame([entry.groups for entry in entries]).groupby(subject).mean()
    return GradientShares(
        share=mean_shares(sums[list(BAG_GROUPS)].to_numpy(), seed),
        subjects=len(sums),
        completeness=max(entry.completeness for entry in entries),
        infidelity=float(np.mean([entry.infidelity for entry in entries])),
        infidelity_null=float(np.mean([entry.infidelity_null for entry in entries])),
    )


def _stability(cohort: EmbeddedCohort, fitted: CrossFit, reference: torch.Tensor) -> ShareStability:
    """Return shares by fold of the cross-fit, and by member of the ensemble (another seed each)."""
    members = []
    for member in range(len(fitted.heads[0])):
        alone = CrossFit(fitted.fold, [[ensemble[member]] for ensemble in fitted.heads])
        values = coalition_values(cohort, alone, reference)
        share = _shares(cohort, values, np.ones(len(cohort.samples), dtype=bool))
        members.append(share)
    values = coalition_values(cohort, fitted, reference)
    folds = [_shares(cohort, values, fitted.fold == fold) for fold in range(len(fitted.heads))]
    return ShareStability(folds=tuple(folds), members=tuple(members))


def _shares(cohort: EmbeddedCohort, values: CoalitionValues, rows: np.ndarray) -> dict[str, float | None]:
    people = by_subject(cohort.codes[rows], values.values[rows])
    contributions = Contributions.of_values(people, by_subject(cohort.codes[rows], values.reference[rows]))
    share = contributions.shares().share
    return {group: known(share[place]) for place, group in enumerate(BAG_GROUPS)}
