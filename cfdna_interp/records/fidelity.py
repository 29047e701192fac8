"""How far the proxy says what the model says: a part of ``proxy.json`` and of ``validation.json``."""

from __future__ import annotations

from enum import StrEnum

from cfdna_interp.records.base import Record
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.values import AurocDifference, Interval


class Conclusion(StrEnum):
    """What the margin makes of the difference between model and proxy."""

    WITHIN = "no more than the margin"
    BEYOND = "more than the margin"
    UNDECIDED = "can't tell"


class Added(Interval, frozen=True, kw_only=True):
    """What the model's logit adds to the proxy's in a logistic regression of the label on both.

    Attributes
    ----------
    value, low, high
        Log odds per standard deviation of the model's logit at a fixed proxy's, with 95 % Wald interval; null
        where ``missing`` says why.
    likelihood_ratio, p
        Twice the gain in log-likelihood, and its p value (chi-squared, 1 degree of freedom); null where
        nothing could be fitted.
    missing
        Why something is missing, null where nothing is.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    likelihood_ratio: float | None = None
    p: float | None = None
    missing: Missing | None = None


class ProxyFidelity(Record, frozen=True, kw_only=True):
    """The proxy against the model, one pair of logits a subject.

    Attributes
    ----------
    n
        Number of subjects.
    pearson, spearman
        Correlations of the logits, intervals by bootstrap over subjects; null where one side does not vary.
    partial
        Pearson's correlation given the label: whether the two agree beyond both being right.
    added
        Whether the model tells anything of the label that the proxy doesn't.
    difference
        AUROC of the model minus that of the proxy, on the same subjects.
    margin
        The difference that was called small beforehand.
    conclusion
        ``no more than the margin`` where the one-sided 95 % upper bound of the difference is below it,
        ``more than the margin`` where the lower one is above it, else ``can't tell``.
    """

    n: int
    pearson: Interval
    spearman: Interval
    partial: Interval
    added: Added
    difference: AurocDifference
    margin: float
    conclusion: Conclusion
