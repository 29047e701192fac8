"""Feature lists survive the disk in their order, unmeasured values included; damage is named."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.features import (
    BAG_GROUPS,
    COMPARATOR_GROUPS,
    GROUPS,
    Feature,
    load_features,
    save_features,
)
from cfdna_interp.errors import InputError

texts = st.text(st.characters(codec="utf-8"), max_size=6)
features = st.builds(
    Feature,
    name=texts,
    group=st.sampled_from(GROUPS),
    value=st.floats(allow_nan=False),
    unit=texts,
    n=st.integers(0, 2**62),
    definition=texts,
)


@given(rows=st.lists(features, max_size=6))
def test_what_is_saved_is_loaded(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("features") / "S1.parquet"
    save_features(rows, path)
    assert load_features(path) == rows


def test_what_could_not_be_measured_stays_nan_and_not_null(tmp_path):
    save_features([Feature("mds", "end_motif", math.nan, "share", 0, "")], tmp_path / "f.parquet")
    assert math.isnan(load_features(tmp_path / "f.parquet")[0].value)
    assert pq.read_table(tmp_path / "f.parquet")["value"].null_count == 0


def test_the_groups_of_a_bag_and_the_comparators_are_all_groups():
    assert (*BAG_GROUPS, *COMPARATOR_GROUPS) == GROUPS
    assert len(set(GROUPS)) == len(GROUPS) == 6


def test_same_features_give_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_features([Feature("x", "coverage", 0.1, "log2 ratio", 3, "one")], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damage_is_named(tmp_path):
    path = tmp_path / "S1.parquet"
    with pytest.raises(InputError, match=r"S1\.parquet is not a feature list"):
        load_features(path)
    save_features([Feature("x", "coverage", 0.1, "log2 ratio", 3, "one")], path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=r"S1\.parquet is not a feature list"):
        load_features(path)
    pq.write_table(pa.table({"name": ["x"], "value": [1.0]}), path)
    with pytest.raises(
        InputError, match=r"(?s)S1\.parquet is not a feature list .*; delete it and run again"
    ):
        load_features(path)
