"""Checking a model: each planted fault is found by its name, and sound models are left in peace."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from toys_models import ALL, CALLS, Linear, Network, Tokens, probe_set

from cfdna_interp.models.check import check_model
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.probes.bench import Finding
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.whitening import fit_whitening

LENGTH_ONLY = frozenset({"fragment_length"})


def found(encoder: Encoder, *, place: bool = False) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_model(encoder, probe_set(place=place))}


def names(findings: dict[str, Finding], *status: str) -> set[str]:
    return {finding.name for finding in findings.values() if finding.status in status}


def writes_into_lengths(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    fragments.length[:] = 0
    return embedded


def no_number_without_calls(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    calls = torch.from_numpy(fragments.counts).float()[:, None]
    return embedded + 0 * calls / calls


def row_number(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    return embedded + torch.arange(len(embedded))[:, None] / 100


def carried_over(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    # A state that is not reset between fragments: each gets a tenth of the one before.
    return embedded + 0.1 * torch.cat([torch.zeros(1, embedded.shape[1]), embedded[:-1]])


def relative_to_the_batch(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    return embedded - embedded.mean(dim=0)


class MarksLost(Tokens):
    """Its tokenizer drops the word for a methylated call, as one does that lacks it."""

    def text(self, fragments: FragmentInputs, row: int) -> list[int]:
        return [word for word in super().text(fragments, row) if word != self.methylated]


def bases_alike() -> Tokens:
    """Every base is the unknown word."""
    encoder = Tokens()
    encoder.table[:4] = encoder.table[0].clone()
    return encoder


def fails_on_long(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
    if len(fragments) < 10 and fragments.length.max() > 300:
        raise RuntimeError("position 300 is out of range")
    return embedded


# The encoder, and the names of all faults and warnings expected: the fault, and what follows from it.
PLANTED: dict[str, tuple[Callable[[], Encoder], set[str]]] = {
    "dropout left on": (lambda: Network(nn.Dropout(0.1), training=True), {"determinism"}),
    "random numbers": (lambda: Linear(change=lambda e, f: e + 0.1 * torch.randn_like(e)), {"determinism"}),
    "row number": (lambda: Linear(change=row_number), {"order", "duplicates", "batch"}),
    "state carried over": (lambda: Linear(change=carried_over), {"order", "duplicates", "batch"}),
    "relative to the batch": (lambda: Linear(change=relative_to_the_batch), {"batch", "padding"}),
    "batch normalisation in training": (
        lambda: Network(nn.BatchNorm1d(16), training=True),
        {"batch", "padding"},
    ),
    "no number without calls": (lambda: Linear(change=no_number_without_calls), {"finite", "no calls"}),
    "padding counted": (lambda: Tokens(leak=True), {"padding"}),
    "calls not understood": (lambda: Linear(reads=ALL - CALLS), {"methylation", "tissue_of_origin"}),
    "calls inside blocks not understood": (
        lambda: Linear(reads=ALL - {"tissue_of_origin"}),
        {"tissue_of_origin"},
    ),
    "word for a methylated call not in the vocabulary": (MarksLost, {"methylation", "tissue_of_origin"}),
    "bases not in the vocabulary": (bases_alike, {"sequence"}),
    "length not read": (lambda: Linear(reads=ALL - {"fragment_length"}), {"fragment_length"}),
    "locus not declared": (lambda: Linear(consumes=ALL - {"locus"}, reads=ALL), {"locus"}),
    "calls not declared": (
        lambda: Linear(consumes=LENGTH_ONLY, reads=ALL - {"locus"}),
        {"methylation", "tissue_of_origin"},
    ),
    "bases not declared": (
        lambda: Linear(
            change=lambda e, f: e * (2 + torch.sin(torch.from_numpy(f.place)))[:, None].float(),
            consumes=ALL - {"locus"},
        ),
        {"sequence"},
    ),
    "wrong length of embedding": (lambda: Linear(change=lambda e, f: e[:, :-1]), {"output"}),
    "double precision": (lambda: Linear(change=lambda e, f: e.double()), {"output"}),
    "another device": (lambda: Linear(change=lambda e, f: e.to("meta")), {"output"}),
    "gradients kept": (lambda: Linear(change=lambda e, f: e.requires_grad_()), {"output"}),
    "raises": (lambda: Linear(change=lambda e, f: e[:, :3] @ e), {"output"}),
    "writes into its input": (lambda: Linear(change=writes_into_lengths), {"input"}),
    "all the same": (lambda: Linear(change=lambda e, f: torch.ones_like(e)), {"constant"}),
    "out of range": (lambda: Linear(change=lambda e, f: e * 1e20), {"scale"}),
    "denormal": (lambda: Linear(change=lambda e, f: e * 1e-39), {"scale"}),
    "dead dimensions": (lambda: Linear(change=lambda e, f: e * (torch.arange(8) > 2)), {"dimensions"}),
    "repeated dimensions": (
        lambda: Linear(change=lambda e, f: e[:, [0, 1, 2, 3, 4, 5, 6, 0]]),
        {"dimensions"},
    ),
    "too short a context": (lambda: Linear(change=fails_on_long), {"longest", "padding"}),
    "no digest": (lambda: Linear(digest="v1"), {"declaration"}),
    "unknown name in consumes": (lambda: Linear(consumes=frozenset({"length"})), {"declaration"}),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_by_name(fault: str) -> None:
    build, expected = PLANTED[fault]
    torch.manual_seed(0)
    encoder = build()
    findings = found(encoder, place=isinstance(encoder, Tokens) or fault == "bases not declared")
    assert names(findings, "fault", "warning") == expected
    assert all(findings[name].remedy for name in expected)


def sound_encoders() -> dict[str, tuple[Encoder, bool]]:
    torch.manual_seed(0)
    reference = ReferenceEncoder(loci=4, dim=16).eval()
    reference.fit_whitening(probe_set(3_000, seed=1))
    whitened = fit_whitening(Network(nn.GELU()), probe_set(3_000, seed=1), 8)
    return {
        "fresh reference encoder": (ReferenceEncoder(loci=4, dim=16).eval(), False),
        "whitened reference encoder": (reference, False),
        "linear": (Linear(), False),
        "whitened network": (whitened, False),
        "length only": (Linear(consumes=LENGTH_ONLY, dim=3), False),
        "tokens, mean": (Tokens(), True),
        "tokens, positions": (Tokens(positions=True), True),
    }


@pytest.mark.parametrize("name", list(sound_encoders()))
def test_a_sound_encoder_is_left_in_peace(name: str) -> None:
    encoder, place = sound_encoders()[name]
    assert names(found(encoder, place=place), "fault", "warning") == set()


def test_twenty_random_sound_encoders_raise_no_alarm() -> None:
    # Whatever they read and declare, linear or not, whitened or not, large or small.
    rng = np.random.default_rng(3)
    for trial in range(20):
        consumes = frozenset(name for name in sorted(ALL) if rng.random() < 0.6) or LENGTH_ONLY
        size = 10.0 ** rng.integers(-2, 3)
        encoder: Encoder = Linear(
            consumes=consumes,
            dim=int(rng.integers(2, 40)),
            seed=trial,
            change=lambda e, f, size=size, bent=trial % 2: size * (torch.tanh(e) if bent else e),
        )
        if trial % 3 == 0:
            encoder = fit_whitening(encoder, probe_set(2_000, seed=trial), 6)
        findings = check_model(encoder, probe_set(seed=trial))
        assert [finding for finding in findings if finding.status in ("fault", "warning")] == []


def figure(finding: Finding, pattern: str) -> float:
    match = re.search(pattern, finding.sentence)
    assert match is not None, finding.sentence
    return float(match[1])


def test_a_sum_over_tokens_is_told_from_a_mean() -> None:
    # Without wrappers a mean over tokens is exactly the mean of its halves weighted by their tokens, and a
    # sum twice that for halves of equal length. Methylated calls make halves unequal by a token or two.
    mean, total = (found(Tokens(pooling, wrappers=0), place=True)["pooling"] for pooling in ("mean", "sum"))
    assert figure(mean, r"is ([\d.]+) times") == pytest.approx(1, abs=0.02)
    assert figure(total, r"is ([\d.]+) times") == pytest.approx(2, abs=0.02)
    assert (figure(mean, r"(\d+)% of their spread") <= 2, "with a mean" in mean.sentence) == (True, True)
    assert (figure(total, r"length correlate at ([+-][\d.]+)") > 0.9, "with a sum" in total.sentence) == (
        True,
        True,
    )


def test_positions_leave_a_rest_that_halves_do_not_tell() -> None:
    plain, turned = (
        figure(found(Tokens(positions=positions), place=True)["pooling"], r"(\d+)% of their spread")
        for positions in (False, True)
    )
    assert plain < 20 < turned


def test_length_is_seen_where_it_is_and_not_where_it_is_not() -> None:
    # A sum over tokens holds the numbers of A, C, G and T, whose sum is the length.
    seen = found(Tokens("sum", wrappers=0), place=True)
    assert figure(seen["length"], r"R² (-?[\d.]+)") > 0.98
    unseen = found(Linear(consumes=frozenset({"methylation"})))
    assert figure(unseen["length"], r"R² (-?[\d.]+)") < 0.1
    assert "length through calls" not in unseen


@pytest.mark.parametrize("extra", [0.0, 5.0])
def test_what_a_methylated_call_adds_to_the_length_read_is_measured(extra: float) -> None:
    # The first dimension is the length plus ``extra`` bp a methylated call, in units of 40 bp; no other
    # dimension tells length, so that the read-out is the inverse of it, up to the little that the calls
    # themselves vary (a variance of some 2 calls x 25 bp² beside some 4,000 bp² of length).
    def grows(embedded: torch.Tensor, fragments: FragmentInputs) -> torch.Tensor:
        tokens = fragments.length + extra * (fragments.states == 1).sum(axis=1)
        return torch.from_numpy(np.stack([tokens / 40, np.sin(tokens)], axis=1)).float()

    encoder = Linear(dim=2, consumes=LENGTH_ONLY | CALLS if extra else LENGTH_ONLY, change=grows)
    finding = found(encoder)["length through calls"]
    assert figure(finding, r"reads as ([+-][\d.]+) bp") == pytest.approx(extra, abs=0.3)
