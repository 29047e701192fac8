"""Whole-sample counts add up, survive the disk, and damage is named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.profiles import KINDS, Profile
from cfdna_interp.errors import InputError

cells = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.text(st.characters(codec="utf-8"), max_size=4),
        st.tuples(*[st.integers(0, 2**40) for _ in KINDS[kind]]).map(list),
    )
)


def plain(profile: Profile) -> dict[str, dict[str, list[int]]]:
    return {kind: {key: n.tolist() for key, n in found.items()} for kind, found in profile.counts.items()}


@given(additions=st.lists(cells, max_size=12))
def test_counts_add_up_and_survive_the_disk(tmp_path_factory, additions):
    profile = Profile()
    sums: dict[str, dict[str, list[int]]] = {}
    for kind, key, counts in additions:
        profile.add(kind, key, counts)
        before = sums.setdefault(kind, {}).get(key, [0] * len(counts))
        sums[kind][key] = [a + b for a, b in zip(before, counts, strict=True)]
    assert plain(profile) == sums
    path = tmp_path_factory.mktemp("profile") / "S1.parquet"
    profile.save(path)
    assert plain(Profile.load(path)) == sums


def test_the_order_of_counting_leaves_no_trace(tmp_path):
    additions = [("motif", "CCAG", [2]), ("length_1bp", "167", [5]), ("motif", "AAAA", [1])]
    for name, order in (("a", additions), ("b", additions[::-1])):
        profile = Profile()
        for kind, key, counts in order:
            profile.add(kind, key, counts)
        profile.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_table(tmp_path / "a").column("key").to_pylist() == ["167", "AAAA", "CCAG"]


def test_what_was_not_counted_is_zero():
    profile = Profile()
    assert profile.get("block_uxm", "b1").tolist() == [0, 0, 0]
    profile.add("block_uxm", "b1", np.array([1, 0, 4]))
    assert profile.get("block_uxm", "b1").tolist() == [1, 0, 4]
    assert profile.get("block_uxm", "b2").tolist() == [0, 0, 0]


def test_counts_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="window counts"):
        Profile().add("window", "chr1:0", [1])


def test_damage_is_named(tmp_path):
    path = tmp_path / "S1.parquet"
    with pytest.raises(InputError, match=r"S1\.parquet is not a profile"):
        Profile.load(path)
    profile = Profile()
    profile.add("motif", "AAAA", [1])
    profile.save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"S1\.parquet is not a profile"):
        Profile.load(path)
    pq.write_table(pa.table({"kind": ["motif"]}), path)
    with pytest.raises(InputError, match=r"S1\.parquet is not a profile"):
        Profile.load(path)
    row = {"kind": ["motif"], "key": ["AAAA"], "statistic": ["U"], "count": [1]}
    pq.write_table(pa.table(row), path)
    with pytest.raises(InputError, match=r"S1\.parquet holds the unknown cell motif/U; delete it"):
        Profile.load(path)
