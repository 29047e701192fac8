"""Maps of attributions: nothing is lost, cases and controls stand apart, planted lengths are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_fragments

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.maps import KINDS, cohort_map, map_rows, mean_map
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs


def three_fragments() -> FragmentInputs:
    """Return 150 bp without calls; 151 bp with one call of four methylated; 150 bp in a block, two of two."""
    states = np.full((3, MAX_CALLS), -1, dtype=np.int8)
    states[1, :4] = [1, 0, 0, 0]
    states[2, :2] = 1
    return FragmentInputs(
        length=np.array([150, 151, 150], dtype=np.int32),
        offsets=np.where(states >= 0, 3 * np.arange(MAX_CALLS), -1).astype(np.int16),
        states=states,
        locus=np.array([0, 0, 2], dtype=np.int16),
        region=np.array([7, 7, 9], dtype=np.int16),
        place=np.full(3, -1, dtype=np.int64),
        strand=np.zeros(3, dtype=np.int8),
    )


def cells(table: pd.DataFrame, value: str = "value", **where: str) -> dict[str, float]:
    chosen = table.loc[np.logical_and.reduce([table[name] == text for name, text in where.items()])]
    return dict(zip(chosen.key, chosen[value], strict=True))


def test_three_fragments_by_hand() -> None:
    per_fragment = np.array([[0.5, 0.0, 0.0], [0.25, -1.0, 0.0], [-0.125, 0.0, 2.0]])
    table = map_rows(three_fragments(), per_fragment)
    assert cells(table, kind="length", group="fragment_length") == {"150": 0.375, "151": 0.25}
    assert cells(table, kind="range", group="fragment_length") == {
        "up to 150 bp": 0.375,
        "151 to 220 bp": 0.25,
    }
    assert cells(table, kind="region", group="fragment_length") == {"7": 0.75, "9": -0.125}
    # One call of four is a quarter, which still counts as low.
    assert cells(table, kind="cpg", group="methylation") == {"0:none": 0.0, "4:low": -1.0, "2:high": 0.0}
    assert cells(table, kind="locus", group="tissue_of_origin") == {"0": 0.0, "2": 2.0}
    assert cells(table, "fragments", kind="length", group="methylation") == {"150": 2.0, "151": 1.0}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 200), min_size=1, max_size=3))
def test_every_map_adds_up_to_the_totals(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=(size, 3)) for size in sizes]
    tables = [map_rows(toy_fragments(len(part), rng), part) for part in drawn]
    # Bags of different sizes weigh the same: each is an estimate of the same sample's logit.
    totals = np.mean([part.sum(axis=0) for part in drawn], axis=0)
    merged = mean_map(tables)
    for kind in KINDS:
        chosen = merged[merged.kind == kind]
        sums = chosen.groupby("group").value.sum()
        assert [sums[group] for group in BAG_GROUPS] == pytest.approx(totals.tolist(), abs=1e-9)
        counts = chosen[chosen.group == "methylation"].fragments.sum()
        assert counts == pytest.approx(np.mean(sizes))


def single(key: str, value: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"kind": "length", "key": [key], "group": "fragment_length", "value": value, "fragments": 2.0}
    )


def test_cases_beside_controls_by_hand() -> None:
    # At 150 bp cases have 1, 3, 0 (absent): mean 4/3, SD sqrt((1/9 + 25/9 + 16/9) / 2) = sqrt(7/3), standard
    # error sqrt(7/9); controls 0 and 2: mean 1, SD sqrt(2), error 1. The difference: 1/3, sqrt(7/9 + 1).
    subjects = [single("150", 1), single("150", 2), single("150", 3), single("160", 5), single("160", 8)]
    table = cohort_map(subjects, np.array([1, 0, 1, 1, 0]))
    by_cohort = {row.cohort: row for row in table[table.key == "150"].itertuples()}
    assert (by_cohort["case"].mean, by_cohort["case"].standard_error) == pytest.approx(
        (4 / 3, (7 / 9) ** 0.5)
    )
    assert (by_cohort["control"].mean, by_cohort["control"].standard_error) == pytest.approx((1.0, 1.0))
    assert by_cohort["difference"].mean == pytest.approx(1 / 3)
    assert by_cohort["difference"].standard_error == pytest.approx((16 / 9) ** 0.5)
    assert [by_cohort[name].fragments for name in ("case", "control", "difference")] == pytest.approx(
        [4 / 3, 1.0, 6 / 5]
    )


def test_planted_lengths_carry_the_difference_and_no_other() -> None:
    # Cases' fragments of 140 to 149 bp push the logit by .01 each; all else is noise of mean 0 for everybody.
    rng = np.random.default_rng(5)
    labels = np.arange(20) % 2
    subjects = []
    for label in labels:
        bag = toy_fragments(2_000, rng)
        values = rng.normal(0, 1e-3, (2_000, 3))
        values[(bag.length // 10 == 14) & (label == 1), 0] += 0.01
        subjects.append(map_rows(bag, values))
    table = cohort_map(subjects, labels)
    lengths = table[
        (table.kind == "length") & (table.group == "fragment_length") & (table.cohort == "difference")
    ]
    # The rarest lengths occur in a few subjects, where a standard error says little.
    common = lengths[lengths.fragments > 5]
    z = (common["mean"] / common.standard_error).to_numpy()
    planted = (common.key.astype(int) // 10 == 14).to_numpy()
    assert planted.sum() == 10 and z[planted].min() > 5
    # Under no difference z is t-distributed with some 18 degrees of freedom: beyond 4.5 once in 3,000.
    assert np.abs(z[~planted]).max() < 4.5
    # The other groups, under the same cohorts, show nothing there.
    other = table[(table.kind == "length") & (table.group == "methylation") & (table.cohort == "difference")]
    other = other[other.fragments > 5]
    assert (other["mean"].abs() / other.standard_error).max() < 4.5


def test_one_subject_of_a_class_is_too_few() -> None:
    with pytest.raises(InputError, match="two subjects of each class"):
        cohort_map([single("150", 1.0)] * 3, np.array([1, 1, 0]))
