"""What ``dominance.json`` and its table of shares say of every model, whatever it is fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.judge import Dominance, null_ceiling
from cfdna_interp.attribution.lead import LEAD
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.stats.means import mean_interval
from cfdna_interp.stats.resampling import percentile_interval

Record = dict[str, Any]


def group_records(
    figures: Figures, roles: Mapping[str, str], phi: np.ndarray, labels: np.ndarray
) -> dict[str, Record]:
    """Return ``groups`` of the record: shares with intervals over refits, their nulls, mean φ, and roles.

    Parameters
    ----------
    figures
        Shares of the model and of its refits.
    roles
        Group -> its role.
    phi
        (subjects, groups) contributions to the logit.
    labels
        (subjects,) 1 case, 0 control.
    """
    return {
        group: {
            "share": percentile_interval(figures.share[g], figures.bootstrap[:, g]),
            "covariance_share": percentile_interval(
                figures.covariance[g], figures.bootstrap_covariance[:, g]
            ),
            "null_share_high": float(np.quantile(figures.permuted[:, g], 0.95, method="higher")),
            "null_max_high": null_ceiling(figures.permuted),
            "mean_phi_case": mean_interval(phi[labels == 1, g]),
            "mean_phi_control": mean_interval(phi[labels == 0, g]),
            "role": roles[group],
        }
        for g, group in enumerate(figures.groups)
    }


def outcome_record(
    verdict: Dominance, figures: Figures, groups: Mapping[str, Record], retraining: Mapping[str, Any]
) -> Record:
    """Return the outcome and what it was decided on.

    Parameters
    ----------
    verdict, figures
        The rule's answer, and what it was put to.
    groups
        Of :func:`group_records`.
    retraining
        The content of ``retraining.json``.
    """
    cross_fitted = retraining["cross_fitted_auroc"]
    followed = retraining["cross_fitted_fidelity"]
    return {
        "outcome": verdict.outcome,
        "group": verdict.group,
        "reason": verdict.reason,
        "groups": dict(groups),
        "margin": {
            "group": verdict.lead.group,
            "value": verdict.lead.value,
            "low": verdict.lead.low[verdict.lead.group],
            "high": verdict.lead.high,
            "needed": LEAD,
            "excluded": verdict.excluded,
        },
        "cross_fitted_auroc": cross_fitted,
        "leave_out_cost": {
            group: cross_fitted["model"] - cross_fitted[f"model_without_{group}"] for group in figures.groups
        },
        "within_class_correlation": retraining["within_class_correlation"],
        "cross_fitted_fidelity": followed,
        "leave_out_r2": None if followed is None else verdict.costs,
        "bootstrap": len(figures.bootstrap),
        "permutations": len(figures.permuted),
        "performance_null_high": null_ceiling(figures.permuted_performance),
        "fidelity": retraining["fidelity"],
    }


def share_table(groups: Mapping[str, Record], others: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a share: of the rule's own intervention with refits, and of every combination.

    Parameters
    ----------
    groups
        Of :func:`group_records`.
    others
        ``interventions`` of the record: shares of the heads as they are.
    """
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
