"""Probes of whether length is visible in the embeddings, and through token count, pooling or positions."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.models.probes.bench import Bench, Finding, spread_rows
from cfdna_interp.models.probes.perturb import all_calls, halves

_FOLDS = 5
_VISIBLE = 0.2  # R² below which length is hardly decodable by a linear read-out
_HALVED = 80  # bp a fragment needs to be cut in two
_SOME = 64
_TOLD = 0.5  # largest share of the spread not explained by halves at which pooling is called a mean or a sum


def length_visible(bench: Bench) -> list[Finding]:
    """Measure how well a linear read-out predicts length, and the part of methylation tokens in it."""
    length = bench.fragments.length.astype(float)
    if np.ptp(length) == 0 or len(length) < 10 * _FOLDS:
        return [Finding("length", "information", "not probed: too few fragments of different lengths")]
    # Fragments are in random order, so folds of neighbours are random.
    guess = cross_val_predict(_read_out(), bench.embedded, length, cv=KFold(_FOLDS))
    r2 = 1 - np.mean((length - guess) ** 2) / length.var()
    text = f"a linear read-out predicts length with R² {r2:.2f} (cross-validated, {len(length)} fragments)"
    findings = [Finding("length", "information", text)]
    rows = np.flatnonzero(bench.fragments.counts > 0)
    if r2 < _VISIBLE or len(rows) == 0:
        return findings
    rows = rows[spread_rows(len(rows), _SOME)]
    called = bench.fragments.take(rows)
    model = _read_out().fit(bench.embedded, length)
    read = [model.predict(bench.encode(all_calls(called, state), "calls all alike")) for state in (0, 1)]
    each = float(np.sum(read[1] - read[0]) / called.counts.sum())
    text = (
        f"a call that turns methylated reads as {each:+.1f} bp of length (calls of {len(rows)} fragments "
        "turned, nothing else)"
    )
    return [*findings, Finding("length through calls", "information", text)]


def pooling(bench: Bench) -> Finding:
    """Distinguish a sum over tokens from a mean: cut fragments in two and combine the halves' embeddings.

    A mean over tokens is the mean of its halves weighted by length, for any bases. A sum is twice that, and
    its norm reveals the length. What the halves don't predict comes from positions, from attention across the
    cut, or from single tokens (first, last).
    """
    rows = np.flatnonzero(bench.fragments.length >= _HALVED)
    if len(rows) < 8:
        return Finding("pooling", "information", f"not probed: fragments are shorter than {_HALVED} bp")
    rows = rows[spread_rows(len(rows), _SOME)]
    left, right = halves(bench.fragments.take(rows))
    share = (left.length / (left.length + right.length))[:, None]
    mean = share * bench.encode(left, "first halves") + (1 - share) * bench.encode(right, "second halves")
    whole = bench.embedded[rows]
    factor = float((whole * mean).sum() / np.square(mean).sum())
    # Tokens at the start and end of every text occur twice in halves, which is the same shift for all
    # fragments.
    rest = (whole - factor * mean).var(axis=0).sum() / whole.var(axis=0).sum()
    rank = float(spearmanr(np.square(whole).sum(axis=1), bench.fragments.length[rows]).statistic)
    kind = "a sum over tokens" if 1.7 < factor < 2.3 else "a mean over tokens"
    kinship = f"as with {kind}" if rest < _TOLD else "unlike a mean (1) or a sum (2) over tokens"
    text = (
        f"a fragment is {factor:.2f} times the mean of its halves, {kinship}; {min(rest, 1):.0%} of their "
        "spread is not explained by the halves (positions, attention, single tokens); norm and length "
        f"correlate at {rank:+.2f}"
    )
    return Finding("pooling", "information", text)


def _read_out() -> Pipeline:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 5, 8)))
