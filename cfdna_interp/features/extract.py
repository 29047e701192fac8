"""One sample from alignments to features: the stage ``extract``."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.features import Feature, save_features
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.artifacts.system_errors import system_errno
from cfdna_interp.cohort.inputs import sample_inputs
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.features.atlas_content import check_content
from cfdna_interp.features.coverage import coverage_features
from cfdna_interp.features.length import length_features
from cfdna_interp.features.methylation import methylation_by_length_features, methylation_features
from cfdna_interp.features.motifs import motif_features
from cfdna_interp.features.tissue import tissue_features, tissue_record
from cfdna_interp.features.tissue_methods import check_method
from cfdna_interp.fragments.extraction import failed, read_sample
from cfdna_interp.records.base import save_record
from cfdna_interp.records.qc import SampleQuality


def compute_features(profile: Profile, atlas: Atlas | None, config: Config) -> list[Feature]:
    """Return all features of a sample, group by group.

    The groups ``methylation``, ``methylation_by_length`` and ``tissue_of_origin`` are left out where the
    config says that there is no methylation, the last also without an atlas.
    """
    features = length_features(profile)
    if config.extract.methylation != "none":
        features += methylation_features(profile) + methylation_by_length_features(profile)
        if atlas is not None:
            features += tissue_features(profile, atlas, config.features)
    return features + motif_features(profile) + coverage_features(profile)


def extract_sample(sample: Sample, config: Config, threads: int = 1) -> SampleQuality:
    """Read a sample's alignments and write its fragments, profile, features and, last, quality record.

    With ``on_bad_sample: exclude`` unusable alignments give empty tables and a record that says why. For
    ``threads`` see :func:`cfdna_interp.fragments.extraction.read_sample`.

    Returns
    -------
    The quality record.

    Raises
    ------
    InputError
        The alignments are unusable and ``on_bad_sample`` is ``stop``, or the machine doesn't give them
        (rights, limits on open files and memory), or the atlas can't be read or doesn't suit
        ``features.tissue_method``. Nothing is written then.
    """
    inputs = sample_inputs(sample, config)
    atlas = Atlas.load(config.atlas) if config.atlas else None
    if atlas is not None:
        check_method(config.features.tissue_method, atlas, str(config.atlas))
    try:
        extraction = read_sample(sample, config, atlas, threads)
        if atlas is not None and extraction.qc.dialect != "none":
            check_content(extraction.profile, atlas, f"sample {sample.sample}: {shown(sample.bam)}")
            tissue = tissue_record(extraction.profile, atlas, config.features)
            extraction = replace(extraction, qc=msgspec.structs.replace(extraction.qc, tissue=tissue))
        features = compute_features(extraction.profile, atlas, config)
    except InputError as error:
        # What the machine refuses says nothing of the sample: it would be left out on one machine alone.
        if config.on_bad_sample == "stop" or system_errno(error) is not None:
            raise
        # The record has the sample beside the message.
        message = str(error).removeprefix(f"sample {sample.sample}: ")
        extraction, features = failed(sample, message), []
    qc = msgspec.structs.replace(extraction.qc, inputs=inputs)
    layout = Layout.of(config.outdir)
    extraction.fragments.save(layout.fragments(sample.sample))
    extraction.profile.save(layout.profile(sample.sample))
    save_features(features, layout.features(sample.sample))
    save_record(qc, layout.qc(sample.sample))
    return qc
