"""Masked pre-training: predict hidden lengths and calls of discovery fragments, without labels.

Half of the lengths and three tenths of the calls are hidden. Both hidden and visible values are predicted
from the embedding, as in masked language models that leave some target tokens visible (Devlin et al.,
arXiv:1810.04805, 2018). Otherwise the embedding would not have to retain its inputs.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.models.bags import inputs_of
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.reference_encoder import OFFSET_BIN, OFFSET_BINS, ReferenceEncoder
from cfdna_interp.records.encoder import MaskedPretraining
from cfdna_interp.stats.resampling import stream

LENGTH_BIN = 5  # bp
LENGTH_BINS = 128  # up to 640 bp; longer ones share the last
BATCH = 1_024
MIN_STEPS = 500  # small cohorts have more epochs
RATE = 3e-3

logger = logging.getLogger(__name__)


class _Decoder(nn.Module):
    """Predicts length bins and call states from an embedding."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.length = nn.Linear(dim, LENGTH_BINS)
        self.query = nn.Embedding(OFFSET_BINS, dim)
        self.bias = nn.Embedding(OFFSET_BINS, 1)

    def calls(self, embedded: torch.Tensor, rows: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
        """Return the logit of "methylated" for each call (row of the embedding, offset bin)."""
        logit: torch.Tensor = (embedded[rows] * self.query(bins)).sum(dim=1) + self.bias(bins)[:, 0]
        return logit


def pretrain(
    fragments: FragmentInputs, *, loci: int, dim: int, epochs: int, seed: int, device: str = "cpu"
) -> tuple[ReferenceEncoder, MaskedPretraining]:
    """Fit the reference encoder.

    Parameters
    ----------
    fragments
        Discovery fragments, pooled over samples.
    loci
        Number of locus classes.
    dim
        Length of an embedding.
    epochs
        Passes over the fragments; more if these make fewer than ``MIN_STEPS`` steps.
    seed
        The run's seed.
    device
        Device for training. The encoder is returned on the CPU, where it encodes half a million fragments a
        second.

    Returns
    -------
    The encoder, whitened and in evaluation mode, and the losses of pre-training.
    """
    rng = stream(seed, "pretrain")
    torch.manual_seed(int(rng.integers(2**31)))
    # Initial weights are drawn on the CPU, so that they are the same on every device.
    encoder = ReferenceEncoder(loci, dim).to(device)
    decoder = _Decoder(dim).to(device)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    batches = -(-len(fragments) // BATCH)
    epochs = max(epochs, -(-MIN_STEPS // batches))
    steps = epochs * batches
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    bins = np.minimum(fragments.length // LENGTH_BIN, LENGTH_BINS - 1).astype(np.int64)
    result = None
    for epoch in range(epochs):
        losses = np.zeros(4)  # hidden-length loss and number, hidden-call loss and number
        order = rng.permutation(len(fragments))
        for start in range(0, len(order), BATCH):
            batch = fragments.take(order[start : start + BATCH])
            target = torch.from_numpy(bins[order[start : start + BATCH]]).to(device)
            hide_length = rng.random(len(batch)) < 0.5
            hide_call = rng.random(batch.states.shape) < 0.3
            embedded = encoder(batch, hide_length, hide_call)
            length_losses = functional.cross_entropy(decoder.length(embedded), target, reduction="none")
            rows, columns = np.nonzero(batch.offsets >= 0)
            hidden = hide_call[rows, columns]
            call_bins = np.minimum(batch.offsets[rows, columns] // OFFSET_BIN, OFFSET_BINS - 1).astype(
                np.int64
            )
            logits = decoder.calls(
                embedded, torch.from_numpy(rows).to(device), torch.from_numpy(call_bins).to(device)
            )
            states = torch.from_numpy(batch.states[rows, columns].astype(np.float32)).to(device)
            call_losses = functional.binary_cross_entropy_with_logits(logits, states, reduction="none")
            # Both losses are per fragment; call losses are summed over the calls of a fragment.
            loss = length_losses.mean() + call_losses.sum() / len(batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            losses += [
                float(length_losses.detach().cpu()[torch.from_numpy(hide_length)].sum()),
                hide_length.sum(),
                float(call_losses.detach().cpu()[torch.from_numpy(hidden)].sum()),
                hidden.sum(),
            ]
        result = _summary(losses, bins, fragments)
        logger.info(
            "epoch %d/%d: hidden length %.3f nats (entropy %.3f), hidden call %.3f (entropy %.3f)",
            epoch + 1,
            epochs,
            result.length_loss,
            result.length_floor,
            result.call_loss,
            result.call_floor,
        )
    assert result is not None  # epochs >= 1 by the schema
    encoder.cpu().eval()
    encoder.fit_whitening(fragments)
    return encoder, result


def _summary(losses: np.ndarray, bins: np.ndarray, fragments: FragmentInputs) -> MaskedPretraining:
    shares = np.bincount(bins) / len(bins)
    shares = shares[shares > 0]
    calls = fragments.states[fragments.states >= 0]
    level = float(calls.mean()) if len(calls) else 0.0
    entropy = -sum(p * np.log(p) for p in (level, 1 - level) if p > 0)
    return MaskedPretraining(
        length_loss=float(losses[0] / max(losses[1], 1)),
        length_floor=float(-(shares * np.log(shares)).sum()),
        call_loss=float(losses[2] / max(losses[3], 1)),
        call_floor=float(entropy),
        fragments=len(fragments),
    )


def pooled_fragments(
    tables: list[FragmentTable],
    block_classes: np.ndarray,
    total: int,
    seed: int,
    contig_starts: dict[str, int] | None = None,
) -> FragmentInputs:
    """Draw about ``total`` fragments, the same number from every table."""
    share = -(-total // len(tables))
    parts = []
    for index, table in enumerate(tables):
        rng = stream(seed, "pretrain-fragments", index)
        rows = rng.permutation(len(table))[:share]
        parts.append(inputs_of(table.take(rows), block_classes, contig_starts))
    return FragmentInputs.concatenate(parts)
