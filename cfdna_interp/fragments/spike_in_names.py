"""Which contigs of a header hold DNA that the laboratory added."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cfdna_interp.records.qc import SpikeInKind

# Names without case, signs and version: what NCBI, Bismark, NEB's and Illumina's references call them.
_NAMES: dict[SpikeInKind, str] = {
    "lambda": "lambda lambdaphage phagelambda lambdadna lambdaneb unmethylatedlambda lambdaspikein nc001416 "
    "j02459 enterobacteriaphagelambda escherichiaphagelambda",
    "pUC19": "puc19 puc19c plasmidpuc19 plasmidpuc19c methylatedpuc19 puc19spikein l09137 m77789",
    "phiX": "phix phix174 phixspikein phagephix phagephix174 phixilluminarta nc001422 j02482 "
    "enterobacteriaphagephix174 escherichiaphagephix174",
    "Xp12": "xp12 phagexp12",
    "T4": "t4 phaget4 nc000866 af158101 escherichiaphaget4",
}
_KIND_OF: dict[str, SpikeInKind] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# A name that only begins or ends like these may be a locus, such as that of the immunoglobulin lambda chain.
# Of the same length it is the phage or the plasmid.
_BASES: dict[SpikeInKind, int] = {"lambda": 48_502, "pUC19": 2_686, "phiX": 5_386}
_PARTS: dict[str, SpikeInKind] = {
    "lambda": "lambda",
    "l": "lambda",
    "nc001416": "lambda",
    "j02459": "lambda",
    "puc19": "pUC19",
    "puc19c": "pUC19",
    "l09137": "pUC19",
    "m77789": "pUC19",
    "phix": "phiX",
    "phix174": "phiX",
    "nc001422": "phiX",
    "j02482": "phiX",
}


def spike_in(name: str, length: int | None = None) -> SpikeInKind | None:
    """Return what a contig is, None for any that is no spike-in.

    Parameters
    ----------
    name
        Of the contig.
    length
        Its length in bp, None unknown.
    """
    whole = re.sub(r"[^a-z0-9]", "", re.sub(r"\.\d+$", "", name.lower().removeprefix("chr")))
    if (kind := _KIND_OF.get(whole)) is not None:
        return kind
    # "gi|9626243|ref|NC_001416.1|", "spike_lambda", "chrL"
    parts = re.split(r"[^a-z0-9]+", re.sub(r"(nc)_(\d+)", r"\1\2", name.lower().removeprefix("chr")))
    for part in parts:
        kind = _PARTS.get(part)
        if kind is not None and length == _BASES[kind]:
            return kind
    return None


def spike_ins(names: Sequence[str], lengths: Sequence[int] | None) -> dict[int, SpikeInKind]:
    """Return contig index -> kind, of the contigs of a header that are spike-ins; lengths may be unknown."""
    known: Sequence[int | None] = lengths or [None] * len(names)
    kinds = ((index, spike_in(*contig)) for index, contig in enumerate(zip(names, known, strict=True)))
    return {index: kind for index, kind in kinds if kind is not None}
