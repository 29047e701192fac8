"""Whether results prove by themselves that they were made from today's inputs and settings."""

from __future__ import annotations

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import digest_file, plain
from cfdna_interp.artifacts.foreign_files import model_files
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import ROLES, load_samples
from cfdna_interp.cohort.inputs import input_files, sample_inputs
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.encoder import FragmentEncoder
from cfdna_interp.records.manifest import Manifest
from cfdna_interp.records.qc import SampleQuality
from cfdna_interp.records.source import CohortSource
from cfdna_interp.report.manifest import portable_settings


def check_results_alone(config: Config) -> None:
    """Check by what results say of themselves that they were made from today's inputs and settings.

    Raises
    ------
    InputError
        They were not, or it can't be told.
    """
    why = _difference(config)
    if why:
        raise InputError(
            f"{config.outdir} has lost the record of what its results were made from (.snakemake was "
            f"deleted, or the results were copied or moved), and {why}; give another outdir, or make them "
            "anew (cfdna-interp run --config ... --forceall)"
        )


def _difference(config: Config) -> str:
    """Return what differs between results and today's inputs, "" where nothing does."""
    layout = Layout.of(config.outdir)
    path = layout.file(Manifest.FILE)
    if not path.is_file():
        return f"without {Manifest.FILE} they can't be compared with their inputs"
    manifest = load_record(Manifest, path)
    if manifest.software.version != __version__:
        return f"they are of version {manifest.software.version}, this is {__version__}"
    if manifest.config != plain(portable_settings(config)):
        return "they were made with other settings"
    for name, digest in manifest.files.items():
        result = layout.file(name)
        if not result.is_file() or digest_file(result) != digest:
            return f"{name} is not the file that {Manifest.FILE} names"
    if load_record(CohortSource, layout.file(CohortSource.FILE)).digest != digest_file(config.source):
        return f"{config.source} has changed"
    if config.features.table is not None:
        return ""
    bams = {sample.sample: sample for sample in read_cohort(config)}
    for sample in (row.sample for role in ROLES for row in load_samples(layout.samples(role))):
        if load_record(SampleQuality, layout.qc(sample)).inputs != sample_inputs(bams[sample], config):
            return f"the alignments of sample {sample}, or a reference file, have changed"
    encoder = load_record(FragmentEncoder, layout.file(FragmentEncoder.FILE))
    if encoder.inputs != input_files(model_files(config)):
        return "the files of the model have changed"
    return ""
