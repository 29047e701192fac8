"""Score new alignments with the frozen numbers and settings of a proxy."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.artifacts.features import load_features
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.artifacts.system_errors import system_errno
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.features.extract import extract_sample
from cfdna_interp.features.sample_words import excluded_sample
from cfdna_interp.proxy.score import NAN, Measured, Scored, Scorer, load_scorer, score_features
from cfdna_interp.records.proxy import ExtractionSettings


def score_alignments(
    samples: Sequence[Sample], path: Path, config: Config | None = None, *, on_bad_sample: str = "stop"
) -> list[Scored]:
    """Extract the features of each sample and score it.

    Parameters
    ----------
    samples
        Names, paths or URLs, how the libraries are read, and known technical columns.
    path
        ``proxy.json``.
    config
        Present paths of atlas, annotation, blacklist and reference; by default those of the proxy's settings.
        All other settings are always the proxy's.
    on_bad_sample
        ``stop``: the first sample that can't be scored is an error. ``exclude``: it gets a reason instead of
        numbers.

    Raises
    ------
    InputError
        The run had no dominant group, a file of the settings is missing, or, with ``stop``, alignments are
        unusable or have too few fragments.
    """
    scorer = load_scorer(path, table=False)
    scored = []
    for sample in samples:
        with tempfile.TemporaryDirectory(prefix="cfdna-interp-") as folder:
            settings = extraction_config(scorer.proxy.settings, path, folder, config)
            scored.append(_score(sample, scorer, structs.replace(settings, on_bad_sample=on_bad_sample)))
    return scored


def samples_of(bams: Sequence[str], reading: Mapping[str, str]) -> list[Sample]:
    """Return paths or URLs as samples, named after their files.

    ``reading`` has the sheet's columns ``methylation``, ``reads``, ``chemistry`` and ``library``, the same
    for all samples.
    """
    samples = []
    for bam in bams:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", shown(bam).rsplit("/", 1)[-1]).lstrip("._-")[:200] or "sample"
        source = bam if is_remote(bam) else os.path.realpath(bam)
        samples.append(Sample(name, name, source, None, "heldout", **reading))  # type: ignore[arg-type]
    return samples


def _score(sample: Sample, scorer: Scorer, settings: Config) -> Scored:
    qc = extract_sample(sample, settings)
    try:
        if qc.obstacle is not None:
            raise InputError(excluded_sample(qc))
        features = load_features(Layout.of(settings.outdir).features(sample.sample))
        measured = Measured(
            features={feature.name: feature.value for feature in features},
            technical={**structs.asdict(qc.technical), **sample.technical},
            library={
                "dialect": qc.dialect,
                "reads": qc.reads,
                "chemistry": sample.chemistry,
                "library": qc.library.taken if qc.library else "",
            },
            simulated=qc.simulated,
        )
        return score_features(sample.sample, scorer, measured)
    except InputError as error:
        if system_errno(error) is not None:
            raise
        if settings.on_bad_sample == "stop":
            raise InputError(f"{error}; the proxy needs samples like those it was fitted on") from None
        return Scored(sample.sample, NAN, NAN, NAN, reason=str(error))


def extraction_config(
    settings: ExtractionSettings, path: Path, outdir: str, config: Config | None = None
) -> Config:
    """Return the proxy's settings for extraction, with paths resolved from the proxy's folder.

    Parameters
    ----------
    settings, path
        The settings of a proxy, and the file that it was loaded from.
    outdir
        Output folder of the extraction.
    config
        If given, atlas, annotation, blacklist and reference are taken from it instead.
    """
    folder = os.path.dirname(os.path.realpath(path))

    def found(value: str | None) -> str | None:
        if value is None or "://" in value:
            return value
        return os.path.realpath(os.path.join(folder, value))

    reference, extract, features = settings.reference, settings.extract, settings.features
    build = reference.build
    if "/" in build or build.endswith((".tsv", ".fai")):
        build = found(build) or build
    own = Config(
        sheet="",
        outdir=outdir,
        seed=settings.seed,
        atlas=found(settings.atlas),
        reference=structs.replace(reference, build=build, fasta=found(reference.fasta)),
        extract=structs.replace(
            extract, blacklist=found(extract.blacklist), known_sites=found(extract.known_sites)
        ),
        features=structs.replace(features, annotation=found(features.annotation)),
    )
    if config is None:
        return own
    return structs.replace(
        own,
        atlas=config.atlas,
        reference=config.reference,
        features=structs.replace(own.features, annotation=config.features.annotation),
        extract=structs.replace(
            own.extract, blacklist=config.extract.blacklist, known_sites=config.extract.known_sites
        ),
    )
