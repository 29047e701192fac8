"""The reference encoder: it maps one fragment to one vector and uses no label.

A fragment's length, its CpG states with their positions, and its locus are looked up in learnt tables,
concatenated and passed through a small network. The embedding has additional marker directions, one per class
of marker blocks, with the methylation of fragments that touch such a block. The cell types of a sample show
in the difference of levels between classes of blocks. This is a product of locus and level, of which a small
network that predicts hidden calls retains almost nothing. The last step is whitening. Over discovery
fragments every direction of the network has mean 0 and variance 1, so that none has more weight in a head by
its scale alone. All marker directions together have the weight of one of these.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError
from cfdna_interp.models.bags import REGIONS
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.stats.resampling import stream

MAX_LENGTH = 1_000  # bp; longer fragments share the last entry
OFFSET_BIN = 10  # bp
OFFSET_BINS = MAX_LENGTH // OFFSET_BIN + 1
MASKED = 2  # call state for a call whose state is hidden
HIDDEN = 96
MARKERS = 32  # directions for classes of marker blocks; mixtures of classes if there are more
_WIDTHS = {"length": 32, "calls": 32, "level": 32, "count": 8, "locus": 8, "region": 4}
_EDGES = [0, *accumulate(_WIDTHS.values())]
# Position of each table's entries in the concatenation, followed by the levels at marker blocks.
CHANNELS = {name: slice(*edges) for name, edges in zip(_WIDTHS, pairwise(_EDGES), strict=True)} | {
    "markers": slice(_EDGES[-1], None)
}


class ReferenceEncoder(nn.Module):
    """Masked-pretrained fragment encoder over length, CpG states with offsets, and locus.

    Parameters
    ----------
    loci
        Number of locus classes (see ``bags.locus_classes``).
    dim
        Directions of the network's output. An embedding has one more for each class of marker blocks, at most
        ``MARKERS``.
    """

    consumes = frozenset({"fragment_length", "methylation", "tissue_of_origin", "locus"})

    centre: torch.Tensor
    whitener: torch.Tensor
    markers: torch.Tensor
    usual: torch.Tensor

    def __init__(self, loci: int, dim: int) -> None:
        super().__init__()
        self.loci = loci
        # One entry per bp, initialised as a smooth curve. The last entry means "length hidden".
        self.length = nn.Embedding(MAX_LENGTH + 2, _WIDTHS["length"])
        with torch.no_grad():
            self.length.weight[:-1] = _waves(torch.arange(MAX_LENGTH + 1), _WIDTHS["length"])
        # A call is encoded as its state (0, 1, hidden) at its position in steps of OFFSET_BIN bp.
        self.calls = nn.EmbeddingBag(3 * OFFSET_BINS, _WIDTHS["calls"], mode="sum")
        # The pair (visible calls, methylated calls) has one entry, which can represent any function of the
        # level.
        self.level = nn.Embedding((MAX_CALLS + 1) ** 2, _WIDTHS["level"])
        self.count = nn.Embedding(MAX_CALLS + 1, _WIDTHS["count"])
        self.locus = nn.Embedding(loci, _WIDTHS["locus"])
        self.region = nn.Embedding(REGIONS, _WIDTHS["region"])
        self.body = nn.Sequential(nn.Linear(_EDGES[-1], HIDDEN), nn.GELU(), nn.Linear(HIDDEN, dim))
        self.register_buffer("markers", _directions(loci))  # (loci, marker directions), class 0 has none
        self.register_buffer("usual", torch.full((loci,), 0.5))  # level of each class, set with the whitening
        whole = dim + self.markers.shape[1]
        self.register_buffer("centre", torch.zeros(whole))
        self.register_buffer("whitener", torch.eye(whole))

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.centre.shape[0])

    @property
    def digest(self) -> str:
        """SHA-256 over names, shapes and values of all weights, sorted by name."""
        content = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            content.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            content.update(tensor.contiguous().numpy().tobytes())
        return content.hexdigest()

    def forward(
        self,
        fragments: FragmentInputs,
        hide_length: np.ndarray | None = None,
        hide_call: np.ndarray | None = None,
    ) -> torch.Tensor:
        """Return the (n, dim) output of the network for pre-training; arguments as for :meth:`channels`."""
        channels = self.channels(fragments, hide_length, hide_call)
        guessed: torch.Tensor = self.body(channels[:, : _EDGES[-1]])
        return guessed

    def channels(
        self,
        fragments: FragmentInputs,
        hide_length: np.ndarray | None = None,
        hide_call: np.ndarray | None = None,
    ) -> torch.Tensor:
        """Return (n, channels): the tables' entries of each fragment, concatenated as in ``CHANNELS``.

        Parameters
        ----------
        fragments
            n fragments.
        hide_length
            (n,) True where the length is masked.
        hide_call
            (n, MAX_CALLS) True where a call's state is masked.
        """
        length = np.clip(fragments.length, 0, MAX_LENGTH).astype(np.int64)
        states = fragments.states
        if hide_length is not None:
            length = np.where(hide_length, MAX_LENGTH + 1, length)
        if hide_call is not None:
            states = np.where(hide_call & (states >= 0), MASKED, states)
        present = fragments.offsets >= 0
        counts = present.sum(axis=1)
        bins = np.minimum(fragments.offsets // OFFSET_BIN, OFFSET_BINS - 1)
        tokens = (bins.astype(np.int64) * 3 + states)[present]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        visible = (present & (states != MASKED)).sum(axis=1)
        methylated = (states == 1).sum(axis=1)
        locus = self._tensor(fragments.locus)
        level = self._tensor((methylated / np.maximum(visible, 1)).astype(np.float32))
        unusual = torch.where(self._tensor(visible > 0), level - self.usual[locus], 0.0)
        return torch.cat(
            [
                self.length(self._tensor(length)),
                self.calls(self._tensor(tokens), self._tensor(starts)),
                self.level(self._tensor(visible * (MAX_CALLS + 1) + methylated)),
                self.count(self._tensor(counts)),
                self.locus(locus),
                self.region(self._tensor(fragments.region)),
                self.markers[locus] * unusual[:, None],
            ],
            dim=1,
        )

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        """Return values on the device of the weights, whole numbers as indices."""
        whole = np.issubdtype(values.dtype, np.integer)
        return torch.from_numpy(values.astype(np.int64) if whole else values).to(self.usual.device)

    def from_channels(self, channels: torch.Tensor) -> torch.Tensor:
        """Return (n, dim) whitened embeddings of (n, channels), differentiable in them."""
        known, markers = channels[:, : _EDGES[-1]], channels[:, _EDGES[-1] :]
        embedded = torch.cat([self.body(known), markers], dim=1)
        whitened: torch.Tensor = (embedded - self.centre) @ self.whitener
        return whitened

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs, chunk: int = 8_192) -> torch.Tensor:
        """Return (n, dim) whitened embeddings, computed ``chunk`` fragments at a time."""
        parts = []
        for start in range(0, len(fragments), chunk):
            rows = np.arange(start, min(start + chunk, len(fragments)))
            parts.append(self.from_channels(self.channels(fragments.take(rows))))
        return torch.cat(parts) if parts else torch.zeros(0, self.dim)

    @torch.no_grad()
    def fit_whitening(self, fragments: FragmentInputs) -> None:
        """Set centre and whitener so that ``encode(fragments)`` has mean 0 and uncorrelated directions.

        Directions of the network's output have variance 1, those of the k classes of markers 1 / k.
        """
        self.usual.copy_(_mean_levels(fragments, self.loci))
        self.centre.zero_()
        self.whitener.copy_(torch.eye(self.dim))
        embedded = self.encode(fragments).double()
        centre = embedded.mean(dim=0)
        covariance = torch.cov(embedded.T)
        values, vectors = torch.linalg.eigh(covariance)
        # Directions that hardly vary contain rounding noise. They are scaled up by at most 1e4.
        scale = values.clamp(min=float(values[-1]) * 1e-8).rsqrt()
        self.centre.copy_(centre.float())
        self.whitener.copy_((vectors * scale @ vectors.T).float())
        # The marker directions together have the weight of one direction. Each of them is mostly noise. With
        # variance 1 each, heads fitted to any labels would mostly use them.
        markers = self.markers.shape[1]
        self.whitener[:, self.dim - markers :] *= max(markers, 1) ** -0.5

    def save(self, path: Path) -> None:
        """Write the weights as safetensors, atomically. Their shapes contain the settings."""
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)

    @classmethod
    def load(cls, path: Path) -> ReferenceEncoder:
        """Read an encoder that :meth:`save` wrote.

        Raises
        ------
        InputError
            The file is missing, damaged, or holds another network.
        """
        try:
            tensors = load_file(path)
            encoder = cls(loci=len(tensors["locus.weight"]), dim=len(tensors["body.2.bias"]))
            encoder.load_state_dict(tensors)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise InputError(
                f"encoder {path} cannot be loaded ({error}); run the pretrain stage again"
            ) from None
        return encoder.eval()


def _directions(loci: int) -> torch.Tensor:
    """Return (loci, directions): one per class of marker blocks, or mixtures if more than ``MARKERS``."""
    classes = loci - 1
    axes = np.eye(classes)
    if classes > MARKERS:
        # The mixtures are part of the architecture and the same in every run.
        axes = np.linalg.qr(stream(0, "marker directions").standard_normal((classes, MARKERS)))[0]
    return torch.from_numpy(np.concatenate([np.zeros((1, axes.shape[1])), axes]).astype(np.float32))


def _mean_levels(fragments: FragmentInputs, loci: int) -> torch.Tensor:
    """Return (loci,) mean methylation of the calls at each class of locus, 0.5 without calls."""
    called = np.bincount(fragments.locus, (fragments.states >= 0).sum(axis=1), minlength=loci)
    methylated = np.bincount(fragments.locus, (fragments.states == 1).sum(axis=1), minlength=loci)
    return torch.from_numpy(np.where(called > 0, methylated / np.maximum(called, 1), 0.5).astype(np.float32))


def _waves(positions: torch.Tensor, width: int) -> torch.Tensor:
    """Return (positions, width) sines and cosines with periods from 10 bp to 2,000 bp."""
    periods = torch.logspace(1, 3.3, width // 2)
    angles = 2 * torch.pi * positions[:, None] / periods
    return torch.cat([angles.sin(), angles.cos()], dim=1)
