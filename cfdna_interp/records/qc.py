"""``qc/{sample}.json``: what became of a sample's reads, how good its calls are, and whether it is kept."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile

# How methylation calls are written; docs/extraction.md describes each.
Dialect = Literal["xm", "mm", "reference", "none"]
# What a sample says of a cell type.
Presence = Literal["present", "absent", "cannot_tell"]


class ReadCounts(Record, frozen=True, kw_only=True):
    """Where the reads of a file went.

    Every read is in a fragment or under one reason: the reasons and the reads in fragments (two each, one
    with ``reads: single``) add up to ``reads``. Reasons stand here in the order in which they are judged; the
    first that holds counts, and it counts for both mates of a pair. A line of a fragment file counts as two
    reads.

    Attributes
    ----------
    reads
        All reads of the file.
    secondary_supplementary, unmapped
        Reads whose flags say so.
    mate_missing
        Reads without a mate by their flags, or whose mate is not where the read's record says.
    off_contig
        Reads on a contig that is not in ``extract.contigs``.
    mate_elsewhere
        Reads whose mate is on another contig, by the read's own record.
    mate_distant
        Reads whose mate begins more than the largest length away, by the read's own record.
    qc_fail, duplicate
        Pairs in which a mate has the flag.
    low_mapq
        Pairs under the least mapping quality.
    malformed
        Pairs with a CIGAR that doesn't fit its read, or with tags beyond the end of the record.
    not_inward
        Pairs that do not face each other.
    not_proper
        With ``pairs: proper``, pairs without the aligner's flag.
    length_out_of_range, blacklisted
        Pairs whose fragment is too short or too long, or touches the blacklist.
    no_sequence
        Pairs in which a mate has no bases.
    fragments
        Fragments that are left.
    overlap_calls_merged, overlap_calls_discordant
        CpGs that both mates read and agree, or disagree, about. They are counted before calls beyond the
        fragment's ends are dropped: mates may be longer than their molecule.
    """

    reads: int
    secondary_supplementary: int
    unmapped: int
    mate_missing: int
    off_contig: int
    mate_elsewhere: int
    mate_distant: int
    qc_fail: int
    duplicate: int
    low_mapq: int
    malformed: int
    not_inward: int
    not_proper: int
    length_out_of_range: int
    blacklisted: int
    no_sequence: int
    fragments: int
    overlap_calls_merged: int
    overlap_calls_discordant: int


class Technical(Record, frozen=True, kw_only=True):
    """What the alignments say of the laboratory; each is a ``technical_`` column of the feature matrices.

    Null is unknown. A fragment file tells nothing of duplicates, mapping, reads and conversion, and without a
    FASTA nothing of GC.

    Attributes
    ----------
    fragments
        Number of fragments.
    duplicate_rate
        Share of duplicates among primary mapped reads.
    mapq_loss
        Share under the least mapping quality, among primary mapped reads that are no duplicates.
    gc
        Share of G and C among all known bases inside the fragments.
    read_length
        Bases of the longest read: a mean over trimmed reads would follow fragment length.
    conversion
        1 − methylated share of CHH calls. Null without calls, and where modified bases are read directly:
        nothing is converted there.
    over_600bp
        Share of fragments above 600 bp; these are mostly of lysed cells.
    m_bias_5p, m_bias_3p
        Bases to leave out at these ends of the reads, the larger number of the two mates.
    """

    fragments: int
    duplicate_rate: float | None
    mapq_loss: float | None
    gc: float | None
    read_length: int | None
    conversion: float | None
    over_600bp: float | None
    m_bias_5p: int | None
    m_bias_3p: int | None


class ModifiedBases(Record, frozen=True, kw_only=True):
    """CpG calls of modified bases that are more than 5mC or unmodified.

    Attributes
    ----------
    unclear
        Calls under the probability that a call needs.
    hydroxymethylated
        5hmC calls.
    hemimethylated
        CpGs with two strands that disagree.
    """

    unclear: int
    hydroxymethylated: int
    hemimethylated: int


class MethylationBias(Record, frozen=True, kw_only=True):
    """CpG calls by position along the reads of fragments, as sequenced (M-bias).

    All calls count: those that the settings leave out, and those that both mates make, too.

    Attributes
    ----------
    read1, read2
        Methylated and all calls at positions 0, 1, ... of first and of second mates.
    """

    read1: tuple[tuple[int, int], ...]
    read2: tuple[tuple[int, int], ...]


class Ends(Record, frozen=True, kw_only=True):
    """Bases at the ends of a mate, as sequenced, whose calls are better left out.

    Attributes
    ----------
    ignore_5p, ignore_3p
        Number of bases whose methylation differs from the middle of the mate.
    """

    ignore_5p: int
    ignore_3p: int


class SuggestedEnds(Record, frozen=True, kw_only=True):
    """What to leave out of each mate.

    Attributes
    ----------
    read1, read2
        First and second mates; null with too few calls to say.
    """

    read1: Ends | None
    read2: Ends | None


class Markers(Record, frozen=True, kw_only=True):
    """The atlas blocks behind a sample's mixture of cell types.

    Attributes
    ----------
    blocks
        Blocks of the atlas, after the two below.
    merged, dropped
        Blocks of the table that were joined to another one at the same place, and those left out because
        they overlap one in part.
    covered
        Blocks with a fragment, or a call, of the sample.
    effective
        How many equally covered blocks would tell as much (Kish: (Σn)² / Σn²).
    """

    blocks: int
    merged: int
    dropped: int
    covered: int
    effective: float


class CellTypeShare(Record, frozen=True, kw_only=True):
    """The share of a cell type.

    Attributes
    ----------
    value
        The share, as in the features.
    low, high
        95 % interval from the binomial likelihood of the counts, widened by their over-dispersion and
        extended to the value where that lies outside. It is for people and enters no model.
    presence
        ``present``: the type is shown to be there. ``absent``: it is not shown, and at most 5 % of the sample
        are of it (``high``). ``cannot_tell``: the counts leave both open, or the atlas does not explain the
        sample (see ``explained`` of the residual).
    """

    value: float
    low: float
    high: float
    presence: Presence


class Residual(Record, frozen=True, kw_only=True):
    """How well the atlas explains a sample's counts.

    Attributes
    ----------
    value
        Squared residuals over binomial ones. Null where there are no shares, or too few blocks to say.
    expected
        The same where the atlas explains the counts: 1, or the calls of a fragment that come together, and
        more by the ``spread`` that an atlas of ``atlas unknown`` names. Null with ``value``.
    p
        p value of a residual as large; null with ``value``.
    unknown_share
        Share of an unknown cell type that would leave such a residual. Null with ``value``.
    explained
        Whether the atlas explains the sample: p is at least .01, or ``unknown_share`` at most .2. Null with
        ``value``.
    """

    value: float | None
    expected: float | None
    p: float | None
    unknown_share: float | None
    explained: bool | None


class Tissue(Record, frozen=True, kw_only=True):
    """What a person should know before trusting a sample's shares of cell types.

    Attributes
    ----------
    method
        ``features.tissue_method`` of the settings: uxm, nnls or em.
    markers
        The atlas blocks that the shares rest on.
    counts
        Fragments, or CpG calls, that the shares rest on.
    reason
        Why there are no shares, "" where there are.
    fractions
        Cell type -> its share; empty where ``reason`` says why.
    residual
        How well the atlas explains the counts.
    """

    method: str
    markers: Markers
    counts: int
    reason: str
    fractions: dict[str, CellTypeShare]
    residual: Residual


class SampleQuality(ResultFile, frozen=True, kw_only=True):
    """The quality record of a sample.

    With ``on_bad_sample: exclude``, unusable alignments give this record with the reason, and empty
    fragments, profile and features.

    Attributes
    ----------
    sample
        Its name.
    bam
        Path, or address, of its alignments.
    build
        Name of the genome build that its contigs belong to, "" where the file is unusable.
    simulated
        Whether the file says that our simulation wrote it.
    dialect
        How its methylation calls are written.
    decision
        Whether the sample is analysed.
    reason
        Why it isn't, "" where it is. Sample and file are not named again.
    counts
        Where its reads went.
    technical
        What the alignments say of the laboratory.
    modified_bases
        Calls that are neither 5mC nor unmodified; null for dialects other than mm.
    m_bias
        Methylation along the reads.
    suggested
        Ends of the mates that differ from their middle.
    warnings
        A line for each thing that is wrong with the calls.
    tissue
        The mixture of cell types; null without an atlas or without methylation.
    """

    FILE: ClassVar[str] = "qc/{sample}.json"
    STAGE: ClassVar[str] = "extract"

    sample: str
    bam: str
    build: str
    simulated: bool
    dialect: Dialect
    decision: Literal["keep", "exclude"]
    reason: str
    counts: ReadCounts
    technical: Technical
    modified_bases: ModifiedBases | None = None
    m_bias: MethylationBias
    suggested: SuggestedEnds
    warnings: tuple[str, ...]
    tissue: Tissue | None = None
