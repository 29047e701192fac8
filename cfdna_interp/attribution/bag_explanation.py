"""What the predictions of heads on bags rest on, from the files that ``attribute`` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.agreement import agreement, mean_shares, read_coalitions, values_under
from cfdna_interp.attribution.coalition_values import CoalitionValues, coalition_values
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.maps import cohort_map, mean_map
from cfdna_interp.attribution.record import DRAWS
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.attribution.route import ModelExplanation
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
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Diagnostics, GradientShares, ShareStability, Spread
from cfdna_interp.records.values import known
from cfdna_interp.stats.resampling import bootstrap_counts, stream
from cfdna_interp.stats.subjects import by_subject

N = TypeVar("N", SampleDiagnostics, SampleGradients)


def explain_bags(
    config: Config, cohort: EmbeddedBags, heads: CrossFit, reference: torch.Tensor
) -> ModelExplanation:
    """Gather the values, maps and notes of all chunks of ``attribute``.

    Parameters
    ----------
    config
        The run's settings.
    cohort, heads
        Discovery bags, and the heads that were cross-fitted on them.
    reference
        (donors, fragments, dim) embedded reference bags.

    Raises
    ------
    InputError
        A file is missing or belongs to another cohort.
    """
    layout, chunks = Layout.of(config.outdir), range(config.attribution.chunks)
    table = read_coalitions([layout.attributed(chunk) for chunk in chunks], cohort.samples)
    main = values_under(table, *MAIN, cohort.samples)
    notes = [load_record(AttributionNotes, layout.attribution_notes(chunk)) for chunk in chunks]
    maps = pd.concat(
        [read_parquet(layout.gradients(chunk), "attribute") for chunk in chunks], ignore_index=True
    )
    codes = dict(zip(cohort.samples, cohort.codes.tolist(), strict=True))
    rng = stream(config.seed, "performance")
    return ModelExplanation(
        contributions=Contributions.of_values(cohort.average(main.values), cohort.average(main.reference)),
        targets=cohort.average(cohort.targets),
        fold=cohort.average(heads.fold),
        draws=np.stack([bootstrap_counts(cohort.subject_labels, rng) for _ in range(DRAWS)]),
        donors=int(cohort.versions.shape[2]),
        coalitions=table,
        tables={"maps.parquet": _maps(maps, codes, cohort.subject_labels)},
        interventions=agreement(table, codes, config.seed),
        stability=_stability(cohort, heads, reference),
        not_applicable={name: why for note in notes for name, why in note.not_applicable.items()},
        matching=notes[0].matching,
        diagnostics=_diagnostics(notes),
        gradients=_gradients(notes, codes, config.seed),
        randomised=tuple(entry for note in notes for entry in note.randomised),
    )


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
    """Return notes in an order that doesn't depend on chunks: it decides the last digits of means."""
    return sorted((note for part in parts for note in part), key=lambda note: note.sample)


def _maps(maps: pd.DataFrame, codes: dict[str, int], labels: np.ndarray) -> pd.DataFrame:
    """Return maps of cases and of controls, averaged over the samples of a subject."""
    subject = maps["sample"].map(codes)
    people = [
        mean_map([table for _, table in part.groupby("sample")])
        for _, part in maps.groupby(subject, sort=True)
    ]
    return cohort_map(people, labels)


def _gradients(notes: Sequence[AttributionNotes], codes: dict[str, int], seed: int) -> GradientShares:
    """Return shares by integrated gradients over subjects, with their completeness and infidelity."""
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


def _stability(cohort: EmbeddedBags, heads: CrossFit, reference: torch.Tensor) -> ShareStability:
    """Return shares by fold of the cross-fit, and by member of the ensemble (each with its own seed)."""
    members = []
    for member in range(len(heads.heads[0])):
        alone = CrossFit(heads.fold, [[ensemble[member]] for ensemble in heads.heads])
        values = coalition_values(cohort, alone, reference)
        members.append(_shares(cohort, values, np.ones(len(cohort.samples), dtype=bool)))
    values = coalition_values(cohort, heads, reference)
    folds = [_shares(cohort, values, heads.fold == fold) for fold in range(len(heads.heads))]
    return ShareStability(folds=tuple(folds), members=tuple(members))


def _shares(cohort: EmbeddedBags, values: CoalitionValues, rows: np.ndarray) -> dict[str, float | None]:
    people = by_subject(cohort.codes[rows], values.values[rows])
    contributions = Contributions.of_values(people, by_subject(cohort.codes[rows], values.reference[rows]))
    share = contributions.shares().share
    return {group: known(share[place]) for place, group in enumerate(BAG_GROUPS)}
