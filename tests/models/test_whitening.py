"""Principal components of a foreign encoder's embeddings, scaled to variance 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from toys_models import Linear, Network, probe_set

from cfdna_interp.errors import InputError
from cfdna_interp.models import whitening
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.whitening import Whitened, fit_whitening


def test_components_are_those_of_scikit_learn() -> None:
    fragments = probe_set(2_000)
    encoder = Network(torch.nn.GELU())
    whitened = fit_whitening(encoder, fragments, 5)
    other = PCA(5, whiten=True, svd_solver="full").fit(encoder.encode(fragments).double().numpy())
    expected = other.transform(encoder.encode(probe_set(100, seed=9)).double().numpy())
    embedded = whitened.encode(probe_set(100, seed=9)).numpy()
    # The sign of a component is free.
    signs = np.sign((embedded * expected).sum(axis=0))
    assert np.allclose(embedded, signs * expected, atol=1e-3)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), offset=st.floats(-1e3, 1e3), size=st.sampled_from([1e-4, 1.0, 1e4]))
def test_embeddings_of_the_fragments_fitted_to_have_mean_zero_and_identity_covariance(
    seed: int, offset: float, size: float
) -> None:
    fragments = probe_set(500, seed=seed)
    encoder = Linear(seed=seed, change=lambda e, f: size * (e + offset))
    embedded = fit_whitening(encoder, fragments, 4).encode(fragments).double()
    # Offsets of 1,000 beside a spread of about 1 leave four digits of single precision.
    assert embedded.mean(dim=0).abs().max() < 2e-2
    assert (torch.cov(embedded.T) - torch.eye(4)).abs().max() < 2e-2


def test_directions_of_rounding_noise_are_left_out() -> None:
    # Eight channels, one of them constant: seven directions in which anything varies, of 20 dimensions.
    assert fit_whitening(Linear(dim=20), probe_set(1_000), 20).dim == 7
    # A spread of 1e-4 at an offset of 1e4 is below what single precision holds (6e-8 of 1e4 is 6e-4).
    far = Linear(change=lambda e, f: 1e-4 * e + 1e4)
    with pytest.raises(InputError, match="every fragment the same embedding"):
        fit_whitening(far, probe_set(1_000), 4)


def test_an_encoder_of_a_coarser_format_has_a_higher_floor() -> None:
    # At an offset of 100, numbers of seven bits are .5 apart: directions of a spread of .1 hold none of them.
    narrow = torch.where(torch.arange(20) < 4, 10.0, 0.1)
    fine = Linear(dim=20, change=lambda e, f: e * narrow + 100)
    assert fit_whitening(fine, probe_set(1_000), 20).dim > 4
    fine.rounding = 2**-7
    assert fit_whitening(fine, probe_set(1_000), 20).dim == 4


def test_fitting_in_chunks_gives_what_fitting_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    fragments = probe_set(1_000)
    whole = fit_whitening(Linear(), fragments, 6)
    monkeypatch.setattr(whitening, "CHUNK", 64)
    parts = fit_whitening(Linear(), fragments, 6)
    assert torch.allclose(whole.encode(fragments), parts.encode(fragments), atol=1e-4)


def test_saved_and_loaded_whitenings_agree_and_the_encoder_must_be_the_same(tmp_path: Path) -> None:
    path = tmp_path / "whitening.safetensors"
    fragments = probe_set(500)
    whitened = fit_whitening(Linear(), fragments, 4)
    whitened.save(path)
    loaded = Whitened.load(path, Linear())
    assert torch.equal(loaded.encode(fragments), whitened.encode(fragments))
    assert (loaded.digest, loaded.dim, loaded.consumes) == (whitened.digest, 4, Linear().consumes)
    with pytest.raises(InputError, match=r"was fitted to the encoder .* run the pretrain stage again"):
        Whitened.load(path, Linear(digest="0" * 64))
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="cannot be read"):
        Whitened.load(path, Linear())


def test_the_digest_tells_encoders_and_whitenings_apart() -> None:
    first = fit_whitening(Linear(), probe_set(500), 4)
    others = [
        fit_whitening(Linear(), probe_set(500, seed=1), 4),
        fit_whitening(Linear(), probe_set(500), 3),
        Whitened(Linear(digest="0" * 64), first.centre, first.directions),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 4
    assert fit_whitening(Linear(), probe_set(500), 4).digest == first.digest


def test_embeddings_that_are_not_finite_are_refused() -> None:
    def broken(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
        return embedded.where(torch.arange(len(embedded))[:, None] != 3, torch.inf)

    with pytest.raises(InputError, match=r"not finite; run cfdna-interp models check"):
        fit_whitening(Linear(change=broken), probe_set(100), 4)
    with pytest.raises(InputError, match="two fragments or more"):
        fit_whitening(Linear(), probe_set(1), 4)
