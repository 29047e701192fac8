"""The files that a stage reads, as they are at the moment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.artifacts.foreign_files import alignment_files, reference_files
from cfdna_interp.artifacts.identity import content
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.records.inputs import InputFile


def input_files(paths: Iterable[str | Path]) -> tuple[InputFile, ...]:
    """Return the records of files, in the order given; of an address in the network its name alone."""
    found = []
    for path in paths:
        if not Path(path).is_file():
            found.append(InputFile(file=str(path)))
            continue
        size, digest, whole = content(path)
        found.append(InputFile(file=Path(path).name, size=size, digest=digest, whole=whole))
    return tuple(found)


def sample_inputs(sample: Sample, config: Config) -> tuple[InputFile, ...]:
    """Return the records of what the extraction of a sample reads: alignments, index, atlas, references."""
    return input_files([*(alignment_files(sample) or [shown(sample.bam)]), *reference_files(config)])
