"""The encoder before it learnt anything: what it tells too, training had no part in."""

from __future__ import annotations

import numpy as np

from cfdna_interp.attribution.randomised import randomised_encoder
from cfdna_interp.models.adapters.load_encoder import innermost
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.whitening import fit_whitening

WHITENED_ON = 16_384  # fragments, of a model that takes its time


def untrained(encoder: Encoder, rng: np.random.Generator, fragments: FragmentInputs) -> Encoder | None:
    """Return an encoder of the same architecture with freshly drawn weights, whitened.

    Parameters
    ----------
    encoder
        The trained one, which stays as it is.
    rng
        Source of the weights.
    fragments
        What the untrained encoder is whitened on; of foreign models ``WHITENED_ON`` of them.

    Returns
    -------
    None where the architecture is not known here, so that its weights cannot be drawn anew.
    """
    if isinstance(encoder, ReferenceEncoder):
        return randomised_encoder(encoder, "tables", rng, fragments)
    inner = innermost(encoder)
    try:
        # transformers is an extra that other encoders do without.
        from cfdna_interp.models.adapters.transformers import TransformersEncoder
    except ModuleNotFoundError:
        return None
    if not isinstance(inner, TransformersEncoder):
        return None
    rows = rng.permutation(len(fragments))[:WHITENED_ON]
    return fit_whitening(inner.untrained(rng), fragments.take(rows), encoder.dim)
