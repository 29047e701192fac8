"""Depth-matched repeat: pairs by hand, a score of depth falls to chance, disease stays."""

import numpy as np
import pytest

from cfdna_interp.audit.depth_matching import depth_matched
from cfdna_interp.records.missing import Cause, Missing


def test_pairs_by_hand():
    # Log depth of cases 0 .. 5, of controls .01 more, and a control far away: the six near ones are paired.
    log = np.concatenate([np.arange(6.0), np.arange(6.0) + 0.01, [50.0]])
    labels = np.repeat([1, 0], [6, 7])
    scores = np.concatenate([np.arange(6) + 0.5, np.arange(6), [99.0]])
    got = depth_matched(labels, scores, np.exp(log), np.random.default_rng(1))
    # Case i beats the controls 0 .. i: 1 + .. + 6 = 21 of 36 pairs. The far control is out.
    assert (got.pairs, got.value) == (6, pytest.approx(21 / 36))
    # Before, depth ranks a case above the i controls before it: 15 of 42; after, 15 of 36.
    assert got.depth_before == pytest.approx(15 / 42)
    assert got.depth_after == pytest.approx(15 / 36)


def planted(seed, follows, disease):
    rng = np.random.default_rng(seed)
    y = np.arange(400) % 2
    log = rng.normal(size=400) + 0.8 * y
    return y, follows * log + disease * y + rng.normal(size=400), np.exp(log + 10), rng


def test_a_score_of_depth_falls_and_a_score_of_disease_stays():
    y, s, depth, rng = planted(2, follows=2.0, disease=0.0)
    got = depth_matched(y, s, depth, rng)
    assert got.depth_before > 0.65
    assert got.depth_after == pytest.approx(0.5, abs=0.03)
    assert got.low < 0.5 < got.high and got.pairs > 100
    y, s, depth, rng = planted(3, follows=0.0, disease=1.2)
    got = depth_matched(y, s, depth, rng)
    assert got.low < 0.802 < got.high  # Φ(1.2 / √2)


def test_what_cannot_be_matched_is_said():
    y, s, _, rng = planted(4, 1.0, 0.0)
    assert depth_matched(y, s, np.full(400, 7.0), rng).missing == Missing(why=Cause.CONSTANT_DEPTH)
    unknown = depth_matched(y, s, np.full(400, np.nan), rng)
    assert unknown.missing == Missing(why=Cause.FEW_DEPTHS, seen=0, needed=5)
    apart = depth_matched(y, s, np.exp(np.arange(400) * 0.001 + 100.0 * y), rng)
    assert apart.missing == Missing(why=Cause.FEW_PAIRS, seen=0, needed=5) and apart.depth_before == 1.0
    assert apart.value is None
