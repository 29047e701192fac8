"""What a loss of reads is, its likely cause, and what to do about it, in words."""

from __future__ import annotations

from cfdna_interp.records.qc import LossCause, LossFilter, ReadLoss

FILTERS: dict[LossFilter, str] = {
    "secondary_supplementary": "are secondary or supplementary",
    "unmapped": "are unmapped",
    "off_contig": "are on contigs that extract.contigs leaves out",
    "duplicate": "are flagged as duplicates",
    "blacklisted": "are of fragments on the blacklist",
    "mate_missing": "have no mate",
    "mate_elsewhere": "have their mate on another contig",
    "mate_distant": "have their mate further away than extract.max_length",
    "qc_fail": "are flagged as failed (0x200)",
    "low_mapq": "are under extract.min_mapq",
    "malformed": "have a CIGAR or tags that don't fit them",
    "not_inward": "don't face their mate",
    "not_proper": "lack the aligner's flag of a proper pair",
    "length_out_of_range": "are of fragments outside extract.min_length and extract.max_length",
    "no_sequence": "have no bases",
    "calls": "have tags of calls that don't fit the read, so they have no calls",
}
# Cause -> (what it is, what to do).
CAUSES: dict[LossCause, tuple[str, str]] = {
    "merged reads": (
        "reads without a mate are longer than paired ones, as NGmerge, fastp, SeqPrep or bbmerge write both "
        "mates as one read",
        "set reads: merged in the sheet",
    ),
    "unpaired reads": (
        "the file holds reads that are not paired, as trimmers keep them when the mate is dropped",
        "align pairs only, or set reads: merged in the sheet if each of these reads is a whole molecule",
    ),
    "mate unmapped": (
        "their mates could not be aligned",
        "look at adapters and base qualities of the other mate, trim them, and align again",
    ),
    "mate absent": (
        "their mates are not in the file, as after a filter of reads by quality or by region",
        "filter pairs in place of reads, or give the file from before the filter",
    ),
    "one mate only": ("the file holds first mates or second mates only", "give the file with both mates"),
    "mates not told apart": (
        "flags don't say which mate is the first one and which the second (0x40, 0x80)",
        "align both mates in one run, or set the flags from the names",
    ),
    "mate names": (
        "names of mates differ at their end (/1 and /2, or 1:N:0 and 2:N:0)",
        "take these endings off the names, e.g. with sed behind samtools view -h, and sort and index again",
    ),
    "mate positions": (
        "records don't say where the mate is",
        "run samtools fixmate on the file sorted by name, then samtools sort and samtools index",
    ),
    "old flags": (
        "flags of both mates say the same strand (67 and 131, 115 and 179), as Bismark before 0.8.2 "
        "wrote them",
        "set flags 67 and 131 to 99 and 147, and 115 and 179 to 83 and 163, or align with a newer Bismark",
    ),
    "one direction": (
        "both mates are aligned to one strand",
        "align again with the orientation of the library (forward and reverse)",
    ),
    "outward": (
        "mates look away from each other, as in a mate-pair library or after reads were reversed",
        "align the reads as they were sequenced",
    ),
    "several places": (
        "they align to several places about as well",
        "look at trimming and contamination, or lower extract.min_mapq",
    ),
    "quality scale": (
        "no read reaches extract.min_mapq, so the values are of another scale or no mapping quality",
        "set extract.min_mapq to a value of this aligner's scale, 0 if it writes none",
    ),
    "score": (
        "no line reaches extract.min_mapq, so the file's score is no mapping quality",
        "cut the file to its first three columns, or set extract.min_mapq: 0",
    ),
    "tags not cut": (
        "lists of modified bases (MM) go beyond the read: reads were trimmed after calling and their tags "
        "were not, so calls of the other reads are shifted too",
        "trim with a program that cuts the tags (dorado trim, modkit repair), and align again",
    ),
    "tag format": (
        "lists of modified bases (MM) are not as the SAM specification has them",
        "run modkit update-tags, or call again",
    ),
    "MN length": (
        "the tag MN differs from the length of the read: reads were cut after calling and their tags "
        "were not",
        "restore the tags with modkit repair, or trim with a program that cuts them",
    ),
    "cut without MN": (
        "reads are hard-clipped and have no tag MN, so that nothing tells which bases the lists are of",
        "align with soft clips (minimap2 -Y), or restore the tags with modkit repair",
    ),
    "XM length": (
        "the tag XM is not as long as the read: reads were cut after calling and their tags were not",
        "trim before alignment, or cut XM with the read",
    ),
    "cigar": ("CIGAR and bases differ in length", "write the file again from the aligner's output"),
}
# What to do where no cause is seen.
REMEDIES: dict[LossFilter, str] = {
    "not_proper": "set extract.pairs: inward if the aligner sets the flag for few pairs",
    "length_out_of_range": "set extract.min_length and extract.max_length to the lengths of the library",
    "qc_fail": "ask which program flagged them",
}


def loss_words(loss: ReadLoss) -> str:
    """Say what was lost, its likely cause and the remedy, in a clause that doesn't name the sample."""
    seen = loss.cause is not None and loss.of == loss.looked_at
    what = f"{loss.reads:,} of {loss.of:,} {'reads looked at' if seen else 'reads'} {FILTERS[loss.filter]}"
    if loss.cause is None:
        remedy = REMEDIES.get(loss.filter, "look at these reads with samtools view before they are trusted")
        return f"{what} ({loss.filter}), for no cause seen in the file; {remedy}"
    why, remedy = CAUSES[loss.cause]
    return f"{what} ({loss.filter}); likely cause: {why}; {remedy}"
