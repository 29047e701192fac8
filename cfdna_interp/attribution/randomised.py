"""Attributions under weights randomised by layer, from the top down.

If attributions stay the same under random weights, the method describes its inputs and not the model (Adebayo
et al. 2018, arXiv:1810.03292). Layers are re-initialised cumulatively: the head's read-out, the encoder's
last layer, the layers below, and last its tables. The layers of a foreign encoder can't be accessed. Its
embeddings are rotated at random instead. They then contain the same information, but in directions that the
head wasn't trained on.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import ortho_group, spearmanr

from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_encoder import CHANNELS, ReferenceEncoder
from cfdna_interp.records.attribution_notes import DepthName
from cfdna_interp.stats.resampling import stream

# Depth -> weights that are re-initialised at it, in addition to those of all depths before.
LAYERS: dict[DepthName, tuple[str, ...]] = {
    "head": (),
    "last_layer": ("body.2.",),
    "body": ("body.0.",),
    "tables": tuple("markers" if channel == "markers" else f"{channel}." for channel in CHANNELS),
}
FOREIGN_LAYERS: tuple[DepthName, ...] = ("head", "embedding")

# Maps an encoder, the heads that never saw a subject and the versions of a bag to (groups,) attributions.
Attribute = Callable[[Encoder, list[AttentionHead], tuple[FragmentInputs, ...]], np.ndarray]


@dataclass(frozen=True, eq=False)
class RandomisedShares:
    """Attributions at one depth of randomisation.

    Attributes
    ----------
    depth
        The lowest layer that is random.
    shares
        (draws, groups) Σ_i |φ_ig| / Σ_h Σ_i |φ_ih| under each draw of weights.
    cosine, rank
        (draws,) cosine and Spearman correlation of all φ_ig with those of the original model. They are near 0
        if the attributions depend on the weights.
    """

    depth: DepthName
    shares: np.ndarray
    cosine: np.ndarray
    rank: np.ndarray


class Rotated:
    """An encoder whose embeddings are rotated.

    Parameters
    ----------
    encoder
        The encoder inside.
    rotation
        (dim, dim) orthogonal.
    """

    def __init__(self, encoder: Encoder, rotation: torch.Tensor) -> None:
        self.encoder, self.rotation = encoder, rotation

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.encoder.dim

    @property
    def consumes(self) -> frozenset[str]:
        """What the encoder inside reads."""
        return self.encoder.consumes

    @property
    def digest(self) -> str:
        """SHA-256 over the digest of the encoder inside and the rotation."""
        return hashlib.sha256(self.encoder.digest.encode() + self.rotation.numpy().tobytes()).hexdigest()

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) rotated embeddings."""
        return self.encoder.encode(fragments) @ self.rotation


def depths_of(encoder: Encoder) -> tuple[DepthName, ...]:
    """Return the depths at which an encoder can be randomised, from the top down."""
    return tuple(LAYERS) if isinstance(encoder, ReferenceEncoder) else FOREIGN_LAYERS


def randomised_head(head: AttentionHead, rng: np.random.Generator) -> AttentionHead:
    """Return the head with the weights of its read-out permuted and attention unchanged."""
    result = copy.deepcopy(head)
    for weights in (result.weight, result.product):
        order = torch.from_numpy(rng.permutation(weights.numel()))
        weights.data = weights.data.flatten()[order].reshape(weights.shape)
    return result


def randomised_encoder(
    encoder: Encoder, depth: DepthName, rng: np.random.Generator, fragments: FragmentInputs
) -> Encoder:
    """Return a copy of an encoder whose weights are re-initialised down to a depth.

    Parameters
    ----------
    encoder
        Any encoder.
    depth
        One of :func:`depths_of`; at ``head`` the encoder is unchanged.
    rng
        Source of randomness.
    fragments
        Fragments on which the random encoder is whitened. Without whitening, embeddings would have another
        scale.
    """
    if depth == "head":
        return encoder
    if not isinstance(encoder, ReferenceEncoder):
        return Rotated(encoder, _rotated(torch.eye(encoder.dim), rng))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        fresh = ReferenceEncoder(encoder.loci, len(encoder.state_dict()["body.2.bias"])).state_dict()
    fresh["markers"] = _rotated(fresh["markers"], rng)
    reached = list(LAYERS)[: list(LAYERS).index(depth) + 1]
    prefixes = tuple(prefix for name in reached for prefix in LAYERS[name])
    state = encoder.state_dict()
    state.update({name: tensor for name, tensor in fresh.items() if name.startswith(prefixes)})
    result = copy.deepcopy(encoder)
    result.load_state_dict(state)
    result.fit_whitening(fragments)
    return result


def _rotated(directions: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return (n, k) directions after a random rotation of their k coordinates; a single one is negated."""
    width = directions.shape[1]
    if width < 2:
        return -directions
    return directions @ torch.from_numpy(ortho_group.rvs(width, random_state=rng)).float()


def randomised_shares(
    encoder: Encoder,
    heads: list[list[AttentionHead]],
    versions: list[tuple[FragmentInputs, ...]],
    attribute: Attribute,
    *,
    draws: int,
    seed: int,
) -> list[RandomisedShares]:
    """Attribute bags under random weights, depth by depth.

    Parameters
    ----------
    encoder
        The original encoder.
    heads
        For each bag, the heads that never saw its subject.
    versions
        The bags, in the versions of ``swap.VERSIONS``.
    attribute
        The method that is checked.
    draws
        Draws of random weights at each depth.
    seed
        The run's seed.

    Returns
    -------
    One entry per depth, from the top down.
    """
    real = _attributions(encoder, heads, versions, attribute)
    pool = FragmentInputs.concatenate([bag[0] for bag in versions])
    results = []
    for depth in depths_of(encoder):
        entries = []
        for draw in range(draws):
            rng = stream(seed, "randomised", depth, draw)
            lower = randomised_encoder(encoder, depth, rng, pool)
            entries.append(_attributions(lower, _permuted(heads, rng), versions, attribute))
        results.append(
            RandomisedShares(
                depth=depth,
                shares=np.stack([_shares(phi) for phi in entries]),
                cosine=np.array([_cosine(real, phi) for phi in entries]),
                rank=np.array([spearmanr(real.ravel(), phi.ravel()).statistic for phi in entries]),
            )
        )
    return results


def _permuted(heads: list[list[AttentionHead]], rng: np.random.Generator) -> list[list[AttentionHead]]:
    """Permute every head once; bags that share a head still share it."""
    distinct = {id(head): head for ensemble in heads for head in ensemble}
    permuted = {key: randomised_head(head, rng) for key, head in distinct.items()}
    return [[permuted[id(head)] for head in ensemble] for ensemble in heads]


def _attributions(
    encoder: Encoder,
    heads: list[list[AttentionHead]],
    versions: list[tuple[FragmentInputs, ...]],
    attribute: Attribute,
) -> np.ndarray:
    """Return (bags, groups)."""
    pairs = zip(heads, versions, strict=True)
    return np.stack([attribute(encoder, ensemble, bag) for ensemble, bag in pairs])


def _shares(phi: np.ndarray) -> np.ndarray:
    sizes = np.abs(phi).sum(axis=0)
    return np.asarray(sizes / sizes.sum())


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
