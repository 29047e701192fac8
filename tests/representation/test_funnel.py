"""The funnel end to end: planted length survives and is named so, and a null leaves nothing."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from toy_material import planted_encoder, toy_material

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.head_refits import PermutedHeads
from cfdna_interp.config.settings import Attribution, Config, Representation
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.funnel import FeatureFunnel
from cfdna_interp.representation.funnel import (
    Funnel,
    find_features,
    load_dictionary,
    partner_cosines,
    run_funnel,
)
from cfdna_interp.representation.funnel_record import (
    feature_table,
    leading_family,
    profile,
    record_of,
)
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder
from cfdna_interp.representation.sparse_training import fit_sparse

SUBJECTS, FRAGMENTS, HEADS = 40, 240, 19
CONCEPTS = ("length", "methylation_level", "level_in_blocks")


def cohort(effect: dict[str, float]) -> Material:
    return toy_material(
        SUBJECTS, FRAGMENTS, 1, effect=effect, bags=2, encoder=planted_encoder(CONCEPTS, 8, 0.1, 1)
    )


def dictionary(material: Material, seed: int, block: int = 1) -> SparseAutoencoder:
    x = material.draw(SUBJECTS * FRAGMENTS, "dictionary")[0].embeddings

    def batches(number: int) -> Iterator[torch.Tensor]:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(number))
        return iter(x[order].split(512))

    return fit_sparse(batches, 8, features=24, active=6 // block, block=block, passes=6, seed=seed)


def heads(material: Material, labels: np.ndarray, seed: int) -> CrossFit:
    bags = torch.stack([material.bagged(place) for place in range(SUBJECTS)])
    return crossfit(bags, labels, material.codes, folds=3, rng=np.random.default_rng(seed))


def found(material: Material) -> Funnel:
    permuted = []
    for number in range(HEADS):
        labels = np.random.default_rng(100 + number).permutation(material.labels)
        permuted.append(PermutedHeads(number, labels, heads(material, labels, number)))
    return find_features(
        material,
        [dictionary(material, seed) for seed in (0, 1)],
        dictionary(material, 0, 3),
        heads(material, material.labels, 50),
        permuted,
        fragments=6_000,
        resamples=200,
    )


@pytest.fixture(scope="module")
def length() -> tuple[Material, Funnel]:
    material = cohort({"length": 3.0})
    return material, found(material)


def test_features_of_the_planted_group_survive(length: tuple[Material, Funnel]) -> None:
    record = record_of(*length)
    assert record.survivors
    assert record.purity["fragment_length"] > 0.8
    assert record.carried["fragment_length"] > 0.8
    assert record.carriers["fragment_length"].share > 0.9
    assert {each.carrier for each in record.survivors} >= {"fragment_length"}
    assert all(seed.survived for seed in record.seeds)
    assert record.error_share < 0.3
    assert record.completeness < 0.05


def test_nothing_survives_where_labels_mean_nothing() -> None:
    material = cohort({})
    record = record_of(material, found(material))
    # One cohort, two dictionaries: by chance one head of twenty has a feature that passes, fewer one that
    # survives.
    assert record.survivors == ()
    assert record.purity == record.carriers == {}
    assert record.null.survived_mean < 0.5
    assert record.funnel[-1].stage == "survive resampling"


def test_stages_only_shrink_and_agree_with_the_table(length: tuple[Material, Funnel]) -> None:
    record, table = record_of(*length), feature_table(length[1], 0)
    counts = [stage.count for stage in record.funnel]
    assert counts == sorted(counts, reverse=True)
    assert counts[:4] == [
        24,
        (table.active > 0).sum(),
        table.passed.sum(),
        table.survived.sum(),
    ]
    assert (record.funnel[-1].stage, record.funnel[-1].family) == (
        "differ with the family",
        "fragment_length",
    )
    assert [each.feature for each in record.survivors] == table.feature[table.survived].tolist()
    assert record.seeds[0].by_family == dict(Counter(table.family[table.survived]))
    assert table.share.sum() + record.error_share == pytest.approx(1)


def test_the_record_is_plain_json_and_the_same_again(length: tuple[Material, Funnel], tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_record(record_of(*length), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    record = load_record(FeatureFunnel, tmp_path / "first")
    assert (record.subjects, record.samples, record.fragments) == (SUBJECTS, SUBJECTS, 6_000)
    survivor = record.survivors[0]
    material, funnel = length
    dictionary, places = funnel.judged[0].dictionary, range(len(material.samples))
    codes = [dictionary.dense(material.load(place).embeddings)[:, survivor.feature] for place in places]
    activity = np.array([float(each.mean()) for each in codes])
    higher = activity[material.labels == 1].mean() > activity[material.labels == 0].mean()
    assert survivor.direction == ("higher in cases" if higher else "lower in cases")
    assert abs(survivor.t) > survivor.threshold
    assert survivor.share >= 0.01
    assert survivor.kept >= 0.95


def test_a_survivor_of_length_has_a_profile_by_length(length: tuple[Material, Funnel]) -> None:
    # Activation of the feature that is most of all about length changes along it, and hardly with the locus.
    record = record_of(*length)
    survivor = max(record.survivors, key=lambda each: each.unique["fragment_length"])
    along, across = (
        np.ptp([mean for _, mean in points]) for points in (survivor.profile.length, survivor.profile.locus)
    )
    assert along > 2 * across


def test_profiles_are_means_over_fragments(length: tuple[Material, Funnel]) -> None:
    part = length[1].part
    found = profile(part, part.fragments.length.astype(float))
    for bp, mean in found.length:
        assert mean == pytest.approx(bp)
    inside = part.fragments.length[part.fragments.locus == 2].mean()
    assert dict(found.locus)["class 2"] == pytest.approx(inside)
    assert found.locus[0][0] == "outside blocks"


def test_partners_are_those_of_the_same_directions(length: tuple[Material, Funnel]) -> None:
    first = length[1].judged[0]
    shuffled = copy.copy(first.dictionary)
    order = np.random.default_rng(2).permutation(24)
    shuffled.decoder = first.dictionary.decoder[torch.from_numpy(order)]
    silent = first.codes.copy().tolil()
    silent[:, 3] = 0.0
    second = replace(first, dictionary=shuffled, codes=first.codes[:, order])
    dead = replace(first, codes=silent.tocsr())
    cosines = partner_cosines([first, second, dead])
    living = first.active > 0
    np.testing.assert_allclose(cosines[0, 1], living, atol=1e-5)
    np.testing.assert_allclose(cosines[1, 0], living[order], atol=1e-5)
    # A feature that never speaks has no partner, and its twin is left without one.
    assert cosines[2, 0, 3] == cosines[0, 2, 3] == 0.0


def test_matches_are_of_living_features_and_of_chance(length: tuple[Material, Funnel]) -> None:
    matched = record_of(*length).matched
    cosines = length[1].cosines
    living = length[1].judged[0].active > 0
    assert matched.low == matched.mean == matched.high == (cosines[0, 1, living] > 0.9).mean()
    assert 0 <= matched.null < 0.5


def test_leading_family_carries_something() -> None:
    assert leading_family(Counter(none=5, methylation=2, fragment_length=2)) == "fragment_length"
    assert leading_family(Counter(none=5)) is None
    assert leading_family(Counter()) is None


def test_the_stage_reads_what_the_others_wrote(
    length: tuple[Material, Funnel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material, funnel = length
    layout = Layout.of(tmp_path)
    heads(material, material.labels, 50).save(
        layout.file("heads.safetensors"), [sample.sample for sample in material.samples]
    )
    for chunk in (0, 1):
        tensors = {}
        for number in (chunk, chunk + 2):
            labels = np.random.default_rng(100 + number).permutation(material.labels)
            kept = {"labels": torch.from_numpy(labels), **heads(material, labels, number).tensors()}
            tensors |= {f"{number}/{name}": tensor for name, tensor in kept.items()}
        layout.permuted_heads(chunk).parent.mkdir(exist_ok=True)
        save_file(tensors, layout.permuted_heads(chunk))
    for number, judged in enumerate(funnel.judged):
        judged.dictionary.save(layout.dictionary(number).with_name(f"{number}.plain.safetensors"))
    dictionary(material, 0, 3).save(layout.dictionary(0).with_name("0.blocks.safetensors"))
    monkeypatch.setattr("cfdna_interp.representation.funnel.load_material", lambda config: material)
    settings = Representation(fragments=6_000, seeds=2, resamples=200)
    run_funnel(
        Config(sheet="", outdir=str(tmp_path), representation=settings, attribution=Attribution(chunks=2))
    )
    record = load_record(FeatureFunnel, layout.file(FeatureFunnel.FILE))
    assert record.permuted_heads == 4
    table = pd.read_parquet(layout.file("sparse_features.parquet"))
    assert table.groupby("seed").size().tolist() == [24, 24]
    # The run's own heads are those of the fixture, whatever heads are the null.
    np.testing.assert_allclose(table.t[table.seed == 0], funnel.judged[0].test.t, atol=1e-3)


def test_a_dictionary_of_other_embeddings_is_refused(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    path = layout.dictionary(0).with_name("0.plain.safetensors")
    SparseAutoencoder(8, 24, 6).save(path)
    assert load_dictionary(layout, 0, "plain", 8).features == 24
    with pytest.raises(InputError, match="8 dimensions, the run has 9; run the dictionary stage"):
        load_dictionary(layout, 0, "plain", 9)
    with pytest.raises(InputError, match="blocks"):
        load_dictionary(layout, 0, "blocks", 8)
