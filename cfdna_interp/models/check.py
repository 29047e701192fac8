"""Checks of a model before a long run: inputs are varied and outputs are compared.

The probes test the assumptions of every later number. An embedding depends on its own fragment alone. The
encoder reads what it declares and nothing else. A fragment has the same embedding in every call and every
batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.probes import independence, inputs, output, visibility
from cfdna_interp.models.probes.bench import Bench, Finding, RefusedError
from cfdna_interp.models.probes.heads import Head, head_probes

FRAGMENTS = 300
_FEWEST = 32  # fragments with finite embeddings that the probes need


def check_model(encoder: Encoder, fragments: FragmentInputs, *, head: Head | None = None) -> list[Finding]:
    """Probe an encoder, and a head on its embeddings.

    Parameters
    ----------
    encoder
        The encoder.
    fragments
        About ``FRAGMENTS`` fragments in random order, real ones if there are any.
    head
        A head for embeddings of this encoder.

    Returns
    -------
    The findings of the probes, in their order. If a fault makes later probes meaningless, they are left out
    and the last finding says so.

    Raises
    ------
    ValueError
        There are fewer than 32 fragments.
    """
    if len(fragments) < _FEWEST:
        raise ValueError(f"{len(fragments)} fragments are too few to probe a model; give {_FEWEST} or more")
    findings = output.declaration(encoder)
    if _faulty(findings):
        return [*findings, _left_out("declaration")]
    findings += output.output(encoder, fragments)
    if any(finding.name == "output" and finding.status == "fault" for finding in findings):
        return [*findings, _left_out("output")]
    finite, finding = output.finite_rows(encoder, fragments)
    findings.append(finding)
    if finite.sum() < _FEWEST:
        return [*findings, _left_out("finite")]
    bench = Bench(encoder, fragments.take(np.flatnonzero(finite)))
    for first in (output.constant, output.determinism):
        findings += _asked(bench, first)
        if findings[-1].status == "fault":
            return [*findings, *_asked(bench, output.scale), _left_out(findings[-1].name)]
    probes: list[Callable[[Bench], Finding | list[Finding]]] = [
        *(independence.order, independence.duplicates, independence.company, independence.padding),
        *(independence.edges, output.scale, output.dimensions, inputs.inputs, visibility.length_visible),
    ]
    if "sequence" in encoder.consumes:
        probes.append(visibility.pooling)
    for probe in probes:
        findings += _asked(bench, probe)
    if head is not None:
        findings += head_probes(head, bench.embedded)
    return findings


def check_heads(path: Path, encoder: Encoder, fragments: FragmentInputs) -> list[Finding]:
    """Probe the first of a run's heads.

    Parameters
    ----------
    path
        File written by ``crossfit.CrossFit.save``.
    encoder
        The encoder that the heads were fitted to, whitening included.
    fragments
        About ``FRAGMENTS`` fragments.

    Raises
    ------
    InputError
        The file can't be read.
    """
    head = CrossFit.load(path).heads[0][0]
    return head_probes(head, encoder.encode(fragments).numpy())


def _asked(bench: Bench, probe: Callable[[Bench], Finding | list[Finding]]) -> list[Finding]:
    try:
        findings = probe(bench)
    except RefusedError as error:
        name = probe.__name__.replace("_", " ")
        return [Finding(name, "fault", str(error), "correct the model, or its settings in the config")]
    return [findings] if isinstance(findings, Finding) else findings


def _faulty(found: list[Finding]) -> bool:
    return any(finding.status == "fault" for finding in found)


def _left_out(name: str) -> Finding:
    return Finding("further probes", "information", f"not probed: they mean nothing until {name} is sound")
