"""Probes of the output: shape, type, finite numbers, scale, and the same result each time."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import torch

from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.probes.bench import Bench, Finding, copied, judged

WORDS = ("fragment_length", "methylation", "tissue_of_origin", "locus", "sequence")
_LARGE = 1e4  # norm above which differences between fragments lose digits
_RANGE = 1e18  # norm whose square leaves the range of single precision


def declaration(encoder: Encoder) -> list[Finding]:
    """Probe the attributes of the encoder: ``dim``, ``consumes`` and ``digest``."""
    findings = []
    dim, consumes, digest = (getattr(encoder, name, None) for name in ("dim", "consumes", "digest"))
    if not isinstance(dim, int) or dim < 1:
        findings.append(
            Finding("declaration", "fault", f"dim is {dim!r}", "declare the length of an embedding as dim")
        )
    unknown = None if not isinstance(consumes, (set, frozenset)) else sorted(map(str, consumes - set(WORDS)))
    if not consumes or unknown is None or unknown:
        findings.append(
            Finding(
                "declaration",
                "fault",
                f"consumes is {consumes!r}",
                f"declare what is read as a set of these names: {', '.join(WORDS)}",
            )
        )
    if not isinstance(digest, str) or re.fullmatch("[0-9a-f]{64}", digest) is None:
        findings.append(
            Finding(
                "declaration",
                "fault",
                f"digest is {digest!r}",
                "declare a SHA-256 in hexadecimal over weights, rendering and pooling",
            )
        )
    if not findings:
        text = f"embeddings of length {dim}, from {', '.join(w for w in WORDS if w in (consumes or ()))}"
        findings.append(Finding("declaration", "ok", text))
    return findings


def output(encoder: Encoder, fragments: FragmentInputs) -> list[Finding]:
    """Probe shape, type, device and gradient of the result of ``encode``, and that its input is unchanged."""
    given = copied(fragments)
    try:
        # The result may violate the contract, so its type is unknown.
        embedded: object = encoder.encode(given)
    except Exception as error:  # foreign code fails in ways of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        text = f"encoding {len(fragments)} fragments fails ({reason})"
        return [Finding("output", "fault", text, "correct the model, or its settings in the config")]
    wrong = []
    if not isinstance(embedded, torch.Tensor):
        wrong.append(f"a {type(embedded).__name__} instead of a tensor")
    else:
        wanted = (len(fragments), encoder.dim)
        if tuple(embedded.shape) != wanted:
            wrong.append(f"shape {tuple(embedded.shape)} instead of {wanted}")
        if embedded.dtype != torch.float32:
            wrong.append(f"{embedded.dtype} instead of torch.float32")
        if embedded.device.type != "cpu":
            wrong.append(f"a tensor on {embedded.device} instead of the CPU")
        if embedded.requires_grad:
            wrong.append("a tensor that carries gradients, which keeps the memory of every call")
    changed = [
        item.name
        for item in fields(fragments)
        if not np.array_equal(getattr(given, item.name), getattr(fragments, item.name))
    ]
    return [
        Finding("output", "fault", f"encode returns {'; '.join(wrong)}", "return (n, dim) float32 on the CPU")
        if wrong
        else Finding(
            "output", "ok", f"{len(fragments)} fragments give {len(fragments)} × {encoder.dim} float32"
        ),
        Finding("input", "fault", f"encode writes into {', '.join(changed)}", "work on a copy of the arrays")
        if changed
        else Finding("input", "ok", "encode leaves the fragments as they are"),
    ]


def finite_rows(encoder: Encoder, fragments: FragmentInputs) -> tuple[np.ndarray, Finding]:
    """Return (n,) bool, which fragments have a finite embedding, and the finding about them."""
    finite = torch.isfinite(encoder.encode(copied(fragments))).all(dim=1).numpy()
    if finite.all():
        return finite, Finding("finite", "ok", f"all {len(finite)} embeddings are finite numbers")
    broken = ~finite
    silent = int((fragments.counts[broken] == 0).sum())
    text = (
        f"{broken.sum()} of {len(finite)} embeddings hold infinities or no numbers; {silent} of these "
        f"fragments have no calls, their lengths are {fragments.length[broken].min()} to "
        f"{fragments.length[broken].max()} bp"
    )
    return finite, Finding("finite", "fault", text, "look for means over nothing and logarithms of 0")


def determinism(bench: Bench) -> Finding:
    """Probe whether a repeated call gives the same result."""
    again = bench.encode(bench.fragments, "the fragments again")
    bench.noise = bench.farthest(bench.embedded, again)
    return judged(
        "determinism",
        bench.noise,
        "the same call twice",
        "put the model into evaluation mode (dropout left on?) and draw no random numbers",
    )


def constant(bench: Bench) -> Finding:
    """Probe whether embeddings differ between fragments."""
    deviation = np.sqrt(((bench.embedded - bench.embedded.mean(axis=0)) ** 2).sum(axis=1).mean())
    size = np.sqrt((bench.embedded**2).sum(axis=1).mean())
    if deviation <= 1e-6 * size:
        text = f"all {len(bench.embedded)} embeddings are the same (spread {deviation:.2g}, norm {size:.2g})"
        return Finding("constant", "fault", text, "check pooling and weights: the model sees no fragment")
    return Finding("constant", "ok", f"embeddings spread by {deviation:.2g} at a norm of {size:.2g}")


def scale(bench: Bench) -> Finding:
    """Probe whether norms let single precision resolve the differences between fragments."""
    norms = np.sqrt((bench.embedded**2).sum(axis=1))
    smallest, median, largest = np.quantile(norms, [0, 0.5, 1])
    text = f"norms from {smallest:.2g} to {largest:.2g}, median {median:.2g}"
    if largest > _RANGE or median < 1 / _RANGE:
        return Finding(
            "scale", "fault", f"{text}: squares leave the range of single precision", "scale the output"
        )
    if largest > _LARGE or median < 1 / _LARGE or largest > 100 * median:
        return Finding(
            "scale",
            "warning",
            f"{text}: single precision loses digits",
            "normalise the output, e.g. LayerNorm",
        )
    return Finding("scale", "ok", text)


def dimensions(bench: Bench) -> Finding:
    """Probe for dimensions that are constant or repeat another one."""
    n, dim = bench.embedded.shape
    deviation = bench.embedded.std(axis=0)
    alive = deviation > 1e-6 * max(float(np.abs(bench.embedded).max()), 1e-300)
    standard = (bench.embedded[:, alive] - bench.embedded[:, alive].mean(axis=0)) / deviation[alive]
    alike = np.abs(np.triu(standard.T @ standard / n, k=1)) > 1 - 1e-6
    twins = int(alike.any(axis=0).sum())
    dead = int((~alive).sum())
    text = f"{dead} of {dim} dimensions are constant, {twins} repeat another one"
    if dead or twins:
        return Finding(
            "dimensions", "warning", text, "nothing is lost by it: whitening drops them; check the pooling"
        )
    return Finding("dimensions", "ok", text)
