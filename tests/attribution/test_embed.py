"""Embedding a cohort: what is kept, what is made anew, and the bags that attribution refers to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from toy_run import write_cohort, write_encoder, write_fragments
from toys import toy_fragments

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import save_samples
from cfdna_interp.attribution.embed import load_embedded, run_embed
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.study import Study
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Model
from cfdna_interp.errors import InputError
from cfdna_interp.models.bags import ContextMix, context_cells
from cfdna_interp.models.reference_encoder import ReferenceEncoder

BAG = 64


@pytest.fixture
def study(tmp_path: Path) -> Config:
    """Ten discovery and two held-out samples, and an excluded one without a file."""
    write_cohort(Layout.of(tmp_path))
    config = Config(sheet="", outdir=str(tmp_path), model=Model(dim=4, bag_size=BAG))
    run_embed(config, "discovery")
    run_embed(config, "heldout")
    return config


def remade(config: Config, role: str) -> set[str]:
    """Embed again; return the samples whose file was written anew."""
    files = sorted((Path(config.outdir) / "embeddings" / role).glob("*.safetensors"))
    before = [path.stat().st_ino for path in files]
    run_embed(config, role)
    return {path.stem for path, inode in zip(files, before, strict=True) if path.stat().st_ino != inode}


def test_what_did_not_change_is_kept(study: Config) -> None:
    assert remade(study, "discovery") == remade(study, "heldout") == set()
    embedded = load_embedded(Layout.of(study.outdir).embeddings("heldout", "S10"))
    assert embedded.versions.shape == (4, 5, BAG, 4) and embedded.touches.shape == (5, BAG)


def test_other_fragments_or_another_encoder_are_embedded_anew(study: Config) -> None:
    layout = Layout.of(study.outdir)
    write_fragments(layout, "S11", 99)
    assert (remade(study, "discovery"), remade(study, "heldout")) == (set(), {"S11"})
    write_fragments(layout, "S3", 98)  # a donor of everybody
    assert len(remade(study, "discovery")) == 10
    write_encoder(layout, 2)
    assert remade(study, "heldout") == {"S10", "S11"}


def test_a_corrected_subject_changes_the_donors_and_makes_everything_anew(study: Config) -> None:
    layout = Layout.of(study.outdir)
    rows = kept_samples(layout, "discovery")
    # Parts are dealt out among subjects in the order of their names.
    turned = [replace(row, subject=f"P{9 - place}") for place, row in enumerate(rows)]
    save_samples(turned, layout.samples("discovery"))
    assert len(remade(study, "discovery")) == 10


def test_an_embedding_that_is_not_finite_names_its_sample(
    study: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_encoder(Layout.of(study.outdir), 3)
    whole = ReferenceEncoder.encode
    monkeypatch.setattr(ReferenceEncoder, "encode", lambda self, inputs: whole(self, inputs) / 0)
    with pytest.raises(InputError, match="sample S10: the model gives embeddings that are not finite"):
        run_embed(study, "heldout")


def test_a_damaged_file_is_an_error_to_read_and_comes_back_the_same(study: Config) -> None:
    path = Layout.of(study.outdir).embeddings("discovery", "S4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"S4\.safetensors cannot be read .* run the embed stage again"):
        load_embedded(path)
    assert remade(study, "discovery") == {"S4"}
    assert path.read_bytes() == whole


def test_reference_bags_have_the_mix_of_the_pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cfdna_interp.attribution.study.REFERENCE_FRAGMENTS", 500)
    pool = toy_fragments(20_000, np.random.default_rng(1))
    config = Config(sheet="", outdir=str(tmp_path))
    study = Study(config, Layout.of(tmp_path), ReferenceEncoder(1, 4), (), [pool], ContextMix([pool]))
    # A donor part in which fragments without a call are four times as common as in the pool.
    bare = np.flatnonzero(pool.counts == 0)
    bank = DonorBank(pool.take(np.concatenate([np.arange(len(pool)), *[bare] * 3])), role="discovery")
    bags = study.reference_bags([bank, bank])
    assert [len(bag) for bag in bags] == [500, 500]
    for bag in bags:
        assert (np.diff(bag.region) >= 0).all()  # in the order of their windows
        # Quotas are the pool's shares of 500, each rounded up or down.
        cells = np.searchsorted(study.mix.cells, context_cells(bag))
        seen = np.bincount(cells, minlength=len(study.mix.cells))
        assert np.abs(seen - 500 * study.mix.shares).max() <= 1


def test_chunks_together_write_what_one_job_writes(study: Config) -> None:
    layout = Layout.of(study.outdir)
    whole = {path.name: path.read_bytes() for path in (layout.root / "embeddings/discovery").iterdir()}
    for path in (layout.root / "embeddings/discovery").iterdir():
        path.unlink()
    chunked = structs.replace(study, model=structs.replace(study.model, embed_chunks=3))
    for chunk in range(3):
        run_embed(chunked, "discovery", chunk)
    again = {path.name: path.read_bytes() for path in (layout.root / "embeddings/discovery").iterdir()}
    assert again == whole
