"""Stage ``dictionary``: what it writes, that controls fall short, that held-out subjects take no part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs
from toy_material import planted_encoder, toy_material

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Representation
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.representation import dictionary
from cfdna_interp.representation.dictionary import Embeddings, held_out, run_dictionary
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

SETTINGS = Representation(fragments=9_000, features=48, active=4, block=3)


@pytest.fixture(scope="module")
def cohort() -> tuple[Material, CrossFit]:
    material = toy_material(20, 512, 1, effect={"length": 3.0}, bags=2)
    bags = torch.stack([material.bagged(place) for place in range(20)])
    rng = np.random.default_rng(1)
    return material, crossfit(bags, material.labels, material.codes, folds=2, rng=rng)


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, cohort: tuple[Material, CrossFit], number: int,
    settings: Representation = SETTINGS,
) -> dict:  # fmt: skip
    monkeypatch.setattr(dictionary, "load_material", lambda config: cohort[0])
    monkeypatch.setattr(dictionary, "load_heads", lambda layout, samples: cohort[1])
    run_dictionary(Config(sheet="", outdir=str(folder), representation=settings), number)
    return read_json(Layout.of(folder).dictionary(number))


def test_first_dictionary_comes_with_controls_and_beats_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cohort: tuple[Material, CrossFit]
) -> None:
    record = run(monkeypatch, tmp_path, cohort, 0)
    # A fifth of 20 subjects is held out; 9,000 // 20 = 450 fragments of each of the others.
    assert (record["subjects"], record["samples"], record["fragments"]) == (16, 16, 16 * 450)
    plain, blocks, shuffled = record["plain"], record["blocks"], record["controls"]["shuffled"]
    assert plain["explained"] > shuffled["explained"] + 0.05
    assert plain["logit_recovered"] > 0.5
    assert 3 < plain["l0"] <= 4
    assert 5 < blocks["l0"] <= 6  # two blocks of three
    assert shuffled["logit_recovered"] is None
    assert record["controls"]["untrained"]["explained"] > 0
    files = sorted(path.name for path in (tmp_path / "dictionaries").iterdir())
    assert files == ["0.blocks.safetensors", "0.json", "0.plain.safetensors"]
    model = SparseAutoencoder.load(tmp_path / "dictionaries" / "0.blocks.safetensors")
    assert (model.features, model.active, model.block) == (48, 2, 3)


def test_same_bytes_again_and_another_dictionary_under_another_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cohort: tuple[Material, CrossFit]
) -> None:
    record = run(monkeypatch, tmp_path / "a", cohort, 1)
    run(monkeypatch, tmp_path / "b", cohort, 1)
    run(monkeypatch, tmp_path / "b", cohort, 2)
    assert record["controls"] is None
    first, second = tmp_path / "a" / "dictionaries", tmp_path / "b" / "dictionaries"
    for name in ("1.plain.safetensors", "1.blocks.safetensors", "1.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (second / "1.plain.safetensors").read_bytes() != (second / "2.plain.safetensors").read_bytes()


def test_held_out_subjects_are_whole_and_take_no_part_in_learning(
    tmp_path: Path, cohort: tuple[Material, CrossFit]
) -> None:
    material = cohort[0]
    # Two samples a subject: P0 twice, P2 twice ...
    samples = tuple(
        replace(sample, subject=f"P{place // 2}") for place, sample in enumerate(material.samples)
    )
    material = replace(material, samples=samples)
    learnt, held = held_out(material)
    assert len(held) == 4
    assert not set(material.codes[learnt]) & set(material.codes[held])

    def load(place: int) -> Part:
        part = cohort[0].load(place)
        return replace(part, embeddings=part.embeddings + 100.0) if place in held else part

    moved = Embeddings.draw(replace(material, load=load), 2_000, tmp_path, "moved")
    still = Embeddings.draw(material, 2_000, tmp_path, "still")
    np.testing.assert_array_equal(moved.learnt, still.learnt)
    np.testing.assert_allclose(moved.held, still.held + 100.0, rtol=1e-4)


def test_columns_apart_keep_each_dimension_and_lose_their_dependence(
    tmp_path: Path, cohort: tuple[Material, CrossFit]
) -> None:
    # Every second dimension is a copy of the one before it.
    def load(place: int) -> Part:
        part = cohort[0].load(place)
        return replace(part, embeddings=part.embeddings[:, :8:2].repeat_interleave(2, dim=1).contiguous())

    encoder = planted_encoder(("length",), 8, 0.1, seed=1)  # of 8 dimensions
    material = replace(cohort[0], load=load, encoder=encoder)
    real = Embeddings.draw(material, 8_000, tmp_path, "real")
    apart = Embeddings.draw(material, 8_000, tmp_path, "apart", columns_apart=True)
    np.testing.assert_array_equal(np.sort(real.learnt, axis=0), np.sort(apart.learnt, axis=0))
    assert np.corrcoef(real.learnt[:, :2].T)[0, 1] > 0.999
    # 6,400 rows: the correlation of independent columns has sd 1 / sqrt(6400) = .0125.
    assert abs(np.corrcoef(apart.learnt[:, :2].T)[0, 1]) < 0.06


def test_settings_that_fit_no_embedding_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cohort: tuple[Material, CrossFit]
) -> None:
    with pytest.raises(InputError, match=r"change representation\.features, active or block"):
        run(monkeypatch, tmp_path, cohort, 1, structs.replace(SETTINGS, active=60))
    assert not list((tmp_path / "dictionaries").iterdir())
