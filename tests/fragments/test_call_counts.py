"""Counts of calls against dictionaries filled call by call, and pairs of molecules at their corners."""

from __future__ import annotations

import collections
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_profile import table

from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.fragments import call_counts
from cfdna_interp.fragments.annotation import ContextAnnotation
from cfdna_interp.fragments.call_counts import CallCounter

# chr1 100-200 is a, 200-210 is b, 500-600 is a; chr2 none; chrX all b.
CONTEXTS = ContextAnnotation(
    ("a", "b"),
    np.array([0, 3, 3, 4]),
    np.array([100, 200, 500, 0]),
    np.array([200, 210, 600, 20_000]),
    np.array([0, 1, 0, 1]),
)


def context_of(contig, position):
    if contig == 2:
        return "b" if position >= 0 else "elsewhere"
    if contig == 0 and (100 <= position < 200 or 500 <= position < 600):
        return "a"
    return "b" if contig == 0 and 200 <= position < 210 else "elsewhere"


def counted(tables, annotation=CONTEXTS):
    counter = CallCounter(3, annotation)
    for one in tables:
        counter.add(one)
    return cells(counter)


def cells(counter):
    profile = Profile()
    counter.write(profile)
    return {
        kind: {key: counts.tolist() for key, counts in found.items() if counts.any()}
        for kind, found in profile.counts.items()
        if any(counts.any() for counts in found.values())
    }


def slowly(rows):
    """The same counts, each from its definition."""
    found = {
        "methylation_length": collections.defaultdict(lambda: [0, 0]),
        "methylation_context": collections.defaultdict(lambda: [0, 0]),
        "methylation_pattern": collections.defaultdict(lambda: [0]),
        "methylation_pairs": collections.defaultdict(lambda: [0, 0]),
    }
    places = collections.defaultdict(list)
    for contig, start, length, _, _, calls in rows:
        order = sorted(calls)
        for offset in order:
            for cell in (
                found["methylation_length"][str(length)],
                found["methylation_context"][context_of(contig, start + offset)],
            ):
                cell[0] += calls[offset]
                cell[1] += 1
        windows = [order[i : i + 4] for i in range(len(order) - 3)]
        if windows:
            middle = windows[(len(windows) - 1) // 2]
            found["methylation_pattern"]["".join(str(calls[offset]) for offset in middle)][0] += 1
        for window in windows:
            sites = (contig, *(start + offset for offset in window))
            places[sites].append(tuple(calls[offset] for offset in window))
    for patterns in places.values():
        for one, other in combinations(patterns, 2):
            found["methylation_pairs"]["4"][0] += one != other
            found["methylation_pairs"]["4"][1] += 1
    return {
        kind: dict(counts) for kind, counts in found.items() if any(any(cell) for cell in counts.values())
    }


def random_rows(rng, n):
    """Fragments on few sites, so that they meet; some skip sites, as between mates; some lie at an edge."""
    rows = []
    for _ in range(n):
        contig, start = int(rng.integers(3)), int(rng.choice([0, 90, 95, 190, 480, 490]))
        sites = np.array([start - 1, *range(start + 5, start + 95, 10)]) if start == 0 else None
        sites = np.arange(start // 10 * 10 + 10, start + 120, 10) if sites is None else sites
        kept = sites[rng.random(len(sites)) < rng.choice([0.7, 1.0])]
        calls = {int(site - start): int(rng.random() < 0.6) for site in kept}
        rows.append((contig, start, int(rng.integers(125, 300)), 0, 0, calls))
    return sorted(rows, key=lambda row: row[:2])


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([16, 64, 1 << 15]))
def test_every_count_from_its_definition(seed, parts, slots):
    # With 16 slots the hash table is cleared and enlarged all the time.
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, int(rng.integers(0, 60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_counts, "_SLOTS", slots)
        expected = slowly(rows)
        edges = np.linspace(0, len(rows), parts + 1).astype(int)
        pieces = [table(rows[low:high]) for low, high in pairwise(edges)]
        assert counted(pieces) == expected
        # Any order of fragments within their neighbourhood, and any division into parts of a sample.
        shuffled = [rows[i] for i in rng.permutation(len(rows))]
        shuffled.sort(key=lambda row: row[0])
        assert counted([table(shuffled)]) == expected
        one = CallCounter(3, CONTEXTS)
        for part in range(parts):
            other = CallCounter(3, CONTEXTS)
            other.add(table(rows[part::parts]))
            one.merge(other)
        if slots == 1 << 15:  # smaller ones close places before the parts come together
            assert cells(one) == expected


def molecule(start, states, contig=0, step=10):
    return (contig, start, 150, 0, 0, {step * (i + 1): int(state) for i, state in enumerate(states)})


def test_pairs_by_hand():
    # At one place 0000, 0000, 1111, 0001: of 6 pairs one is alike. Two of them read a fifth CpG, which
    # makes a second place with the patterns 1111 and 0001 and its following state: 1110 and 0011 differ.
    rows = [molecule(40, "0000"), molecule(40, "0000"), molecule(40, "11110"), molecule(40, "00011")]
    assert counted([table(rows)])["methylation_pairs"] == {"4": [5 + 1, 6 + 1]}


def test_the_same_four_cpgs_and_no_others():
    rows = [
        molecule(40, "0000"),
        molecule(41, "1111"),
        molecule(40, "1111", step=11),
        molecule(40, "1111", 1),
    ]
    assert "methylation_pairs" not in counted([table(rows)])
    # Another start, the same positions: 40 + 10 = 30 + 20.
    shifted = (0, 30, 150, 0, 0, {20: 1, 30: 1, 40: 1, 50: 1})
    assert counted([table([rows[0], shifted])])["methylation_pairs"] == {"4": [1, 1]}


def test_a_pile_of_molecules_counts_like_a_hundred():
    # 300 of 0000 and 300 of 1111: 90,000 of 179,700 pairs differ. 100 molecules have 4,950 pairs, and
    # 4,950 * 90,000 / 179,700 = 2,479.1 of them.
    rows = [molecule(40, state * 4) for state in "01" * 300]
    assert counted([table(rows)])["methylation_pairs"] == {"4": [2_479, 4_950]}
    # 60 and 40: 2,400 of 4,950, nothing is left out.
    rows = [molecule(40, "0000")] * 60 + [molecule(40, "1111")] * 40
    assert counted([table(rows)])["methylation_pairs"] == {"4": [2_400, 4_950]}


def test_places_far_behind_are_closed_and_their_pairs_kept(monkeypatch):
    # 3,000 places at 100 kb from each other, two molecules each, in a table of 16 slots.
    monkeypatch.setattr(call_counts, "_SLOTS", 16)
    rows = [molecule(100_000 * k, pattern) for k in range(1, 3_001) for pattern in ("0101", "0111")]
    counter = CallCounter(3, None)
    for low in range(0, len(rows), 500):
        counter.add(table(rows[low : low + 500]))
    assert cells(counter)["methylation_pairs"] == {"4": [3_000, 3_000]}
    assert len(counter._places.tags) <= 32


def test_fragments_in_blocks_do_not_count():
    one = table([molecule(40, "0000"), molecule(40, "1111")])
    one.block[:] = [3, -1]
    got = counted([one])
    assert got["methylation_length"] == {"150": [4, 4]}
    assert got["methylation_pattern"] == {"1111": [1]}
    assert "methylation_pairs" not in got


def test_without_an_annotation_there_are_no_contexts():
    assert "methylation_context" not in counted([table([molecule(40, "0000")])], None)
    assert counted([table([])]) == {}


def test_writing_leaves_the_counts_as_they_are():
    counter = CallCounter(3, CONTEXTS)
    counter.add(table([molecule(40, "0000"), molecule(40, "1111")]))
    before = cells(counter)
    counter.add(table([molecule(40, "1111")]))
    assert before["methylation_pairs"] == {"4": [1, 1]}
    assert cells(counter)["methylation_pairs"] == {"4": [2, 3]}
