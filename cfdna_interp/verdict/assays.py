"""The bench test of a hypothesis: what to measure on the DNA itself, without the library."""

from __future__ import annotations

from dataclasses import dataclass

from cfdna_interp.verdict.lengths import Counted, Range

# Two primers of 20 to 25 nt leave room for little else.
SHORTEST_AMPLICON = 50
REFERENCE_AMPLICON = 65
# Longer than a fragment of one nucleosome ever is (MONO ends at 220 bp).
BEYOND_MONO = 225
CLEAR_OF_MONO = 260
# A band is told from its neighbours where it is at least this share of its length wide.
RESOLUTION = 0.1

BY_GROUP = {
    "fragment_length": (
        "capillary electrophoresis of the plasma DNA; short and long amplicons of one locus by qPCR or "
        "digital PCR; sequencing of size-selected libraries"
    ),
    "methylation": "targeted bisulfite amplicons over open-sea and island CpGs outside marker blocks",
    "tissue_of_origin": "targeted bisulfite amplicons over the marker blocks of the tissue",
    "methylation_by_length": "targeted bisulfite amplicons on size-selected DNA of the same plasma",
    "end_motif": "nuclease activity of plasma; end motifs of single-stranded libraries of the same plasma",
}
UNKNOWN = "a measurement of the feature by a method that shares no step with the sequencing library"


@dataclass(frozen=True)
class Amplicons:
    """Two amplicons of one locus with the same centre, in bp.

    ``rises`` names the ratio that goes up with the fragments of interest, ``short/long`` or ``long/short``.
    """

    short: int
    long: int
    rises: str


def amplicons(lengths: Range) -> Amplicons | None:
    """Choose the amplicons by which PCR sees a range of fragment lengths; None where none can.

    A fragment of length l holds an amplicon of length L in l - L + 1 positions, none where L > l. For a range
    that ends within one nucleosome the long amplicon is just longer than the range (it doesn't see it) and
    the short one .6 of its lower end (it does, with room for the ends of fragments): more fragments of the
    range raise short/long. For ranges beyond one nucleosome the short amplicon is the reference for all
    fragments, and the long one does not see single nucleosomes: more fragments of the range raise long/short.
    A range across that border, or so near it that hardly a position is left for the long amplicon, moves
    neither ratio reliably.
    """
    if lengths.high < BEYOND_MONO:
        short = max(SHORTEST_AMPLICON, _to_five(0.6 * lengths.low))
        return Amplicons(min(short, lengths.high), _to_five(lengths.high + 4), "short/long")
    if lengths.low < CLEAR_OF_MONO:
        return None
    return Amplicons(REFERENCE_AMPLICON, max(BEYOND_MONO, _to_five(0.85 * lengths.low)), "long/short")


def assay(group: str, lengths: Counted) -> str:
    """Return the test of a feature in words, with amplicon lengths where it is about a range of lengths."""
    if group != "fragment_length" or lengths.more is None:
        return group_assay(group)
    # Of two ranges the one of single nucleosomes is the easier to amplify apart.
    span = lengths.more if lengths.less is None or lengths.more.low < lengths.less.low else lengths.less
    pair = amplicons(span)
    what = f"{span.low}-{span.high} bp"
    width = span.high - span.low + 1
    electrophoresis = (
        f"capillary electrophoresis of the plasma DNA, share of {what}"
        if width >= RESOLUTION * span.high
        else f"no capillary electrophoresis, which does not resolve {width} bp at {span.high} bp"
    )
    copies = (
        "no pair of amplicons, since single nucleosomes lie in the range or beside it"
        if pair is None
        else f"digital PCR or qPCR of one locus with amplicons of {pair.short} and {pair.long} bp "
        f"({pair.rises} rises with fragments of {what})"
    )
    return (
        f"{copies}; {electrophoresis}; libraries of the same plasma, size-selected inside and outside {what}"
    )


def group_assay(group: str) -> str:
    """Return what measures a feature group on the DNA itself, in words."""
    return BY_GROUP.get(group, UNKNOWN)


def _to_five(length: float) -> int:
    return 5 * round(length / 5)
