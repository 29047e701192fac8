"""Heads on the bench: a bag is a set of fragments, however it is handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from toys_models import Linear, probe_set

from cfdna_interp.models.check import check_heads, check_model
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.probes.heads import Head, head_probes


def attention_head(dim: int, seed: int = 0) -> AttentionHead:
    head = AttentionHead(dim, scale=0.5).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in head.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return head


class Pooling:
    """Pools with a given function and reads the first dimension off; streams one chunk after the other."""

    def __init__(
        self,
        pool: Callable[[torch.Tensor], torch.Tensor],
        *,
        by_chunk: bool = False,
        common: bool = False,
    ) -> None:
        self.pool, self.by_chunk, self.common = pool, by_chunk, common

    def of_samples(
        self, embeddings: torch.Tensor, sample: torch.Tensor, regions: torch.Tensor, samples: int
    ) -> torch.Tensor:
        if self.common:
            embeddings = embeddings - embeddings.mean(dim=0) * (samples > 1)
        return torch.stack([self.pool(embeddings[sample == i])[0] for i in range(samples)])

    def of_stream(self, chunks: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        parts = [embeddings for embeddings, _ in chunks]
        if self.by_chunk:
            return torch.stack([self.pool(part)[0] for part in parts]).mean()
        return self.pool(torch.cat(parts))[0]


def mean(bag: torch.Tensor) -> torch.Tensor:
    return bag.mean(dim=0)


PLANTED: dict[str, tuple[Head, set[str]]] = {
    "sum over fragments": (Pooling(lambda bag: bag.sum(dim=0)), {"bag size"}),
    "first fragment": (Pooling(lambda bag: bag[0]), {"bag order"}),
    "largest of each chunk, averaged": (
        Pooling(lambda bag: bag.max(dim=0).values, by_chunk=True),
        {"bag chunks"},
    ),
    "normalised over samples": (Pooling(mean, common=True), {"bag company"}),
    "no number": (
        Pooling(lambda bag: bag.sum(dim=0) * torch.nan),
        {"bag order", "bag chunks", "bag size", "bag company"},
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_of_a_head_is_found_by_name(fault: str) -> None:
    head, expected = PLANTED[fault]
    embeddings = np.random.default_rng(0).normal(1.0, 1.0, (301, 4))
    found = head_probes(head, embeddings)
    assert {finding.name for finding in found if finding.status == "fault"} == expected
    assert all(finding.remedy for finding in found if finding.name in expected)


@pytest.mark.parametrize("seed", range(5))
def test_attention_heads_and_means_are_left_in_peace(seed: int) -> None:
    embeddings = np.random.default_rng(seed).normal(0, 2.0, (300, 8))
    for head in (attention_head(8, seed), Pooling(mean)):
        assert {finding.status for finding in head_probes(head, embeddings)} == {"ok"}


def test_a_head_is_checked_with_its_encoder_and_from_its_file(tmp_path: Path) -> None:
    encoder, fragments = Linear(), probe_set()
    head = attention_head(encoder.dim)
    given = check_model(encoder, fragments, head=head)[-4:]
    path = tmp_path / "heads.safetensors"
    CrossFit(np.zeros(2, dtype=np.int64), [[head]]).save(path, ["S1", "S2"])
    assert check_heads(path, encoder, fragments) == given
    assert [finding.name for finding in given] == ["bag order", "bag chunks", "bag size", "bag company"]
