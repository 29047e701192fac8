"""Stage ``dominance``: shares with intervals and nulls, and the group the model rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.files import read_result, write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.coalitions import (
    CoalitionValues,
    by_subject,
    coalition_values,
    shapley,
    shares_of,
)
from cfdna_interp.attribution.dataset import (
    EmbeddedCohort,
    load_cohort,
    load_heads,
    load_reference,
)
from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.maps import cohort_map, mean_map
from cfdna_interp.attribution.record import group_records, outcome_record, share_table
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.attribution.summaries import (
    agreement,
    arrays,
    interaction_shares,
    mean_shares,
    performance,
    removal_curves,
)
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.stats.resampling import percentile_interval


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: all coalition values, shares with intervals and nulls, and the outcome."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    cohort, reference = load_cohort(config, "discovery"), load_reference(layout)
    fitted = load_heads(layout, kept_samples(layout, "discovery"))
    chunks = range(config.attribution.chunks)
    table = pd.concat(
        [read_parquet(layout.attributed(chunk), "attribute") for chunk in chunks], ignore_index=True
    )
    table = _in_order(table, cohort.samples)
    codes = dict(zip(cohort.samples, cohort.codes.tolist(), strict=True))
    others = agreement(table, codes, config.seed)
    main = table[(table.intervention == MAIN[0]) & (table.reference == MAIN[1])]
    values, anchors = arrays(main, len(cohort.samples))
    by_donor = by_subject(cohort.codes, values)
    people = by_donor.mean(axis=2)
    labels = by_subject(cohort.codes, cohort.labels[:, None])[:, 0]
    targets = by_subject(cohort.codes, cohort.targets[:, None])[:, 0]
    folds = by_subject(cohort.codes, fitted.fold[:, None])[:, 0]
    shares, phi = shares_of(by_donor, by_subject(cohort.codes, anchors)), shapley(people)
    refits = pd.concat([read_parquet(layout.refits(chunk), "refit") for chunk in chunks])
    retraining = read_result(layout.file("retraining.json"), "train")
    pairs = interaction_shares(people)
    gained = performance(people, targets, labels, config.seed)
    figures = Figures.gather(
        BAG_GROUPS,
        refits,
        share=shares.share,
        covariance=shares.covariance,
        performance=np.array([gained[group]["value"] for group in BAG_GROUPS]),
    )
    context = refits[
        (refits.kind == "bootstrap") & (refits.group == BAG_GROUPS[0])
    ].context_and_joint.to_numpy()
    verdict = figures.judge(
        subjects=len(people),
        context=shares.context,
        retraining=retraining,
        margins=config.validation,
        ranks=_ranks(others),
        interactions=pairs,
    )
    groups = group_records(figures, verdict.roles, phi, labels)
    notes: list[dict[str, Any]] = [
        read_result(layout.attribution_notes(chunk), "attribute") for chunk in chunks
    ]
    maps = pd.concat(
        [read_parquet(layout.gradients(chunk), "attribute") for chunk in chunks], ignore_index=True
    )
    save_table(table, layout.file("coalitions.parquet"))
    save_table(share_table(groups, others), layout.file("shares.parquet"))
    save_table(_maps(maps, codes, labels), layout.file("maps.parquet"))
    write_json(
        layout.file("dominance.json"),
        {
            **outcome_record(verdict, figures, groups, retraining),
            "context_and_joint": percentile_interval(shares.context, context),
            "donors": int(cohort.versions.shape[2]),
            "subjects": len(people),
            "completeness": shares.completeness,
            "intervention": MAIN[0],
            "reference": MAIN[1],
            "interventions": others,
            "not_applicable": {name: why for note in notes for name, why in note["not_applicable"].items()},
            "matching": notes[0]["matching"],
            "diagnostics": _diagnostics(notes),
            "gradients": _gradients(notes, codes, config.seed),
            "randomised": [entry for note in notes for entry in note["randomised"]],
            "interactions": {f"{first}:{second}": share for (first, second), share in pairs.items()},
            "performance": gained,
            "removal": removal_curves(people, labels, folds, shares.share),
            "stability": _stability(cohort, fitted, reference),
        },
    )


def _in_order(table: pd.DataFrame, samples: tuple[str, ...]) -> pd.DataFrame:
    """Return coalition values in the order of the sheet, whatever chunk they come from."""
    place = {sample: number for number, sample in enumerate(samples)}
    order = table["sample"].map(place).to_numpy()
    if len(table) == 0 or np.isnan(order).any() or len(np.unique(order)) != len(samples):
        raise InputError("the coalition values belong to another cohort; run the attribute stage again")
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _ranks(entries: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the order of the groups under each intervention but the main one, with the main reference."""
    return {
        entry["intervention"]: tuple(entry["order"])
        for entry in entries
        if entry["applies"] and entry["reference"] == MAIN[1] and entry["intervention"] != MAIN[0]
    }


def _diagnostics(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and worst of each diagnostic over samples, by intervention and reference."""
    rows = _noted(notes, "diagnostics")
    result: list[dict[str, Any]] = []
    for (intervention, reference), part in rows.groupby(["intervention", "reference"], sort=False):
        figures = part.drop(columns=["sample", "intervention", "reference"]).dropna(axis=1, how="all")
        result.append(
            {
                "intervention": intervention,
                "reference": reference,
                "mean": figures.mean().to_dict(),
                "smallest": figures.min().to_dict(),
                "largest": figures.max().to_dict(),
            }
        )
    return result


def _noted(notes: list[dict[str, Any]], name: str) -> pd.DataFrame:
    """Return notes on samples in one order, whatever the chunks are: the last digits of means follow it."""
    return pd.DataFrame([row for note in notes for row in note[name]]).sort_values("sample", kind="stable")


def _maps(maps: pd.DataFrame, codes: dict[str, int], labels: np.ndarray) -> pd.DataFrame:
    """Return cases beside controls, samples of a subject averaged."""
    subject = maps["sample"].map(codes)
    people = [
        mean_map([own for _, own in part.groupby("sample")]) for _, part in maps.groupby(subject, sort=True)
    ]
    return cohort_map(people, labels)


def _gradients(notes: list[dict[str, Any]], codes: dict[str, int], seed: int) -> dict[str, Any]:
    """Return shares by integrated gradients over subjects, and how complete and how faithful these are."""
    rows = _noted(notes, "gradients")
    people = rows.assign(subject=rows["sample"].map(codes)).drop(columns="sample").groupby("subject").mean()
    return {
        "share": mean_shares(people[list(BAG_GROUPS)].to_numpy(), seed),
        "subjects": len(people),
        "completeness": float(rows["completeness"].max()),
        "infidelity": float(rows["infidelity"].mean()),
        "infidelity_null": float(rows["infidelity_null"].mean()),
    }


def _stability(
    cohort: EmbeddedCohort, fitted: CrossFit, reference: torch.Tensor
) -> dict[str, list[dict[str, float]]]:
    """Return shares by fold of the cross-fit, and by member of the ensemble (another seed each)."""
    result: dict[str, list[dict[str, float]]] = {"folds": [], "members": []}
    for member in range(len(fitted.heads[0])):
        alone = CrossFit(fitted.fold, [[ensemble[member]] for ensemble in fitted.heads])
        values = coalition_values(cohort, alone, reference)
        share = _shares(cohort, values, np.ones(len(cohort.samples), dtype=bool))
        result["members"].append(share)
    values = coalition_values(cohort, fitted, reference)
    for fold in range(len(fitted.heads)):
        result["folds"].append(_shares(cohort, values, fitted.fold == fold))
    return result


def _shares(cohort: EmbeddedCohort, values: CoalitionValues, rows: np.ndarray) -> dict[str, float]:
    people = by_subject(cohort.codes[rows], values.values[rows])
    share = shares_of(people, by_subject(cohort.codes[rows], values.reference[rows])).share
    return {group: float(share[place]) for place, group in enumerate(BAG_GROUPS)}
