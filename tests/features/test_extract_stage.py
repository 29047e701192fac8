"""The stage ``extract`` on simulated BAM files, through the command line where that matters."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from msgspec import structs

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.features import BAG_GROUPS, COMPARATOR_GROUPS, load_features
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.cohort.split import find_samples, split
from cfdna_interp.config import Config, load_config
from cfdna_interp.errors import InputError
from cfdna_interp.features.extract import compute_features, extract_sample
from cfdna_interp.features.sample_words import excluded_sample
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import SampleQuality, Unreadable


@pytest.fixture(scope="module")
def run(simulated_cohort, tmp_path_factory) -> Config:
    """The cohort's settings with an output folder of our own, first sample extracted."""
    config = structs.replace(
        load_config(simulated_cohort / "config.yaml"),
        outdir=str(tmp_path_factory.mktemp("run")),
    )
    config = structs.replace(
        config, extract=structs.replace(config.extract, fragments_per_sample=1_000, min_fragments=500)
    )
    split(config)
    extract_sample(first(config), config)
    return config


def first(config: Config):
    names = [line.split("\t")[0] for line in Path(config.sheet).read_text().splitlines()]
    return find_samples(config, (names[1],))[0]


def test_files_agree_with_each_other(run):
    layout, sample = Layout.of(run.outdir), first(run)
    table = FragmentTable.load(layout.fragments(sample.sample))
    profile = Profile.load(layout.profile(sample.sample))
    features = load_features(layout.features(sample.sample))
    qc = load_record(SampleQuality, layout.qc(sample.sample))
    assert len(table) == 1_000
    order = np.lexsort((table.length, table.start, table.contig))
    np.testing.assert_array_equal(order, np.arange(1_000))
    counts = {kind: sum(int(c[-1]) for c in cells.values()) for kind, cells in profile.counts.items()}
    assert counts["length_1bp"] == counts["window"] == qc.counts.fragments == qc.technical.fragments
    assert {feature.group for feature in features} == {*BAG_GROUPS, *COMPARATOR_GROUPS}
    assert features == compute_features(profile, Atlas.load(run.atlas), run)
    assert qc.simulated is True
    assert qc.decision == "keep"


def test_fragments_are_those_of_an_independent_count(run):
    # pysam's own record fields: TLEN of the first mates that pass the same filters.
    sample = first(run)
    lengths = {}
    with pysam.AlignmentFile(sample.bam) as file:
        good = {}
        for read in file:
            usable = not read.is_duplicate and read.mapping_quality >= 20 and not read.is_unmapped
            good.setdefault(read.query_name, []).append(usable)
            lengths[read.query_name] = abs(read.template_length)
    expected = np.bincount(
        [lengths[n] for n, mates in good.items() if mates == [True, True] and lengths[n] >= 60]
    )
    profile = Profile.load(Layout.of(run.outdir).profile(sample.sample))
    got = {int(k): int(v[0]) for k, v in profile.counts["length_1bp"].items()}
    assert got == {int(i): int(expected[i]) for i in np.flatnonzero(expected) if i <= 1_000}


def test_same_bytes_again(run, tmp_path):
    sample = first(run)
    again = structs.replace(run, outdir=str(tmp_path))
    extract_sample(sample, again)
    for name in ("fragments", "profile", "features", "qc"):
        here = getattr(Layout.of(tmp_path), name)(sample.sample)
        assert here.read_bytes() == getattr(Layout.of(run.outdir), name)(sample.sample).read_bytes()


def test_groups_follow_the_settings(run):
    profile = Profile.load(Layout.of(run.outdir).profile(first(run).sample))
    groups = {feature.group for feature in compute_features(profile, None, run)}
    assert groups == {"fragment_length", "methylation", *COMPARATOR_GROUPS}
    plain = structs.replace(run, extract=structs.replace(run.extract, methylation="none"))
    groups = {feature.group for feature in compute_features(profile, Atlas.load(run.atlas), plain)}
    assert groups == {"fragment_length", "end_motif", "coverage"}


def test_an_unusable_sample_stops_or_is_excluded(run, tmp_path):
    broken = tmp_path / "broken.bam"
    broken.write_bytes(Path(first(run).bam).read_bytes()[:-400])
    sample = replace(first(run), bam=str(broken))
    settings = structs.replace(run, outdir=str(tmp_path / "out"))
    with pytest.raises(InputError, match="truncated"):
        extract_sample(sample, settings)
    assert not (tmp_path / "out").exists()
    extract_sample(sample, structs.replace(settings, on_bad_sample="exclude"))
    layout = Layout.of(tmp_path / "out")
    qc = load_record(SampleQuality, layout.qc(sample.sample))
    assert qc.decision == "exclude"
    assert isinstance(qc.obstacle, Unreadable) and "truncated" in qc.obstacle.message
    assert excluded_sample(qc).startswith(f"sample {sample.sample}: {broken} ")
    assert len(FragmentTable.load(layout.fragments(sample.sample))) == 0
    assert load_features(layout.features(sample.sample)) == []
    assert Profile.load(layout.profile(sample.sample)).counts == {}


def test_what_the_machine_refuses_excludes_no_sample(run, tmp_path, monkeypatch):
    def refuse(*_, **__):
        try:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), first(run).bam)
        except OSError:
            raise InputError("the file cannot be opened; give a sorted BAM") from None

    monkeypatch.setattr("cfdna_interp.features.extract.read_sample", refuse)
    settings = structs.replace(run, outdir=str(tmp_path / "out"), on_bad_sample="exclude")
    with pytest.raises(InputError):
        extract_sample(first(run), settings)
    assert not (tmp_path / "out").exists()


def test_the_record_names_the_files_that_were_read(run, tmp_path):
    settings = structs.replace(run, outdir=str(tmp_path / "out"))
    read = {each.file: each for each in extract_sample(first(run), settings).inputs}
    for path in (first(run).bam, f"{first(run).bam}.bai", run.atlas):
        file = read[Path(path).name]
        assert (file.size, file.digest) == (Path(path).stat().st_size, digest_file(path))


def test_extract_needs_no_heavy_package(run, simulated_cohort, tmp_path):
    settings = tmp_path / "c.yaml"
    settings.write_text(
        f"sheet: {run.sheet}\noutdir: {tmp_path / 'out'}\natlas: {run.atlas}\n"
        f"reference: {{build: {run.reference.build}}}\nextract: {{technical_columns: "
        f"{json.dumps(list(run.extract.technical_columns))}}}\n"
    )
    name = first(run).sample
    code = (
        "import sys\n"
        "from cfdna_interp.cli import cli\n"
        f"cli(['cohort', '--config', {str(settings)!r}], standalone_mode=False)\n"
        f"cli(['extract', '--config', {str(settings)!r}, '--sample', {name!r}], standalone_mode=False)\n"
        "heavy = ('torch', 'scipy.stats', 'pandas', 'sklearn', 'anndata', 'statsmodels')\n"
        "print([n for n in heavy if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"sample {name}: ")
    assert line.endswith(" fragments, build build, methylation calls: xm")
    assert Layout.of(tmp_path / "out").qc(first(run).sample).is_file()
