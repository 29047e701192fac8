"""Amplicons that see the fragments in question, the score and sizes by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cfdna_interp.records.held import ClaimStatus
from cfdna_interp.verdict.assays import BEYOND_MONO, CLEAR_OF_MONO, amplicons, assay
from cfdna_interp.verdict.evidence import Difference, Replication
from cfdna_interp.verdict.lengths import Counted, Range
from cfdna_interp.verdict.priority import case_control_size, countable, priority, within_person_size

LENGTHS = np.arange(1, 601)
# Plasma in short: one nucleosome (167 bp), two (330 bp) and a little of everything.
PLASMA = 0.80 * norm.pdf(LENGTHS, 167, 15) + 0.10 * norm.pdf(LENGTHS, 330, 25) + 0.10 / 600


def copies(counts, amplicon):
    return float(counts @ np.maximum(LENGTHS - amplicon + 1, 0))


@given(st.integers(60, 580), st.integers(5, 120))
def test_more_fragments_of_the_range_move_the_ratio_as_promised(low, width):
    span = Range(low, min(low + width - 1, 600))
    pair = amplicons(span)
    if pair is None:
        assert span.low < CLEAR_OF_MONO and span.high >= BEYOND_MONO
        return
    inside = (span.low <= LENGTHS) & (span.high >= LENGTHS)
    more = PLASMA + 0.05 * inside / inside.sum()
    ratios = [copies(counts, pair.short) / copies(counts, pair.long) for counts in (PLASMA, more)]
    assert (ratios[1] > ratios[0]) is (pair.rises == "short/long")


def test_amplicons_by_hand():
    # .6 * 100 = 60; the long one just beyond 144 bp. .85 * 300 = 255, beyond one nucleosome.
    short = amplicons(Range(100, 144))
    assert (short.short, short.long, short.rises) == (60, 150, "short/long")
    long = amplicons(Range(300, 399))
    assert (long.short, long.long, long.rises) == (65, 255, "long/short")
    assert amplicons(Range(200, 299)) is None


def test_assays_in_words():
    ratio = assay("fragment_length", Counted(Range(100, 150), Range(151, 220)))
    assert "amplicons of 60 and 155 bp (short/long rises with fragments of 100-150 bp)" in ratio
    narrow = assay("fragment_length", Counted(Range(300, 304), None))
    assert "no capillary electrophoresis, which does not resolve 5 bp at 304 bp" in narrow
    assert "no pair of amplicons" in assay("fragment_length", Counted(Range(200, 299), None))
    assert "size-selected" in assay("fragment_length", Counted(None, None))
    assert "marker blocks" in assay("tissue_of_origin", Counted(None, None))
    assert "shares no step" in assay("unheard_of", Counted(None, None))


def difference(value=1.0, low=0.5, high=1.5):
    return Difference(value, low, high, 0.01, value, low, high, 1.0, ("age",), "")


def replication(auroc=0.6, low=0.45, high=0.7, p=0.1):
    return Replication(auroc, low, high, p, 40, 40, "")


NAN = float("nan")


@pytest.mark.parametrize(
    ("given_difference", "p", "grade", "opposed", "expected"),
    [
        # 2 Φ(.5 / √2) - 1 = 2 Φ(.35355) - 1 = .27633; times .9.
        (difference(), 0.1, "not handling", False, 0.27633 * 0.9),
        (difference(-1, -1.5, -0.5), 0.1, "not handling", False, 0.27633 * 0.9),
        (difference(), 0.1, "attenuated", False, 0.27633 * 0.9 / 2),
        (difference(), 0.1, "can't tell", False, 0.27633 * 0.9 / 2),
        (difference(), 0.1, "handling", False, 0.27633 * 0.9 / 10),
        (difference(), 0.1, "not handling", True, 0.27633 * 0.9 / 2),
        (difference(), NAN, "not handling", False, 0.27633 / 2),  # never tested
        (difference(low=-0.1), 0.1, "not handling", False, 0.0),  # the interval holds zero
        (difference(NAN, NAN, NAN), 0.1, "not handling", False, 0.0),
    ],
)
def test_priority_by_hand(given_difference, p, grade, opposed, expected):
    sign = -1 if given_difference.value < 0 else 1
    statuses = (ClaimStatus(grade), ClaimStatus.NOT_PERSON)
    got = priority(given_difference, replication(p=p), sign, statuses, opposed)
    assert got == pytest.approx(expected, abs=2e-5)


def test_the_end_nearer_zero_counts():
    assert countable(difference(1, 0.5, 1.5), 1) == 0.5
    assert countable(difference(-1, -1.5, -0.5), -1) == 0.5
    assert countable(difference(1, -0.5, 1.5), 1) == 0
    # Adjusted it lies on the other side than unadjusted: nothing to count on.
    assert countable(difference(1, 0.5, 1.5), -1) == 0


def size(auroc, d=3.0, low=0.45, high=0.7, sign=1):
    return case_control_size(difference(d), replication(auroc, low, high), sign)


def test_subjects_are_planned_with_the_smaller_auroc():
    # `plan signal --auroc .6 --sides 1`: the direction is that of discovery.
    assert size(0.6).startswith("102 cases + 102 controls")
    # d with Φ(d / √2) = .6 is √2 * .253347 = .358287.
    small = size(0.9, d=0.358287, low=0.8, high=0.95)
    assert small.startswith("102 cases + 102 controls for an AUROC of 0.60")
    assert "lower end of its interval, which is at or below .5" in size(0.6)
    assert size(0.45).startswith("no number would do")
    assert size(0.6, d=0.5, sign=-1).startswith("no number would do")
    assert "more than a million" in size(0.5001)
    assert size(NAN, d=NAN).startswith("not known")
    # All pairs in order: still no fewer than the ladder needs.
    assert size(1.0, d=9, low=0.99, high=1.0).startswith("15 cases + 15 controls")


def test_persons_of_the_control_arm():
    # G*Power 3.1, matched pairs, one tail, dz = .5, alpha .05, power .8: 27 pairs.
    assert within_person_size(0.5).startswith("27 persons")
    assert within_person_size(0.0).startswith("not known")
    assert within_person_size(50.0).startswith("3 persons")
