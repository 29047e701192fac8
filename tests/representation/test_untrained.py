"""Encoders with fresh weights: of the same make, whitened, the same for the same seed, knowing nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_material import PlantedEncoder, planted_encoder, toy_material, trained_encoder
from toys import toy_fragments

from cfdna_interp.models.check_fragments import fragments_of_reference
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.embedding_cache import cached
from cfdna_interp.models.whitening import fit_whitening
from cfdna_interp.representation.untrained import untrained
from cfdna_interp.stats.resampling import stream


def test_reference_encoder():
    trained, fragments = trained_encoder(16, 1), toy_fragments(4_000, np.random.default_rng(0))
    before = trained.digest
    fresh = untrained(trained, stream(1, "x"), fragments)
    assert fresh is not None and fresh.dim == trained.dim
    assert trained.digest == before != fresh.digest
    assert fresh.digest == untrained(trained, stream(1, "x"), fragments).digest
    assert fresh.digest != untrained(trained, stream(2, "x"), fragments).digest
    embedded = fresh.encode(fragments).numpy()
    np.testing.assert_allclose(embedded.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(embedded[:, :16].var(axis=0), 1, atol=0.01)


def test_a_closed_box_has_none():
    fragments = toy_fragments(100, np.random.default_rng(0))
    assert untrained(planted_encoder(("length",), 4, 0.1, 0), stream(1, "x"), fragments) is None


@pytest.mark.parametrize("kind", ["causal_folder", "methylbert_folder"])
def test_a_transformer_in_whitening_and_cache(kind, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "models"))
    import genomes
    import tiny_models

    from cfdna_interp.models.adapters.transformers import TransformersEncoder

    fasta = genomes.write_fasta(tmp_path / "g.fa", {"chr1": genomes.random_bases(20_000, 1)})
    folder = getattr(tiny_models, kind)(tmp_path / "model")
    raw = TransformersEncoder.load(folder, fasta=fasta, device="cpu")
    fragments = fragments_of_reference(fasta, 300, np.random.default_rng(0), loci=4)
    trained = fit_whitening(cached(raw, tmp_path / "cache"), fragments, 8)
    kept = trained.encode(fragments)
    fresh = untrained(trained, stream(1, "x"), fragments)
    assert fresh is not None and fresh.dim == 8 and fresh.consumes == trained.consumes
    assert fresh.digest != trained.digest
    embedded = fresh.encode(fragments).numpy()
    np.testing.assert_allclose(np.cov(embedded.T), np.eye(8), atol=1e-2)
    # Other weights, other embeddings: no rotation of one set is the other.
    reached = np.linalg.lstsq(embedded, kept.numpy(), rcond=None)[0]
    assert np.abs(embedded @ reached - kept.numpy()).mean() > 0.1
    again = untrained(trained, stream(1, "x"), fragments)
    assert again is not None
    np.testing.assert_array_equal(again.encode(fragments).numpy(), embedded)
    # The trained one is as it was.
    np.testing.assert_array_equal(trained.encode(fragments), kept)


class Counting(PlantedEncoder):
    asked = 0

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        self.asked += len(fragments)
        return super().encode(fragments)


def test_a_material_under_another_encoder_encodes_what_is_chosen_alone():
    material = toy_material(6, 40, 1, effect={}, encoder=planted_encoder(("length",), 6, 0.1, 0))
    other = Counting(("locus",), 6, 0.1, 1)
    chosen = material.under(other).chosen(2, 5, np.random.default_rng(0))
    assert other.asked == 5
    same = material.chosen(2, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(chosen.fragments.length, same.fragments.length)
    np.testing.assert_array_equal(chosen.embeddings, other.encode(same.fragments))
