"""Which group the model rests on: the rule, and the stage that applies it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.files import read_json, write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.coalitions import by_subject, coalition_values, shapley, shares_of
from cfdna_interp.attribution.dataset import COALITIONS, load_cohort, load_reference
from cfdna_interp.attribution.nulls import save_table
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit

LEAD = 0.10  # of the leader's share over the next, at the 5 % quantile of the bootstrap
CONTEXT_LIMIT = 0.20  # of Σ|φ|
NEGLIGIBLE = 1e-4  # a share that no refit exceeds is rounding: the group is not in the bags


@dataclass(frozen=True)
class Dominance:
    """Outcome of the rule.

    Attributes
    ----------
    outcome
        ``dominant``, ``redundant``, ``none`` or ``can't tell``.
    group
        The dominant group, None without one.
    reason
        One sentence with the figures that decided.
    """

    outcome: str
    group: str | None
    reason: str


def margins(shares: np.ndarray) -> np.ndarray:
    """Return (n, groups): each group's share less the largest share of the others, of (n, groups) shares."""
    result = np.empty_like(shares)
    for group in range(shares.shape[1]):
        result[:, group] = shares[:, group] - np.delete(shares, group, axis=1).max(axis=1)
    return result


def null_ceiling(permuted: np.ndarray) -> float:
    """Return the 95 % quantile of the largest share over groups; of 19 permutations the largest of all."""
    return float(np.quantile(permuted.max(axis=1), 0.95, method="higher"))


def judge(
    *,
    share: np.ndarray,
    bootstrap: np.ndarray,
    permuted: np.ndarray,
    context: float,
    cross_fitted: dict[str, float],
    necessity_margin: float,
    signal_ceiling: float,
) -> Dominance:
    """Apply the rule for ``dominant``.

    Parameters
    ----------
    share
        (groups,) shares of the model.
    bootstrap, permuted
        (refits, groups) shares over bootstraps of subjects and over permuted labels.
    context
        Share of context and joint dependence.
    cross_fitted
        Cross-fitted AUROC by name as in ``retraining.subsets``.
    necessity_margin
        A drop below it counts as no cost.
    signal_ceiling
        A group alone must reach this AUROC to count as carrying the signal.
    """
    if not (np.isfinite(bootstrap).all() and np.isfinite(permuted).all() and np.isfinite(share).all()):
        return Dominance(
            "can't tell", None, "A refit gave the same logit to every subject, so shares are undefined."
        )
    measured = [
        group for group, most in zip(BAG_GROUPS, permuted.max(axis=0), strict=True) if most > NEGLIGIBLE
    ]
    if len(measured) < 2:
        return Dominance(
            "can't tell",
            None,
            f"Only {measured[0]} differs between these bags, so every head rests on it, with permuted labels "
            "too: there is no other group to lead.",
        )
    if context > CONTEXT_LIMIT:
        return Dominance(
            "can't tell",
            None,
            f"Context and joint dependence carry {context:.0%} of the attribution, above "
            f"{CONTEXT_LIMIT:.0%}: what the groups carry by themselves can't be told apart from it.",
        )
    ceiling = null_ceiling(permuted)
    leads = np.quantile(margins(bootstrap), 0.05, axis=0)
    for place in np.argsort(-share):
        if leads[place] > LEAD and share[place] > ceiling:
            return Dominance(
                "dominant",
                BAG_GROUPS[place],
                f"{BAG_GROUPS[place]} carries {share[place]:.0%} of the attribution; it leads the next group "
                f"by at least {leads[place]:.2f} in 95 % of bootstrap refits, and no more than {ceiling:.0%} "
                "goes to any group in 95 % of refits with permuted labels.",
            )
    first, second = (BAG_GROUPS[place] for place in np.argsort(-share)[:2])
    costs = [cross_fitted["model"] - cross_fitted[f"model_without_{group}"] for group in (first, second)]
    alone = [cross_fitted[f"model_only_{group}"] for group in (first, second)]
    if max(costs) < necessity_margin and min(alone) >= signal_ceiling:
        return Dominance(
            "redundant",
            None,
            f"{first} and {second} share the signal: retraining without either costs {max(costs):.3f} AUROC "
            f"at most, and each alone reaches {min(alone):.2f} or more.",
        )
    leader = int(np.argmax(share))
    return Dominance(
        "none",
        None,
        f"The largest share, {share[leader]:.0%} for {BAG_GROUPS[leader]}, leads by "
        f"{leads[leader]:.2f} at the 5 % quantile of the bootstrap (needed: above {LEAD:.2f}) against a "
        f"null ceiling of {ceiling:.0%}.",
    )


def run_dominance(config: Config) -> None:
    """Stage ``dominance``: coalition values, shares with intervals and nulls, and the outcome."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    cohort, reference = load_cohort(layout, "discovery"), load_reference(layout)
    fitted = CrossFit.load(layout.file("heads.safetensors"))
    if len(fitted.fold) != len(cohort.samples):
        raise InputError(
            f"{layout.file('heads.safetensors')} belongs to another cohort; run the train stage again"
        )
    values = coalition_values(cohort, fitted, reference)
    people = by_subject(cohort.codes, values.values.mean(axis=2))
    anchor = by_subject(cohort.codes, values.reference)
    labels = by_subject(cohort.codes, cohort.labels[:, None])[:, 0]
    shares = shares_of(people, anchor)
    phi = shapley(people)
    refits = pd.concat([pd.read_parquet(layout.refits(chunk)) for chunk in range(config.attribution.chunks)])
    boot, permuted = (_wide(refits, kind, "share") for kind in ("bootstrap", "permutation"))
    boot_covariance = _wide(refits, "bootstrap", "covariance_share")
    context = refits[
        (refits.kind == "bootstrap") & (refits.group == BAG_GROUPS[0])
    ].context_and_joint.to_numpy()
    cross_fitted = read_json(layout.file("retraining.json"))["cross_fitted_auroc"]
    verdict = judge(
        share=shares.share,
        bootstrap=boot,
        permuted=permuted,
        context=shares.context,
        cross_fitted=cross_fitted,
        necessity_margin=config.validation.necessity_margin,
        signal_ceiling=config.validation.signal_ceiling,
    )
    groups = {
        group: {
            "share": _interval(shares.share[place], boot[:, place]),
            "covariance_share": _interval(shares.covariance[place], boot_covariance[:, place]),
            "null_share_high": float(np.quantile(permuted[:, place], 0.95, method="higher")),
            "null_max_high": null_ceiling(permuted),
            "mean_phi_case": float(phi[labels == 1, place].mean()),
            "mean_phi_control": float(phi[labels == 0, place].mean()),
        }
        for place, group in enumerate(BAG_GROUPS)
    }
    leader = int(np.argmax(shares.share))
    lead = margins(shares.share[None])[0, leader]
    save_table(
        _coalition_table(cohort.samples, values.values, values.reference), layout.file("coalitions.parquet")
    )
    save_table(_share_table(groups), layout.file("shares.parquet"))
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
            "context_and_joint": _interval(shares.context, context),
            "cross_fitted_auroc": cross_fitted,
            "leave_out_cost": {
                group: cross_fitted["model"] - cross_fitted[f"model_without_{group}"] for group in BAG_GROUPS
            },
            "bootstrap": len(boot),
            "permutations": len(permuted),
            "donors": int(cohort.versions.shape[2]),
            "subjects": len(people),
            "completeness": shares.completeness,
            "intervention": "swap",
            "reference": "discovery pool",
        },
    )


def _wide(refits: pd.DataFrame, kind: str, column: str) -> np.ndarray:
    rows = refits[refits.kind == kind]
    return rows.pivot(index="number", columns="group", values=column)[list(BAG_GROUPS)].to_numpy()


def _interval(value: float, draws: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(value), "low": float(low), "high": float(high)}


def _coalition_table(samples: tuple[str, ...], values: np.ndarray, reference: np.ndarray) -> pd.DataFrame:
    names = [
        "+".join(g for g, on in zip(BAG_GROUPS, present, strict=True) if on) or "none"
        for present in COALITIONS
    ]
    index = pd.MultiIndex.from_product(
        [samples, names, range(values.shape[2])], names=["sample", "coalition", "donor"]
    )
    table = pd.DataFrame({"value": values.reshape(-1)}, index=index).reset_index()
    table["reference"] = np.repeat(reference, values.shape[1] * values.shape[2])
    return table


def _share_table(groups: dict[str, dict[str, object]]) -> pd.DataFrame:
    rows = []
    for group, entry in groups.items():
        for kind in ("share", "covariance_share"):
            rows.append({"group": group, "kind": kind, **entry[kind]})  # type: ignore[dict-item]
    return pd.DataFrame(rows)
