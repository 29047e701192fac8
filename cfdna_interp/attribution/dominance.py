"""Stage ``dominance``: shares with intervals and nulls, and the group the model rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.files import read_json, write_json
from cfdna_interp.artifacts.layout import Layout
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
from cfdna_interp.attribution.judge import judge, margins, null_ceiling
from cfdna_interp.attribution.maps import cohort_map, mean_map
from cfdna_interp.attribution.refit_plan import save_table
from cfdna_interp.attribution.summaries import (
    agreement,
    arrays,
    interaction_shares,
    performance,
    removal_curves,
)
from cfdna_interp.attribution.values import MAIN
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.stats.resampling import percentile_interval


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: all coalition values, shares with intervals and nulls, and the outcome."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    cohort, reference = load_cohort(config, "discovery"), load_reference(layout)
    fitted = load_heads(layout, len(cohort.samples))
    chunks = range(config.attribution.chunks)
    table = pd.concat([pd.read_parquet(layout.attributed(chunk)) for chunk in chunks], ignore_index=True)
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
    refits = pd.concat([pd.read_parquet(layout.refits(chunk)) for chunk in chunks])
    boot, permuted = (_wide(refits, kind, "share") for kind in ("bootstrap", "permutation"))
    permuted_performance = _wide(refits, "permutation", "performance")
    boot_covariance = _wide(refits, "bootstrap", "covariance_share")
    context = refits[
        (refits.kind == "bootstrap") & (refits.group == BAG_GROUPS[0])
    ].context_and_joint.to_numpy()
    retraining = read_json(layout.file("retraining.json"))
    cross_fitted, fidelity = retraining["cross_fitted_auroc"], retraining["fidelity"]
    pairs = interaction_shares(people)
    gained = performance(people, targets, labels, config.seed)
    verdict = judge(
        share=shares.share,
        covariance=shares.covariance,
        bootstrap=boot,
        permuted=permuted,
        performance=np.array([gained[group]["value"] for group in BAG_GROUPS]),
        permuted_performance=permuted_performance,
        context=shares.context,
        subjects=len(people),
        cross_fitted=cross_fitted,
        necessity_margin=config.validation.necessity_margin,
        replaceable_margin=config.validation.replaceable_margin,
        signal_ceiling=config.validation.signal_ceiling,
        ranks=_ranks(others),
        interactions=pairs,
        fidelity=None if fidelity is None else fidelity["low"],
    )
    groups = {
        group: {
            "share": percentile_interval(shares.share[place], boot[:, place]),
            "covariance_share": percentile_interval(shares.covariance[place], boot_covariance[:, place]),
            "null_share_high": float(np.quantile(permuted[:, place], 0.95, method="higher")),
            "null_max_high": null_ceiling(permuted),
            "mean_phi_case": float(phi[labels == 1, place].mean()),
            "mean_phi_control": float(phi[labels == 0, place].mean()),
            "role": verdict.roles[group],
        }
        for place, group in enumerate(BAG_GROUPS)
    }
    leader = int(np.argmax(shares.share))
    lead = margins(shares.share[None])[0, leader]
    notes = [read_json(layout.attribution_notes(chunk)) for chunk in chunks]
    maps = pd.concat([pd.read_parquet(layout.gradients(chunk)) for chunk in chunks], ignore_index=True)
    save_table(table, layout.file("coalitions.parquet"))
    save_table(_share_table(groups, others), layout.file("shares.parquet"))
    save_table(_maps(maps, codes, labels), layout.file("maps.parquet"))
    write_json(
        layout.file("dominance.json"),
        {
            "outcome": verdict.outcome,
            "group": verdict.group,
            "reason": verdict.reason,
            "groups": groups,
            "margin": {
                "group": BAG_GROUPS[leader],
                "value": float(lead),
                "low": float(np.quantile(margins(boot)[:, leader], 0.05)),
            },
            "context_and_joint": percentile_interval(shares.context, context),
            "cross_fitted_auroc": cross_fitted,
            "leave_out_cost": {
                group: cross_fitted["model"] - cross_fitted[f"model_without_{group}"] for group in BAG_GROUPS
            },
            "bootstrap": len(boot),
            "permutations": len(permuted),
            "donors": int(cohort.versions.shape[2]),
            "subjects": len(people),
            "completeness": shares.completeness,
            "intervention": MAIN[0],
            "reference": MAIN[1],
            "interventions": others,
            "not_applicable": {name: why for note in notes for name, why in note["not_applicable"].items()},
            "matching": notes[0]["matching"],
            "diagnostics": _diagnostics(notes),
            "gradients": _gradients(notes, codes),
            "randomised": [entry for note in notes for entry in note["randomised"]],
            "interactions": {f"{first}:{second}": share for (first, second), share in pairs.items()},
            "performance": gained,
            "performance_null_high": null_ceiling(permuted_performance),
            "removal": removal_curves(people, labels, folds, shares.share),
            "stability": _stability(cohort, fitted, reference),
            "fidelity": fidelity,
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


def _gradients(notes: list[dict[str, Any]], codes: dict[str, int]) -> dict[str, Any]:
    """Return shares by integrated gradients, and how complete and how faithful these are."""
    rows = _noted(notes, "gradients")
    people = rows.assign(subject=rows["sample"].map(codes)).drop(columns="sample").groupby("subject").mean()
    sizes = people[list(BAG_GROUPS)].abs().sum()
    return {
        "share": (sizes / sizes.sum()).to_dict(),
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


def _wide(refits: pd.DataFrame, kind: str, column: str) -> np.ndarray:
    rows = refits[refits.kind == kind]
    return rows.pivot(index="number", columns="group", values=column)[list(BAG_GROUPS)].to_numpy()


def _share_table(groups: dict[str, dict[str, Any]], others: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row a share: of the rule's own intervention with refits, and of every combination."""
    rows = [
        {"intervention": MAIN[0], "reference": MAIN[1], "kind": kind, "group": group, **entry[kind]}
        for group, entry in groups.items()
        for kind in ("share", "covariance_share")
    ]
    rows += [
        {
            "intervention": entry["intervention"],
            "reference": entry["reference"],
            "kind": "share of fixed heads",
            "group": group,
            **interval,
        }
        for entry in others
        if entry["applies"]
        for group, interval in entry["share"].items()
    ]
    return pd.DataFrame(rows)
