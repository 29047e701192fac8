"""Small encoders with a known fault each, and sound ones beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from cfdna_interp.models.check_fragments import made_up_fragments
from cfdna_interp.models.contract import FragmentInputs

CALLS = frozenset({"methylation", "tissue_of_origin"})
ALL = CALLS | {"fragment_length", "locus"}
_DIGEST = hashlib.sha256(b"toy").hexdigest()


def probe_set(n: int = 300, seed: int = 0, *, place: bool = False) -> FragmentInputs:
    """Return fragments with every kind of call, on a line of 10 Mb where they have a place."""
    rng = np.random.default_rng(seed)
    fragments = made_up_fragments(n, rng, loci=4)
    return replace(fragments, place=rng.integers(0, 10_000_000, n)) if place else fragments


def channels(fragments: FragmentInputs, reads: frozenset[str]) -> torch.Tensor:
    """Return (n, 8) numbers about fragments; what isn't read is 0."""
    called = fragments.offsets >= 0
    inside = (fragments.locus > 0)[:, None]
    states = np.where(fragments.states >= 0, 2.0 * fragments.states - 1, 0)
    heard = called & ((inside & ("tissue_of_origin" in reads)) | (~inside & ("methylation" in reads)))
    columns = [
        (fragments.length - 167) / 40 * ("fragment_length" in reads),
        np.sin(fragments.length / 5) * ("fragment_length" in reads),
        np.where(heard, states, 0).sum(axis=1) / 2,
        np.where(heard, states * np.cos(fragments.offsets / 40), 0).sum(axis=1),
        np.where(heard, fragments.offsets / 100, 0).sum(axis=1) / 4,
        (fragments.locus / 2) * ("locus" in reads),
        np.cos(fragments.region) * ("locus" in reads),
        np.ones(len(fragments)),
    ]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


@dataclass
class Linear:
    """Channels times fixed random weights: nothing to find fault with.

    ``change`` makes a fault of the embeddings: a function of them and of the fragments.
    """

    dim: int = 8
    consumes: frozenset[str] = ALL
    reads: frozenset[str] | None = None
    seed: int = 0
    change: Callable[[torch.Tensor, FragmentInputs], torch.Tensor] = lambda embedded, fragments: embedded
    digest: str = _DIGEST

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        reads = self.consumes if self.reads is None else self.reads
        weights = torch.randn(8, self.dim, generator=torch.Generator().manual_seed(self.seed))
        return self.change(channels(fragments, reads) @ weights, fragments)


class Network:
    """A network over the same channels, with any layers."""

    consumes = ALL
    digest = _DIGEST
    dim = 16

    def __init__(self, *layers: nn.Module, training: bool = False, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 16)).train(training)

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        return self.network(channels(fragments, self.consumes))


class Tokens:
    """Reads bases of a made-up genome, each followed by a token where it is a methylated call.

    Parameters
    ----------
    pooling
        ``mean`` or ``sum`` over tokens.
    wrappers
        Tokens that every fragment begins and ends with.
    leak
        Padding counts as tokens.
    positions
        Embeddings of a token turn slowly with its place in the fragment.
    """

    digest = _DIGEST
    dim = 12
    consumes = frozenset({"sequence", "fragment_length", *CALLS})
    methylated, wrapper, padding = 4, 5, 6

    def __init__(
        self, pooling: str = "mean", *, wrappers: int = 2, leak: bool = False, positions: bool = False
    ) -> None:
        self.pooling, self.wrappers, self.leak, self.positions = pooling, wrappers, leak, positions
        self.table = torch.randn(7, self.dim, generator=torch.Generator().manual_seed(1))
        self.table[:, 0] += 1.0  # a common part, so that a sum has a direction to grow along

    def text(self, fragments: FragmentInputs, row: int) -> list[int]:
        place = int(fragments.place[row]) + np.arange(int(fragments.length[row]), dtype=np.uint64)
        # The finaliser of SplitMix64 of the place: a genome of any length that no file holds.
        mixed = place.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bases = (mixed >> np.uint64(62)).astype(np.int64)
        marked = set(fragments.offsets[row][fragments.states[row] == 1].tolist())
        words = [self.wrapper] * (self.wrappers // 2)
        for index, base in enumerate(bases.tolist()):
            words += [base, self.methylated] if index in marked else [base]
        return words + [self.wrapper] * (self.wrappers - self.wrappers // 2)

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        texts = [self.text(fragments, row) for row in range(len(fragments))]
        longest = max(map(len, texts))
        tokens = torch.tensor([text + [self.padding] * (longest - len(text)) for text in texts])
        mask = torch.ones_like(tokens) if self.leak else tokens != self.padding
        states = self.table[tokens]  # (n, tokens, dim)
        if self.positions:
            turn = torch.arange(longest)[:, None] / 30 + torch.arange(self.dim)
            states = states * torch.cos(turn)
        total = (states * mask[:, :, None]).sum(dim=1)
        return total if self.pooling == "sum" else total / mask.sum(dim=1, keepdim=True)
