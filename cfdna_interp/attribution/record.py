"""The parts of ``dominance.json`` and its table of shares that are the same for every kind of model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.judge import Ruling
from cfdna_interp.attribution.lead import LEAD
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.attribution.roles import Evidence, null_ceiling
from cfdna_interp.records.dominance import FixedShares, GroupAttribution, InterventionShares, Margin, Role
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.values import Interval, interval_of, known
from cfdna_interp.stats.estimates import mean_interval
from cfdna_interp.stats.resampling import percentile_interval

DRAWS = 500  # bootstrap draws of subjects, without refits


def refit_values(refits: pd.DataFrame, groups: Sequence[str], kind: str, column: str) -> np.ndarray:
    """Return the (refits, groups) values of a column of ``refit.refit_table``, for refits of one kind."""
    rows = refits[refits.kind == kind]
    values: np.ndarray = rows.pivot(index="number", columns="group", values=column)[list(groups)].to_numpy()
    return values


def group_attributions(
    evidence: Evidence,
    covariances: np.ndarray,
    roles: Mapping[str, Role],
    phi: np.ndarray,
    labels: np.ndarray,
) -> dict[str, GroupAttribution]:
    """Return ``groups`` of the record: shares with intervals over refits, their nulls, mean φ, and roles.

    Parameters
    ----------
    evidence
        Shares of the model and of its refits.
    covariances
        (refits, groups) covariance shares over bootstraps of subjects.
    roles
        Group -> its role.
    phi
        (subjects, groups) contributions to the logit.
    labels
        (subjects,) 1 case, 0 control.
    """
    return {
        group: GroupAttribution(
            share=interval_of(percentile_interval(evidence.share[g], evidence.bootstrap[:, g])),
            covariance_share=interval_of(percentile_interval(evidence.covariance[g], covariances[:, g])),
            null_share_high=known(np.quantile(evidence.permuted[:, g], 0.95, method="higher")),
            null_max_high=known(null_ceiling(evidence.permuted)),
            mean_phi_case=interval_of(mean_interval(phi[labels == 1, g])),
            mean_phi_control=interval_of(mean_interval(phi[labels == 0, g])),
            role=roles[group],
        )
        for g, group in enumerate(evidence.groups)
    }


def margin_of(ruling: Ruling) -> Margin:
    """Return ``margin`` of the record: how firmly the largest share leads."""
    lead = ruling.lead
    return Margin(
        group=lead.group,
        value=known(lead.value),
        low=known(lead.low[lead.group]),
        high=known(lead.high),
        needed=LEAD,
        excluded=ruling.excluded,
    )


def leave_out_cost(retraining: Retraining, groups: Sequence[str]) -> dict[str, float]:
    """Return group -> drop of the cross-fitted AUROC when the model is retrained without it."""
    reached = retraining.cross_fitted_auroc
    return {group: reached["model"] - reached[f"model_without_{group}"] for group in groups}


def share_table(
    groups: Mapping[str, GroupAttribution], interventions: Sequence[InterventionShares]
) -> pd.DataFrame:
    """Return one row per share: of the rule's own intervention with refits, and of every combination.

    Parameters
    ----------
    groups
        Result of :func:`group_attributions`.
    interventions
        ``interventions`` of the record: shares of the heads without refits.
    """
    rows = [
        _row(*MAIN, kind, group, interval)
        for group, entry in groups.items()
        for kind, interval in (("share", entry.share), ("covariance_share", entry.covariance_share))
    ]
    rows += [
        _row(entry.intervention, entry.reference, "share of fixed heads", group, interval)
        for entry in interventions
        if entry.shares is not None
        for group, interval in entry.shares.share.items()
    ]
    return pd.DataFrame(rows)


def _row(intervention: str, reference: str, kind: str, group: str, share: Interval) -> dict[str, object]:
    return {
        "intervention": intervention,
        "reference": reference,
        "kind": kind,
        "group": group,
        "value": share.value,
        "low": share.low,
        "high": share.high,
    }


def fixed_shares(
    contributions: Contributions, draws: np.ndarray, donor_error: Mapping[str, float | None]
) -> FixedShares:
    """Return shares of the fitted model, with intervals over bootstraps of subjects.

    Parameters
    ----------
    contributions
        Of one model, a row a subject.
    draws
        (draws, subjects) how often each bootstrap drew each subject.
    donor_error
        Group -> standard error of its share over donor pools.
    """
    shares, redraws = contributions.shares(), contributions.shares(draws.astype(float))
    groups = contributions.groups
    return FixedShares(
        share={
            group: interval_of(percentile_interval(shares.share[g], redraws.share[:, g]))
            for g, group in enumerate(groups)
        },
        order=tuple(groups[g] for g in np.argsort(-shares.share, kind="stable")),
        context_and_joint=interval_of(percentile_interval(float(shares.context), redraws.context)),
        completeness=float(contributions.completeness),
        donor_error=dict(donor_error),
    )


def performance_intervals(
    contributions: Contributions, targets: np.ndarray, draws: np.ndarray, *, seed: int
) -> dict[str, Interval]:
    """Return contributions of groups to the log-loss, in nats per subject, with bootstrap intervals.

    Parameters
    ----------
    contributions
        Of one model, a row a subject.
    targets
        (subjects,) what the model had to predict, as probabilities.
    draws
        (draws, subjects) how often each bootstrap drew each subject.
    seed
        The run's seed.
    """
    value = contributions.performance(targets, seed=seed)
    redraws = contributions.performance(targets, draws.astype(float), seed=seed)
    return {
        group: interval_of(percentile_interval(value[g], redraws[:, g]))
        for g, group in enumerate(contributions.groups)
    }
