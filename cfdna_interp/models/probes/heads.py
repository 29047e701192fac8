"""Probes of a head: its logit must not depend on order, chunks, repeats or other samples of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch

from cfdna_interp.models.pooling import region_rows
from cfdna_interp.models.probes.bench import Finding

_EQUAL = 1e-4  # allowed change by another order of summing, relative to max(1, |logit|)
_CHUNKS = 7


class Head(Protocol):
    """The interface of a head to the probes; see ``head.AttentionHead``."""

    def of_samples(
        self, embeddings: torch.Tensor, sample: torch.Tensor, regions: torch.Tensor, samples: int
    ) -> torch.Tensor:
        """Return (samples,) logits of (n, dim) fragments in any order, each with its sample and region."""

    def of_stream(self, chunks: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """Return the logit of one sample whose (embeddings, regions) come in chunks."""


@torch.inference_mode()
def head_probes(head: Head, embeddings: np.ndarray) -> list[Finding]:
    """Probe a head with a bag of (n, dim) embeddings and with parts of it."""
    bag = torch.from_numpy(embeddings).float()
    n = len(bag)
    regions = torch.from_numpy(region_rows(n))

    def logit(rows: np.ndarray) -> float:
        index = torch.from_numpy(rows)
        return float(head.of_samples(bag[index], torch.zeros_like(index), regions[index], 1)[0])

    rows = np.arange(n)
    whole = logit(rows)
    streamed = float(
        head.of_stream(
            (bag[part], regions[part]) for part in map(torch.from_numpy, np.array_split(rows, _CHUNKS))
        )
    )
    half = n // 2
    samples = torch.from_numpy((rows >= half).astype(np.int64))
    beside = float(head.of_samples(bag, samples, regions, 2)[0])
    return [
        _compared("bag order", "backwards", whole, logit(rows[::-1].copy()), "use no place in the bag"),
        _compared("bag chunks", f"in {_CHUNKS} chunks", whole, streamed, "merge sums before normalising"),
        _compared(
            "bag size",
            "with every fragment twice",
            whole,
            logit(np.repeat(rows, 2)),
            "normalise pooling by the number of fragments: depth would be read off the sum",
        ),
        _compared("bag company", "with another sample", logit(rows[:half]), beside, "normalise per sample"),
    ]


def _compared(name: str, how: str, first: float, second: float, remedy: str) -> Finding:
    # The comparison is written so that it is false for NaN.
    equal = abs(first - second) <= _EQUAL * max(1.0, abs(first))
    text = f"a bag has the logit {first:.4f}, and {second:.4f} {how}"
    return Finding(name, "ok" if equal else "fault", text, "" if equal else remedy)
