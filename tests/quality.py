"""Quality records for tests: those of a good sample, changed where a test needs it."""

from __future__ import annotations

import msgspec

from cfdna_interp.records.qc import (
    FewFragments,
    MethylationBias,
    ReadCounts,
    SampleQuality,
    SuggestedEnds,
    Technical,
)

COUNTS = ReadCounts(**dict.fromkeys(ReadCounts.__struct_fields__, 0))
TECHNICAL = Technical(
    fragments=100,
    duplicate_rate=0.1,
    mapq_loss=0.0,
    gc=0.4,
    read_length=75,
    conversion=None,
    over_600bp=0.01,
    m_bias_5p=0,
    m_bias_3p=0,
)
GOOD = SampleQuality(
    sample="S",
    bam="s.bam",
    build="GRCh38",
    simulated=True,
    dialect="xm",
    reads="paired",
    decision="keep",
    obstacle=None,
    counts=COUNTS,
    technical=TECHNICAL,
    m_bias=MethylationBias(read1=(), read2=()),
    suggested=SuggestedEnds(read1=None, read2=None),
    warnings=(),
)


FEW = FewFragments(fragments=9, needed=10, setting="min_fragments", largest_loss=None)
# What a record of an excluded sample has in place of a good one's.
EXCLUDED: dict[str, object] = {"decision": "exclude", "obstacle": FEW}


def quality(sample: str, **changes: object) -> SampleQuality:
    """The record of a sample, kept with 100 fragments if nothing is changed."""
    return msgspec.structs.replace(GOOD, sample=sample, bam=f"{sample}.bam", **changes)


def read_counts(**changes: int) -> ReadCounts:
    """Counts of reads, 0 where nothing is said."""
    return msgspec.structs.replace(COUNTS, **changes)


def technical(**changes: float | None) -> Technical:
    """Technical columns of a good sample, changed."""
    return msgspec.structs.replace(TECHNICAL, **changes)
