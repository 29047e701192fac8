"""``qc/{sample}.json``: what became of a sample's reads, how good its calls are, and whether it is kept."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.config.settings import TissueMethod
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.inputs import InputFile

# How methylation calls are written; docs/extraction.md describes each.
Dialect = Literal["xm", "mm", "reference", "none"]
# What a read is: a mate of a pair, a whole molecule, or either, by its flag.
Reads = Literal["paired", "single", "merged"]
# How reads lie to the converted molecules that they are of; docs/extraction.md describes each.
Library = Literal["directional", "pbat", "non-directional"]
# Where a read is lost: the reasons of ``ReadCounts``, and calls that don't fit their read.
LossFilter = Literal[
    "secondary_supplementary",
    "unmapped",
    "mate_missing",
    "off_contig",
    "mate_elsewhere",
    "mate_distant",
    "qc_fail",
    "duplicate",
    "low_mapq",
    "malformed",
    "not_inward",
    "not_proper",
    "length_out_of_range",
    "blacklisted",
    "no_sequence",
    "calls",
]
# Why reads are lost; ``fragments.loss_words`` says each in words.
SpikeInKind = Literal["lambda", "pUC19", "phiX", "Xp12", "T4"]
LossCause = Literal[
    "merged reads",
    "unpaired reads",
    "mate unmapped",
    "mate absent",
    "one mate only",
    "mates not told apart",
    "mate names",
    "mate positions",
    "old flags",
    "one direction",
    "outward",
    "several places",
    "quality scale",
    "score",
    "tags not cut",
    "tag format",
    "MN length",
    "cut without MN",
    "XM length",
    "cigar",
]
# What a sample says of a cell type.
Presence = Literal["present", "absent", "cannot_tell"]


class ReadCounts(Record, frozen=True, kw_only=True):
    """Where the reads of a file went.

    Every read is in a fragment or under one reason: the reasons and the reads in fragments (one in each of
    ``whole_reads``, two in each of the others) add up to ``reads``. Reasons stand here in the order in which
    they are judged; the first that holds counts, and it counts for both mates of a pair. A line of a fragment
    file counts as two reads.

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
    whole_reads
        Those of them that are one read of a whole molecule.
    overlap_calls_merged, overlap_calls_discordant
        CpGs that both mates read and agree, or disagree, about. They are counted before calls beyond the
        fragment's ends are dropped: mates may be longer than their molecule.
    calls
        CpG calls of the fragments.
    clipped_ends
        Ends of the fragments, two each, at which the read goes on beyond its alignment. End and end motif
        are those of the alignment.
    letters_misfit
        Reads of the fragments whose XM doesn't hold one letter per base. They have no calls.
    strand_unknown
        Reads of the fragments whose XG is neither CT nor GA. They have no calls.
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
    whole_reads: int
    overlap_calls_merged: int
    overlap_calls_discordant: int
    calls: int
    clipped_ends: int
    letters_misfit: int
    strand_unknown: int


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


class ReferenceFit(Record, frozen=True, kw_only=True):
    """How well the reads match ``reference.fasta``.

    A converted base is no mismatch on either strand. A third base at a cytosine is neither the cytosine nor
    what conversion makes of it.

    Attributes
    ----------
    reads
        Reads of the sample at a few places that were compared base by base.
    misfits
        Share of these reads with so many mismatches that they are of another sequence. Null with too few
        reads to say.
    mismatches
        Share of mismatches among their bases. Null with too few reads to say.
    third_bases
        Share of third bases at the cytosines of all fragments' reads, each on its own strand. Null where
        calls don't come by comparison.
    """

    reads: int
    misfits: float | None
    mismatches: float | None
    third_bases: float | None


class LibraryStrand(Record, frozen=True, kw_only=True):
    """How the strand of a read's molecule was told, where calls come by comparison with the reference.

    Attributes
    ----------
    taken
        What reads without a strand tag were taken for.
    tagged
        Share of the reads compared whose strand a tag tells. The library decides for the others.
    told, opposite
        Reads without a tag whose own conversion tells the strand, and those of them whose strand is the
        opposite of that in a directional library.
    sure
        Whether conversion shows the library. If not, ``taken`` is what sheet or settings say, or
        directional.
    strandless
        Reads of fragments whose strand can't be told. They have no calls.
    """

    taken: Library
    tagged: float
    told: int
    opposite: int
    sure: bool
    strandless: int


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


class FewBlocks(Record, frozen=True, kw_only=True, tag="few blocks"):
    """Too few blocks of the atlas have a fragment.

    Attributes
    ----------
    needed
        ``features.min_markers`` of the settings.
    by_chance
        How many blocks as many fragments would touch, were they anywhere in the genome.
    """

    needed: int
    by_chance: float


class NoMarkerState(Record, frozen=True, kw_only=True, tag="no marker state"):
    """No fragment is in the marker state of its block."""


class Tissue(Record, frozen=True, kw_only=True):
    """What a person should know before trusting a sample's shares of cell types.

    Attributes
    ----------
    method
        ``features.tissue_method`` of the settings.
    markers
        The atlas blocks that the shares rest on.
    counts
        Fragments, or CpG calls, that the shares rest on.
    obstacle
        Why there are no shares, null where there are.
    fractions
        Cell type -> its share; empty where ``obstacle`` says why.
    residual
        How well the atlas explains the counts.
    """

    method: TissueMethod
    markers: Markers
    counts: int
    obstacle: FewBlocks | NoMarkerState | None
    fractions: dict[str, CellTypeShare]
    residual: Residual


class Unreadable(Record, frozen=True, kw_only=True, tag="unreadable"):
    """The alignments can't be read.

    Attributes
    ----------
    message
        The error that reading them ended with. It names the file.
    """

    message: str


class ReadLoss(Record, frozen=True, kw_only=True):
    """Reads of a sample that failed one filter, and the likely cause.

    Attributes
    ----------
    filter
        Its name, as in ``counts``; ``calls`` for reads that are kept without calls, since their tags
        don't fit them.
    reads, of
        Reads that failed it, and primary reads. Of the reads that were looked at, where the filter is
        ``calls``.
    cause
        What the lost reads have in common; null where nothing explains half of the loss.
    shown, looked_at
        Reads that show the cause, among those that were looked at. 0 without a cause.
    """

    filter: LossFilter
    reads: int
    of: int
    cause: LossCause | None
    shown: int
    looked_at: int


class FewFragments(Record, frozen=True, kw_only=True, tag="few fragments"):
    """The sample has fewer fragments than a setting asks for.

    Attributes
    ----------
    fragments
        Its fragments.
    needed
        What the setting asks for.
    setting
        The setting, of the section ``extract``.
    largest_loss
        The largest of the sample's ``losses``, or the filter that most reads failed. Null where no read
        failed any, and of ``common_fragments``.
    """

    fragments: int
    needed: int
    setting: Literal["min_fragments", "common_fragments"]
    largest_loss: ReadLoss | None


class NoCalls(Record, frozen=True, kw_only=True, tag="no calls"):
    """No fragment has a CpG call, although the first reads or the user announce methylation calls.

    Attributes
    ----------
    fragments
        Fragments of the sample.
    dialect
        How calls were read.
    letters_misfit, strand_unknown
        Reads with tags that aren't Bismark's, as in ``counts``.
    left_out
        Calls that reads had and fragments don't: at ends that the settings leave out, beyond the fragment, or
        where mates disagree.
    """

    fragments: int
    dialect: Dialect
    letters_misfit: int
    strand_unknown: int
    left_out: int


class MoleculesLost(Record, frozen=True, kw_only=True, tag="molecules lost"):
    """Most molecules of the sample are lost for their length, so that the others say nothing of it.

    Attributes
    ----------
    loss
        The loss: of merged reads, which are the shorter molecules.
    """

    loss: ReadLoss


class SpikeIn(Record, frozen=True, kw_only=True):
    """DNA of known methylation that was added to the sample, and what its reads show.

    Attributes
    ----------
    contig
        The contig that its reads are aligned to.
    kind
        What it is.
    fragments
        Fragments that were looked at.
    methylated, calls
        CpG calls of these that say methylated, and all of them.
    """

    contig: str
    kind: SpikeInKind
    fragments: int
    methylated: int
    calls: int


SampleObstacle = Unreadable | FewFragments | NoCalls | MoleculesLost


class SampleQuality(ResultFile, frozen=True, kw_only=True):
    """The quality record of a sample.

    With ``on_bad_sample: exclude``, unusable alignments give this record with an obstacle, and empty
    fragments, profile and features.

    Attributes
    ----------
    sample
        Its name.
    bam
        Path of its alignments, or their address without query, user and password.
    build
        Name of the genome build that its contigs belong to, "" where the file is unusable.
    simulated
        Whether the file says that our simulation wrote it.
    dialect
        How its methylation calls are written.
    reads
        What its reads are, by the sheet or by the first reads.
    decision
        Whether the sample is analysed.
    obstacle
        Why it isn't, null where it is.
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
    reference
        How well its reads match the FASTA; null without one, and for fragment files.
    library
        How strands were told; null where calls don't come by comparison with the reference.
    spike_ins
        What reads on spike-ins show; none of them is of the person.
    losses
        Filters that more primary reads failed than in good libraries, the largest loss first.
    warnings
        A line for each thing that is wrong with the calls.
    tissue
        The mixture of cell types; null without an atlas or without methylation.
    inputs
        The files that it was made from: alignments, index, atlas and references.
    """

    FILE: ClassVar[str] = "qc/{sample}.json"
    STAGE: ClassVar[str] = "extract"
    FORMAT: ClassVar[int] = 2

    sample: str
    bam: str
    build: str
    simulated: bool
    dialect: Dialect
    reads: Reads
    decision: Literal["keep", "exclude"]
    obstacle: SampleObstacle | None
    counts: ReadCounts
    technical: Technical
    modified_bases: ModifiedBases | None = None
    m_bias: MethylationBias
    suggested: SuggestedEnds
    reference: ReferenceFit | None = None
    library: LibraryStrand | None = None
    spike_ins: tuple[SpikeIn, ...] = ()
    losses: tuple[ReadLoss, ...] = ()
    warnings: tuple[str, ...]
    tissue: Tissue | None = None
    inputs: tuple[InputFile, ...] = ()

    def __post_init__(self) -> None:
        if (self.decision == "exclude") != (self.obstacle is not None):
            raise ValueError("decision: a sample is excluded where it has an obstacle, and only there")
