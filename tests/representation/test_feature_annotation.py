"""Features with a planted meaning get its name; those of two meanings, of none or of context don't."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression
from toy_material import planted_encoder, toy_material

from cfdna_interp.records.funnel import UNNAMED
from cfdna_interp.representation.feature_annotation import Annotation, annotate
from cfdna_interp.representation.fragment_families import FAMILIES, FamilyColumns
from cfdna_interp.representation.material import Part

SUBJECTS, FRAGMENTS = 16, 400


@pytest.fixture(scope="module")
def part() -> tuple[Part, np.ndarray]:
    material = toy_material(
        SUBJECTS, FRAGMENTS, 2, effect={}, encoder=planted_encoder(("length",), 4, 0.1, 1)
    )
    return material.draw(SUBJECTS * FRAGMENTS, "test")


def planted(part: Part) -> dict[str, np.ndarray]:
    """Activations, none negative, and what they stand for."""
    rng, fragments = np.random.default_rng(3), part.fragments
    outside = (fragments.locus == 0) & (fragments.counts > 0)
    inside = (fragments.locus > 0) & (fragments.counts > 0)
    short = np.maximum(160.0 - fragments.length, 0) / 10
    unmethylated = outside * np.maximum(0.6 - fragments.level, 0) * 5
    noise = np.abs(0.3 * rng.standard_normal(len(part)))
    return {
        "fragment_length": short + noise,
        "methylation": unmethylated + noise,
        "tissue_of_origin": inside * (fragments.locus == 2) * fragments.level * 3 + noise,
        "end_motif": (part.motif // 16 == 4) * 2.0 + noise,
        "context": (fragments.counts > 3) * 1.0 + noise,
        "both": short / short.std() + unmethylated / unmethylated.std() + noise,
        "noise": np.abs(rng.standard_normal(len(part))) * (rng.random(len(part)) < 0.1),
        "dead": np.zeros(len(part)),
    }


@pytest.fixture(scope="module")
def annotated(part: tuple[Part, np.ndarray]) -> tuple[list[str], Annotation]:
    features = planted(part[0])
    codes = csr_array(np.stack(list(features.values()), axis=1))
    return list(features), annotate(*part, np.arange(SUBJECTS), [codes], 1)[0]


def test_planted_meanings_are_named(annotated: tuple[list[str], Annotation]) -> None:
    names, found = annotated
    named = dict(zip(names, found.family.tolist(), strict=True))
    for family in FAMILIES:
        assert named[family] == family
    assert named["both"] == named["noise"] == named["dead"] == UNNAMED


def test_values_are_what_is_explained_beyond_the_others(annotated: tuple[list[str], Annotation]) -> None:
    names, found = annotated
    at = {name: place for place, name in enumerate(names)}
    # Motifs are unrelated to all else, so what they explain alone is all that is explained: 4 for a share of
    # 1/16 by 2 has variance 4 x 15/256 = .23, the noise .09 x (1 - 2/pi) = .033.
    motif = found.unique["end_motif"][at["end_motif"]]
    assert motif == pytest.approx(0.234 / (0.234 + 0.033), abs=0.03)
    assert found.explained[at["end_motif"]] == pytest.approx(motif, abs=0.01)
    for family in ("fragment_length", "methylation"):
        assert found.unique[family][at["both"]] > 0.2
    assert max(abs(found.unique[family][at["noise"]]) for family in FAMILIES) < 0.02
    assert found.explained[at["dead"]] == 0.0


def test_noise_is_not_significant_and_planted_is(annotated: tuple[list[str], Annotation]) -> None:
    names, found = annotated
    for family in FAMILIES:
        assert found.q[family][names.index(family)] < 1e-6
        assert found.q[family][names.index("noise")] > 0.05
        assert np.isnan(found.q[family][names.index("dead")])


def test_explained_variance_is_that_of_cross_fitted_regression(part: tuple[Part, np.ndarray]) -> None:
    # The same columns and folds through scikit-learn; folds are found by trying who is left out together.
    fragments, place = part
    activity = planted(fragments)["both"]
    found = annotate(fragments, place, np.arange(SUBJECTS), [csr_array(activity[:, None])], 1)[0]
    columns = np.concatenate(list(FamilyColumns.fit(fragments).of(fragments).values()), axis=1)
    fold = place % 4  # other folds of as many subjects: the same up to chance
    residual, total = 0.0, 0.0
    for number in range(4):
        test = fold == number
        model = LinearRegression().fit(columns[~test], activity[~test])
        residual += ((activity[test] - model.predict(columns[test])) ** 2).sum()
        total += ((activity[test] - activity[~test].mean()) ** 2).sum()
    assert found.explained[0] == pytest.approx(1 - residual / total, abs=0.01)


def test_unknown_families_are_left_out(part: tuple[Part, np.ndarray]) -> None:
    fragments, place = part
    blind = Part(
        fragments.embeddings,
        replace(fragments.fragments, locus=np.zeros(len(fragments), dtype=np.int16)),
        np.full(len(fragments), np.nan),
        np.full(len(fragments), -1),
    )
    assert set(FamilyColumns.fit(blind).of(blind)) == {"fragment_length", "methylation", "context"}
    codes = csr_array(planted(fragments)["fragment_length"][:, None])
    found = annotate(blind, place, np.arange(SUBJECTS), [codes], 1)[0]
    assert found.family.tolist() == ["fragment_length"]


def test_several_dictionaries_are_as_one_by_one(part: tuple[Part, np.ndarray]) -> None:
    features = planted(part[0])
    first = csr_array(features["methylation"][:, None])
    second = csr_array(np.stack([features["both"], features["context"]], axis=1))
    together = annotate(*part, np.arange(SUBJECTS), [first, second], 1)
    alone = annotate(*part, np.arange(SUBJECTS), [second], 1)[0]
    np.testing.assert_allclose(together[1].explained, alone.explained)
    assert together[1].family.tolist() == alone.family.tolist() == [UNNAMED, "context"]
