"""The counts and the subsample of ``cfdna-interp extract``, from a loop over pysam's records.

    python benchmarks/pysam_loop.py CONFIG SAMPLE

What the kernels are compared with: the tests' readable decoder, followed by the same tables.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pysam

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from reference_decode import decode_reads

from cfdna_interp.cohort.split import find_samples
from cfdna_interp.config import load_config
from cfdna_interp.fragments.decode import Settings, Totals
from cfdna_interp.fragments.extraction import Reservoir
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.profile import Counter


def main(config_path: str, name: str) -> None:
    """Read one sample, whose config names its dialect, and print how many fragments it has."""
    config = load_config(Path(config_path))
    (sample,) = find_samples(config, [name])
    totals, reservoir = Totals(), Reservoir(config.extract.fragments_per_sample)
    with pysam.AlignmentFile(sample.bam) as file:
        rules = Rules.of(config.extract, file.references, name)
        settings = Settings(rules, config.extract.methylation, config.seed)
        counter = Counter(file.references, file.lengths, sorted(rules.contigs), None, config.features)
        for chunk in decode_reads(file.fetch(until_eof=True), file.references, settings, totals):
            reservoir.add(chunk.table, chunk.hashes)
            counter.add(chunk.table)
    reservoir.smallest(config.extract.fragments_per_sample)
    counter.profile()
    print(totals.tally.counts["fragments"])


if __name__ == "__main__":
    main(*sys.argv[1:])
