from __future__ import annotations

import numpy as np
import pytest
from bams import Molecule, mates, random_molecules
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.fragments.filters import Rules, Tally
from cfdna_interp.fragments.pairing import pair_reads

RULES = Rules(contigs=frozenset({0, 1}))


def spans(reads):
    tally = Tally()
    pairs = pair_reads(reads, RULES, tally)
    return sorted((f.query_name, f.reference_start, r.reference_end) for f, r in pairs), tally.counts


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_reads_does_not_matter(seed):
    molecules = random_molecules(30, seed=3)
    reads = [read for molecule in molecules for read in mates(molecule)]
    reads = reads[:-1]  # one mate is missing
    expected = sorted((m.name, m.start, m.end) for m in molecules[:-1])
    shuffled = [reads[i] for i in np.random.default_rng(seed).permutation(len(reads))]
    found, counts = spans(shuffled)
    assert found == expected
    assert (counts["fragments"], counts["mate_missing"]) == (29, 1)


@pytest.mark.parametrize("length", [60, 75, 99, 100, 101, 330])
def test_ends_come_from_the_strands(length):
    # 100-base reads of a 75-bp molecule would run into the adapter: each mate is as long as the molecule.
    molecule = Molecule("m", 1_000, length, read_length=100)
    assert spans(mates(molecule))[0] == [("m", 1_000, 1_000 + length)]


def test_mates_that_run_past_each_other_still_face_inward():
    # Forward mate [1000, 1100), reverse mate [980, 1080): the 5' ends are at 1000 and 1080, 80 bp apart.
    forward, reverse = mates(Molecule("m", 1_000, 300, read_length=100))
    reverse.reference_start = 980
    assert spans([forward, reverse])[0] == [("m", 1_000, 1_080)]
    # Moved on to [900, 1000) the reverse mate ends where the forward one begins: nothing lies between.
    reverse.reference_start = 900
    assert spans([forward, reverse])[1]["not_inward"] == 2


def test_a_name_used_twice_does_not_break_the_pair():
    forward, reverse = mates(Molecule("m", 1_000, 200))
    again = mates(Molecule("m", 3_000, 200))[0]
    found, counts = spans([forward, again, reverse])
    assert found == [("m", 1_000, 1_200)]
    assert counts["mate_missing"] == 1
    assert counts["reads"] == 3


def test_place_of_the_mate_may_be_left_out():
    forward, reverse = mates(Molecule("m", 1_000, 200))
    forward.next_reference_id = reverse.next_reference_id = -1
    assert len(spans([forward, reverse])[0]) == 1
    reverse.reference_id = 1
    assert spans([forward, reverse])[1]["mate_elsewhere"] == 2
