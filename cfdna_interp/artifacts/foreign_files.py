"""Files from outside the run that its settings name: when one changes, what was made with it is made anew."""

from __future__ import annotations

from pathlib import Path

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.factory import factory_files


def alignment_files(sample: Sample) -> list[str]:
    """Return the alignments and their index, as far as they lie on this machine.

    What is missing is the extract command's to report.
    """
    beside = Path(sample.bam).with_suffix("")
    names = [f"{name}{ending}" for name in (sample.bam, beside) for ending in (".bai", ".csi", ".crai")]
    indexes = [sample.index] if sample.index else names
    return [path for path in (sample.bam, *indexes) if Path(path).is_file()]


def reference_files(config: Config) -> list[str]:
    """Return what the extraction of every sample reads besides its alignments."""
    paths = (
        config.atlas,
        config.extract.blacklist,
        config.extract.known_sites,
        config.features.annotation,
        config.reference.build,
        config.reference.fasta,
    )
    return [path for path in paths if path is not None and Path(path).is_file()]


def model_files(config: Config) -> list[str]:
    """Return the files of a model that comes from elsewhere, and of the code that builds it."""
    places = [Path(place) for place in (config.model.checkpoint, config.model.rendering) if place is not None]
    paths = [path for place in places for path in ([place] if place.is_file() else sorted(place.glob("*")))]
    return [str(path) for path in (*paths, *factory_files(config.model.factory)) if path.is_file()]
