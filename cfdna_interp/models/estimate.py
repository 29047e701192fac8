"""Estimates of time, memory and disk that encoding takes."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from cfdna_interp.models.contract import FragmentInputs


@dataclass(frozen=True)
class Estimate:
    """Estimated cost of encoding some fragments, from the time of two batches.

    Attributes
    ----------
    fragments, tokens
        Numbers of fragments and of tokens without padding.
    minutes
        Minutes on this device if nothing else is running.
    memory_gb
        Peak memory of this process so far, on a GPU that of the GPU. It doesn't grow with the number of
        fragments.
    result_gb
        Size of the embeddings.
    """

    fragments: int
    tokens: int
    minutes: float
    memory_gb: float
    result_gb: float

    def __str__(self) -> str:
        return (
            f"{self.fragments:,} fragments of together about {self.tokens:,} tokens: about "
            f"{self.minutes:.1f} minutes, {self.memory_gb:.1f} GB of memory, {self.result_gb:.2f} GB of "
            "embeddings"
        )


@runtime_checkable
class Estimating(Protocol):
    """An encoder that can estimate its cost."""

    def estimate(self, fragments: FragmentInputs, total: int) -> Estimate:
        """Time a few of ``fragments`` and scale up to ``total``."""


def peak_gb(device: torch.device) -> float:
    """Return this process's peak memory in 10^9 bytes: the GPU's on CUDA, else RAM."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    # Linux counts KiB, macOS counts bytes (getrusage(2) of both).
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
