"""Probes of independence: an embedding must depend on its own fragment alone."""

from __future__ import annotations

import numpy as np

from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.probes.bench import Bench, Finding, RefusedError, judged, spread_rows
from cfdna_interp.models.probes.perturb import all_calls, trimmed, without_calls

_ALONE = 8  # fragments encoded one by one
_SOME = 64


def order(bench: Bench) -> Finding:
    """Probe whether fragments in another order give the same embeddings in that order."""
    backwards = np.arange(len(bench.fragments))[::-1]
    embedded = bench.encode(bench.fragments.take(backwards), "the fragments backwards")
    return judged(
        "order",
        bench.farthest(bench.embedded[backwards], embedded),
        "the fragments forwards and backwards",
        "let nothing depend on the row number or on the fragments before",
    )


def duplicates(bench: Bench) -> Finding:
    """Probe whether a fragment that comes twice in a call has one embedding."""
    rows = spread_rows(len(bench.fragments), _SOME)
    embedded = bench.encode(bench.fragments.take(np.repeat(rows, 2)), "each fragment twice")
    return judged(
        "duplicates",
        bench.farthest(embedded[::2], embedded[1::2]),
        "a fragment and its copy in one call",
        "let nothing depend on the row number or on the fragments before",
    )


def padding(bench: Bench) -> Finding:
    """Probe whether the shortest fragment has the same embedding alone and together with the longest."""
    longest, shortest = int(bench.fragments.length.argmax()), int(bench.fragments.length.argmin())
    pair = bench.fragments.take(np.array([shortest, longest]))
    alone = bench.encode(pair.take(np.array([0])), "the shortest fragment by itself")
    beside = bench.encode(pair, "the shortest fragment together with the longest")[:1]
    lengths = f"{pair.length[0]} bp alone and together with {pair.length[1]} bp"
    return judged(
        "padding",
        bench.farthest(alone, beside),
        f"a fragment of {lengths}",
        "mask padding in attention, pooling and positions: length would be read off it",
    )


def company(bench: Bench) -> Finding:
    """Probe whether a fragment has the same embedding alone and with others that need no padding."""
    twins = _same_shape(bench.fragments)
    together = bench.encode(twins, f"{len(twins)} fragments of one length")
    few = spread_rows(len(twins), _ALONE)
    try:
        alone = np.concatenate(
            [bench.encode(twins.take(np.array([row])), "a fragment by itself") for row in few]
        )
    except RefusedError as error:
        return Finding("batch", "fault", str(error), _COMPANY)
    return judged(
        "batch",
        bench.farthest(together[few], alone),
        f"{len(few)} fragments one by one and together with {len(twins) - 1} of the same length",
        _COMPANY,
    )


_COMPANY = "put the model into evaluation mode (batch normalisation in training?) and normalise per fragment"


def _same_shape(fragments: FragmentInputs) -> FragmentInputs:
    """Return fragments of one length with equally many unmethylated calls, so that texts are equally long."""
    length = int(np.quantile(fragments.length, 0.25))
    fits = (fragments.length >= length) & (fragments.offsets.max(axis=1) < length - 1)
    counts = np.where(fits, fragments.counts, -1)
    called = counts[counts > 0]
    wanted = np.bincount(called).argmax() if len(called) else 0
    chosen = fragments.take(np.flatnonzero(counts == wanted)[:_SOME])
    return all_calls(trimmed(chosen, chosen.length - length), 0)


def edges(bench: Bench) -> list[Finding]:
    """Probe extreme fragments: without calls, shortest, longest, all calls in one state."""
    fragments = bench.fragments
    some = fragments.take(spread_rows(len(fragments), _SOME))
    called = fragments.take(np.flatnonzero(fragments.counts > 0)[:_SOME])
    by_length = np.argsort(fragments.length, kind="stable")
    cases = {
        "no calls": without_calls(some),
        "shortest": fragments.take(by_length[:4]),
        "longest": fragments.take(by_length[-4:]),
        "all methylated": all_calls(called, 1),
        "all unmethylated": all_calls(called, 0),
    }
    findings = []
    for name, case in cases.items():
        if len(case) == 0:
            findings.append(Finding(name, "information", "not probed: no fragment has a call"))
            continue
        lengths = f"{case.length.min()} to {case.length.max()} bp"
        try:
            broken = int(
                (~np.isfinite(bench.encode(case, f"fragments of {lengths}, {name}"))).any(axis=1).sum()
            )
        except RefusedError as error:
            findings.append(
                Finding(name, "fault", str(error), "correct the model, or leave such fragments out")
            )
            continue
        text = f"{broken} of {len(case)} embeddings of fragments of {lengths} are not finite"
        remedy = "look for means over nothing and logarithms of 0" if broken else ""
        findings.append(Finding(name, "fault" if broken else "ok", text, remedy))
    return findings
