"""An untrained encoder. What it also shows doesn't come from training."""

from __future__ import annotations

import numpy as np

from cfdna_interp.attribution.randomised import randomised_encoder
from cfdna_interp.models.adapters.load_encoder import innermost
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.whitening import fit_whitening

WHITENED_ON = 16_384  # fragments for a slow model


def untrained(encoder: Encoder, rng: np.random.Generator, fragments: FragmentInputs) -> Encoder | None:
    """Return an encoder of the same architecture with random weights, whitened.

    Parameters
    ----------
    encoder
        The trained encoder, which is not changed.
    rng
        Source of the weights.
    fragments
        Fragments on which the untrained encoder is whitened; ``WHITENED_ON`` of them for foreign models.

    Returns
    -------
    None where the architecture is not known here, so that its weights cannot be drawn anew.
    """
    if isinstance(encoder, ReferenceEncoder):
        return randomised_encoder(encoder, "tables", rng, fragments)
    inner = innermost(encoder)
    try:
        # transformers is an extra that other encoders don't need.
        from cfdna_interp.models.adapters.transformers import TransformersEncoder
    except ModuleNotFoundError:
        return None
    if not isinstance(inner, TransformersEncoder):
        return None
    rows = rng.permutation(len(fragments))[:WHITENED_ON]
    return fit_whitening(inner.untrained(rng), fragments.take(rows), encoder.dim)
