"""Values of concepts on fragments and samples written down by hand, and what is left out."""

import numpy as np
import torch

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.records.probes import NotProbed
from cfdna_interp.representation.coding import Coding, raw_inputs
from cfdna_interp.representation.concepts import (
    RARE_FRAGMENTS,
    Concept,
    fragment_concepts,
    sample_concepts,
    why_left_out,
    without_rare,
)
from cfdna_interp.representation.material import Part
from cfdna_interp.representation.sightings import Codings, usable


def part_of(
    lengths: list[int], loci: list[int], states: list[list[int]], gc: list[float], motif: list[str]
) -> Part:
    n = len(lengths)
    table = np.full((n, MAX_CALLS), -1, dtype=np.int8)
    offsets = np.full((n, MAX_CALLS), -1, dtype=np.int16)
    for row, calls in enumerate(states):
        table[row, : len(calls)] = calls
        offsets[row, : len(calls)] = 10 * np.arange(len(calls))
    fragments = FragmentInputs(
        length=np.array(lengths, dtype=np.int32), offsets=offsets, states=table,
        locus=np.array(loci, dtype=np.int16), region=np.zeros(n, dtype=np.int16),
        place=np.full(n, -1), strand=np.zeros(n, dtype=np.int8),
    )  # fmt: skip
    motifs = np.array([MOTIFS.index(word) if word else -1 for word in motif])
    return Part(torch.zeros(n, 2), fragments, np.array(gc), motifs)


PART = part_of(
    [167, 120, 330, 150], [0, 2, 0, 1], [[1, 0], [1], [], [0, 0, 0]], [0.4, np.nan, 0.5, 0.6],
    ["CCCA", "", "AAAA", "TGTT"],
)  # fmt: skip


def test_fragments_by_hand():
    found = {concept.name: (concept.values, concept.known) for concept in fragment_concepts(PART)}
    expected = {
        "length": ([167, 120, 330, 150], [1, 1, 1, 1]),
        "methylation_level": ([0.5, 0, 0, 0], [1, 0, 0, 0]),
        "level_in_blocks": ([0, 1, 0, 0], [0, 1, 0, 1]),
        "cpg_count": ([2, 1, 0, 3], [1, 1, 1, 1]),
        "locus": ([0, 1, 0, 1], [1, 1, 1, 1]),
        "tissue_class": ([0, 2, 0, 1], [0, 1, 0, 1]),
        "gc": ([0.4, 0, 0.5, 0.6], [1, 0, 1, 1]),
        # CC is pair 5 of AA AC AG AT CA CC ..., TG the 14th from 0.
        "end_motif": ([5, 0, 0, 14], [1, 0, 1, 1]),
    }
    assert list(found) == list(expected)
    for name, (values, known) in expected.items():
        np.testing.assert_array_equal(found[name][0], values, err_msg=name)
        np.testing.assert_array_equal(found[name][1], np.array(known, dtype=bool), err_msg=name)


def people(n: int, **columns) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            f"S{i}", f"P{i}", "", i % 2, "discovery", **{name: value(i) for name, value in columns.items()}
        )
        for i in range(n)
    )


def test_samples_and_what_is_left_out_of_them():
    samples = people(
        20,
        site=lambda i: "AB"[i // 10],
        batch=lambda i: "xy"[i // 10],
        sex=lambda i: "F",
        age=lambda i: 50.0 + i,
    )
    kept, left_out = usable(sample_concepts(samples), np.arange(20), fragments=False)
    assert [concept.name for concept in kept] == ["label", "age", "site"]
    assert left_out == {
        "batch": NotProbed(why="same classes", twin="site"),
        "sex": NotProbed(why="few classes", needed=5, of="subjects"),
    }
    ages = people(20, age=lambda i: 60.0 + i if i < 3 else None)
    _, seldom = usable(sample_concepts(ages), np.arange(20), fragments=False)
    assert seldom["age"] == NotProbed(why="seldom known", needed=5, of="subjects")
    # Five samples of one person are one person.
    _, repeated = usable(sample_concepts(samples), np.repeat(np.arange(4), 5), fragments=False)
    assert repeated["label"] == NotProbed(why="few classes", needed=5, of="subjects")


def test_rare_classes_and_constants_are_left_out():
    values = np.repeat([0.0, 1.0, 2.0], [RARE_FRAGMENTS, RARE_FRAGMENTS, RARE_FRAGMENTS - 1])
    concept = Concept("tissue_class", "classes", values, np.ones(len(values), dtype=bool))
    kept = without_rare(concept, np.zeros(len(values)), fragments=True)
    assert set(kept.values[kept.known]) == {0.0, 1.0}
    assert why_left_out(kept, fragments=True) is None
    constant = Concept("gc", "number", np.full(100, 0.4), np.ones(100, dtype=bool))
    assert why_left_out(constant, fragments=True) == NotProbed(why="constant")


def test_columns_are_centred_and_0_where_nothing_is_known():
    rng = np.random.default_rng(0)
    known = rng.random(500) < 0.7
    number = Concept("gc", "number", rng.normal(size=500), known)
    coding = Coding.fit(number)
    columns = coding.columns(number)
    assert columns.shape == (500, 5)
    np.testing.assert_allclose(columns[known].mean(axis=0), 0, atol=1e-12)
    assert not columns[~known].any()
    # A cubic spline with inner knots holds every cubic: its columns explain one exactly.
    cubic = number.values[known] ** 3 - number.values[known]
    design = np.column_stack([np.ones(known.sum()), columns[known]])
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, cubic, rcond=None)[0], cubic, atol=1e-8)


def test_a_class_that_was_not_there_at_the_fit_is_not_known():
    values, known = np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4, dtype=bool)
    coding = Coding.fit(Concept("locus", "classes", values, known))
    columns = coding.columns(Concept("locus", "classes", np.array([0.0, 1.0, 2.0, 0.0]), known))
    np.testing.assert_allclose(columns, [[0.5, -0.5], [-0.5, 0.5], [0, 0], [0.5, -0.5]])


def test_few_values_make_as_many_columns_as_they_can():
    values = np.repeat([0.0, 1.0], 50)
    columns = Coding.fit(Concept("level", "number", values, np.ones(100, dtype=bool)))
    design = columns.columns(Concept("level", "number", values, np.ones(100, dtype=bool)))
    assert np.linalg.matrix_rank(design) == 1


def test_the_raw_baseline_leaves_out_a_concepts_own_input():
    part = Part.concatenate([PART] * 5)
    codings = Codings.fit([], part)
    widths = {item.name: Coding.fit(item).columns(item).shape[1] for item in raw_inputs(part)}
    everything = codings.raw(part).shape[1]
    assert everything == sum(widths.values())
    for concept, own in {"length": "length", "tissue_class": "locus", "level_in_blocks": "level"}.items():
        assert codings.raw(part, without=concept).shape[1] == everything - widths[own]
