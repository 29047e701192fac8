"""Shares under every intervention, from tables of coalition values that were solved on paper."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import astuple

from cfdna_interp.attribution.agreement import agreement, mean_shares, read_coalitions, values_under
from cfdna_interp.attribution.coalitions import COALITION_NAMES, COALITIONS
from cfdna_interp.errors import InputError

L, M, T = "fragment_length", "methylation", "tissue_of_origin"


def table(values: np.ndarray, intervention: str = "swap", reference: str = "controls") -> pd.DataFrame:
    """The stage's table of (samples, coalitions, donors) values, reference 0."""
    samples, _, donors = values.shape
    keys = product([f"S{i}" for i in range(samples)], COALITION_NAMES, range(donors))
    rows = pd.DataFrame(keys, columns=["sample", "coalition", "donor"])
    rows["intervention"], rows["reference"] = intervention, reference
    rows["value"], rows["reference_value"] = values.reshape(-1), 0.0
    return rows


def test_values_are_found_by_name_in_whatever_order_rows_stand(tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(size=(4, 8, 3))
    rows = table(values).assign(reference_value=lambda rows: 10.0 + rows["donor"])
    mixed = rows.sample(frac=1, random_state=5)
    names = ("S0", "S1", "S2", "S3")
    again = values_under(mixed, "swap", "controls", names)
    np.testing.assert_array_equal(again.values, values)
    np.testing.assert_array_equal(again.reference, np.tile([10.0, 11.0, 12.0], (4, 1)))
    turned = values_under(mixed, "swap", "controls", names[::-1])
    np.testing.assert_array_equal(turned.values, values[::-1])
    # Chunks hold every other sample; together they stand in the order of the sheet.
    for chunk in range(2):
        rows[rows["sample"].isin(names[chunk::2])].to_parquet(tmp_path / f"{chunk}.parquet")
    whole = read_coalitions([tmp_path / "0.parquet", tmp_path / "1.parquet"], names)
    pd.testing.assert_frame_equal(whole, rows)


def test_a_row_that_is_missing_or_there_twice_or_unknown_is_named() -> None:
    rows = table(np.zeros((2, 8, 3)))
    names = ("S0", "S1")
    place = rows.index[(rows["sample"] == "S1") & (rows.coalition == L) & (rows.donor == 2)]
    place_of = f"sample S1: coalition {L} with donor pool 2 must have one value under swap with reference"
    with pytest.raises(InputError, match=f"{place_of} controls, and has 0; run the attribute stage again"):
        values_under(rows.drop(place), "swap", "controls", names)
    with pytest.raises(InputError, match=f"{place_of} controls, and has 2"):
        values_under(pd.concat([rows, rows.loc[place]]), "swap", "controls", names)
    rows.loc[place, "coalition"] = "ploidy"
    with pytest.raises(InputError, match=f"{place_of} controls, and has 0"):
        values_under(rows, "swap", "controls", names)
    with pytest.raises(InputError, match=r"S0: .* under reweight .* has 0; run the attribute stage"):
        values_under(rows, "reweight", "controls", names)
    with pytest.raises(InputError, match="sample S1: coalition"):
        values_under(table(np.zeros((2, 8, 3))), "swap", "controls", ("S0",))


def test_agreement_gives_shares_intervals_and_order() -> None:
    # φ = (3z, -z, 0) for every donor: shares .75, .25, 0 whoever is drawn.
    z = np.random.default_rng(2).normal(size=30)
    values = np.stack([z * (3 * p[0] - p[1]) for p in COALITIONS], axis=1)[:, :, None].repeat(5, axis=2)
    (entry,) = agreement(table(values), {f"S{i}": i for i in range(30)}, seed=1)
    assert entry.subjects == entry.of == 30 and entry.donors == 5
    shares = entry.shares
    assert shares is not None
    assert shares.order == (L, M, T)
    for group, share in ((L, 0.75), (M, 0.25), (T, 0.0)):
        assert astuple(shares.share[group]) == pytest.approx((share, share, share))
        assert shares.donor_error[group] == pytest.approx(0)
    assert shares.context_and_joint.value == pytest.approx(0)


def test_context_is_what_the_empty_coalition_is_from_the_reference() -> None:
    values = np.stack([2.0 * p[0] + 0.5 + 0 * np.zeros(4) for p in COALITIONS], axis=1)[:, :, None]
    (entry,) = agreement(table(values), {f"S{i}": i for i in range(4)}, seed=1)
    assert entry.shares is not None
    assert entry.shares.context_and_joint.value == pytest.approx(0.25)  # .5 of Σ|φ| = 2


def test_subjects_without_values_are_counted_and_too_many_of_them_say_nothing() -> None:
    z = np.linspace(-1, 1, 10)
    values = np.stack([z * p[0] for p in COALITIONS], axis=1)[:, :, None].repeat(5, axis=2)
    values[0, 3] = np.nan  # one sample without any value
    values[1, 2, 0] = np.nan  # one donor part of another: the other four stand
    codes = {f"S{i}": i for i in range(10)}
    (entry,) = agreement(table(values, "reweight"), codes, seed=1)
    assert entry.shares is not None and (entry.subjects, entry.of) == (9, 10)
    values[:3] = np.nan
    (entry,) = agreement(table(values, "reweight"), codes, seed=1)
    assert entry.shares is None and entry.subjects == 7


def test_samples_of_a_subject_count_once() -> None:
    z = np.array([1.0, 3.0, -2.0])
    values = np.stack([z * p[0] for p in COALITIONS], axis=1)[:, :, None]
    (entry,) = agreement(table(values), {"S0": 0, "S1": 0, "S2": 1}, seed=1)
    assert entry.subjects == 2


def test_shares_of_signed_attributions_by_hand_and_their_interval() -> None:
    # |.| sums: 1 + 3, 2 + 0, 1 + 1 of 8 in all, whatever the signs.
    got = mean_shares(np.array([[1.0, -2.0, 1.0], [-3.0, 0.0, -1.0]]), seed=1)
    assert [got[group].value for group in (L, M, T)] == [0.5, 0.25, 0.25]
    # Redrawn, either subject may be there alone: 1/4 to 3/4, 1/2 to 0, 1/4.
    assert (got[L].low, got[L].high) == (0.25, 0.75)
    assert (got[M].low, got[M].high) == (0.0, 0.5)
    assert (got[T].low, got[T].high) == (0.25, 0.25)


def test_nothing_attributed_has_no_share() -> None:
    got = mean_shares(np.zeros((5, 3)), seed=1)
    assert set(map(astuple, got.values())) == {(None, None, None)}
