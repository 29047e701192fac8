"""A cohort on disk: what its BAM files show, and what happens when it is made again."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
import yaml
from scipy.stats import norm

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.truth import Truth
from cfdna_interp.simulation.cohort import simulate
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.papers import config_text
from cfdna_interp.simulation.worlds import load_world

TINY = replace(load_world("length"), fragments=1_500, discovery=4, heldout=4)


def fingerprints(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    simulate(TINY, folder, seed=2)
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "sheet.tsv", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_files_of_the_cohort(tiny: Path) -> None:
    names = {path.name for path in tiny.iterdir()}
    assert names == {
        "genome.fa", "genome.fa.fai", "build.tsv", "atlas.tsv", "bam", "sheet.tsv",
        "config.yaml", "truth.json",
    }  # fmt: skip
    sheet = rows(tiny)
    assert list(sheet[0]) == [
        "sample", "subject", "bam", "label", "role", "site", "batch", "age", "sex", "tube", "hours_to_spin",
    ]  # fmt: skip
    for row in sheet:
        assert (tiny / row["bam"]).is_file() and (tiny / f"{row['bam']}.bai").is_file()
    assert len(list((tiny / "bam").iterdir())) == 16
    build = dict(line.split("\t") for line in (tiny / "build.tsv").read_text().splitlines())
    with pysam.FastaFile(str(tiny / "genome.fa")) as fasta:
        assert {n: str(length) for n, length in zip(fasta.references, fasta.lengths, strict=True)} == build


def test_config_is_accepted_and_points_at_the_files(tiny: Path) -> None:
    config = load_config(tiny / "config.yaml")
    assert Path(config.sheet).is_file()
    assert len(Atlas.load(config.atlas)) > 500
    assert Path(config.reference.build) == tiny / "build.tsv"
    assert Path(config.outdir) == tiny / "results"
    assert config.extract.fragments_per_sample == 1_500 and config.extract.min_fragments < 1_300
    assert config.extract.technical_columns == ("tube", "hours_to_spin")
    assert (config.attribution.bootstrap, config.attribution.permutations) == (50, 19)


def test_a_bag_is_never_larger_than_a_sample_that_the_config_keeps() -> None:
    # Half of the molecules, 2,000 at most, are what a sample must have; a bag holds 1,024 by default.
    for fragments, bag in ((500, 250), (1_500, 750), (2_046, 1_023), (2_048, None), (10_000, None)):
        settings = yaml.safe_load(config_text(replace(TINY, fragments=fragments), 1, "xm"))
        assert settings.get("model") == (None if bag is None else {"bag_size": bag})
        assert settings["extract"]["min_fragments"] == min(2_000, fragments // 2)


def test_truth(tiny: Path) -> None:
    truth = load_record(Truth, tiny / "truth.json")
    assert truth.d == {"fragment_length": 2.0, "methylation": 0.0, "tissue_of_origin": 0.0}
    assert truth.bayes_auroc.crude == pytest.approx(norm.cdf(np.sqrt(2)), abs=0.004)
    alone = {group: best.crude for group, best in truth.bayes_auroc_alone.items()}
    expected = {"fragment_length": truth.bayes_auroc.crude, "methylation": 0.5, "tissue_of_origin": 0.5}
    assert alone == pytest.approx(expected, abs=0.004)
    assert truth.reference_noise["fragment_length"] == pytest.approx(1 / (0.10 * np.sqrt(1_500)), rel=0.02)
    by_sample = {row["sample"]: row for row in rows(tiny)}
    for subject in truth.subjects:
        row = by_sample[subject.sample]
        assert (row["label"], row["role"], row["site"]) == (str(subject.label), subject.role, subject.site)
        assert set(subject.latents) == {"fragment_length", "methylation", "tissue_of_origin"}


def test_bytes_depend_on_seed_and_not_on_jobs(tiny: Path, tmp_path: Path) -> None:
    simulate(TINY, tmp_path / "two", seed=2, jobs=2)
    assert fingerprints(tmp_path / "two") == fingerprints(tiny)
    simulate(TINY, tmp_path / "other", seed=3)
    assert fingerprints(tmp_path / "other")["bam/S001.bam"] != fingerprints(tiny)["bam/S001.bam"]
    # Genome and atlas belong to the world, so that a proxy of one cohort can score another's samples.
    for name in ("genome.fa", "atlas.tsv"):
        assert (tmp_path / "other" / name).read_bytes() == (tiny / name).read_bytes()


def test_a_finished_cohort_is_left_alone(tiny: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny.rglob("*")}
    simulate(TINY, tiny, seed=2)
    assert {path: path.stat().st_mtime_ns for path in tiny.rglob("*")} == before


def test_what_is_missing_is_made_and_the_rest_kept(tiny: Path, tmp_path: Path) -> None:
    simulate(TINY, tmp_path, seed=2)
    kept = {
        p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.name not in ("S002.bam", "S003.bam.bai")
    }
    kept = {
        path: at for path, at in kept.items() if path.is_file() and not path.name.startswith(("S002", "S003"))
    }
    del kept[tmp_path / "truth.json"]
    (tmp_path / "bam" / "S002.bam").unlink()
    (tmp_path / "bam" / "S003.bam.bai").unlink()
    (tmp_path / "bam" / ".tmp-99-S004.bam").write_bytes(b"half")
    simulate(TINY, tmp_path, seed=2)
    assert fingerprints(tmp_path) == fingerprints(tiny)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_cohort_of_other_settings_is_left_alone(tiny: Path) -> None:
    before = fingerprints(tiny)
    for world, seed, dialect, difference in (
        (TINY, 9, "xm", "seed 2 instead of 9"),
        (
            replace(TINY, fragments=1_600, heldout=8),
            2,
            "xm",
            "fragments 1500 instead of 1600, heldout 4 i",
        ),
        (TINY, 2, "mm", "dialect xm instead of mm"),
        (replace(TINY, name="mine", effects={}), 2, "xm", "name length instead of mine, effects"),
    ):
        with pytest.raises(InputError, match="give another --out, or delete the folder") as caught:
            simulate(world, tiny, seed=seed, dialect=dialect)
        assert f"{tiny} holds a cohort of other settings ({difference}" in str(caught.value)
    assert fingerprints(tiny) == before


@pytest.mark.parametrize("content", [b"\xff mine", b"{}"])
@pytest.mark.parametrize("name", ["sheet.tsv", "config.yaml", "genome.fa", "bam/S001.bam", "truth.json"])
def test_files_of_somebody_else_are_left_alone(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bam").mkdir()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "bam" / ".tmp-of-mine").write_text("mine too")
    before = fingerprints(tmp_path)
    with pytest.raises(InputError, match=f"{name}.*; give another --out"):
        simulate(TINY, tmp_path, seed=2)
    assert fingerprints(tmp_path) == before


def test_other_peoples_files_of_other_names_do_not_matter(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    simulate(TINY, tmp_path, seed=2)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "notes.txt").unlink()
    assert fingerprints(tmp_path) == fingerprints(tiny)


def test_a_config_that_was_edited_is_not_replaced_when_a_sample_is_missing(tmp_path: Path) -> None:
    config = simulate(TINY, tmp_path, seed=2)
    config.write_text(config.read_text() + "title: my own\n")
    (tmp_path / "bam" / "S002.bam").unlink()
    with pytest.raises(InputError, match=r"with these settings \(config\.yaml\); give another --out"):
        simulate(TINY, tmp_path, seed=2)
    assert config.read_text().endswith("title: my own\n")
    assert (tmp_path / "truth.json").exists()


def test_killed_in_the_middle(tiny: Path, tmp_path: Path) -> None:
    world = tmp_path / "w.yaml"
    world.write_text("name: length\neffects: {fragment_length: 2.0}\nfragments: 1500\n")
    sizes = ["--fragments", "1500", "--discovery", "15", "--heldout", "15", "--seed", "4", "--jobs", "2"]

    def call(out: Path) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "cfdna_interp.cli",
            "simulate",
            "--world",
            str(world),
            "--out",
            str(out),
        ]
        return subprocess.Popen([*command, *sizes], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    out = tmp_path / "out"
    process = call(out)
    while process.poll() is None and len(list((out / "bam").glob("S*.bam"))) < 5:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    time.sleep(1.0)  # the workers notice within half a second
    finished = {path: path.stat().st_mtime_ns for path in (out / "bam").glob("S*.bam")}
    assert finished and not (out / "truth.json").exists()
    for path in finished:
        pysam.quickcheck(str(path))
        assert Path(f"{path}.bai").exists()
    again = call(out)
    printed, _ = again.communicate()
    assert again.returncode == 0 and printed.decode().strip() == str(out / "config.yaml")
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    straight = call(tmp_path / "straight")
    straight.communicate()
    assert fingerprints(out) == fingerprints(tmp_path / "straight")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        simulate(TINY, tmp_path / "file" / "out")


class Measured:
    """What the BAM files of a cohort show, by lengths of templates and letters of call strings."""

    def __init__(self, name: str, folder: Path, subjects: int) -> None:
        half = subjects // 2
        world = replace(load_world(name), fragments=1_500, discovery=half, heldout=half)
        simulate(world, folder, seed=6)
        sheet = rows(folder)
        self.subjects = subjects
        self.label = np.array([int(row["label"]) for row in sheet])
        self.site = np.array([row["site"] for row in sheet])
        self.role = np.array([row["role"] for row in sheet])
        truth = load_record(Truth, folder / "truth.json")
        self.latents = np.array([s.latents["fragment_length"] for s in truth.subjects])
        self.noise = truth.reference_noise["fragment_length"]
        self.tilt = build_summaries(world.genome).biology.lengths
        self.atlas = Atlas.load(folder / "atlas.tsv")
        samples = [self._sample(folder / row["bam"]) for row in sheet]
        self.shortness, self.short, self.unmethylated = np.array(samples).T

    def _sample(self, bam: Path) -> tuple[float, float, float]:
        lengths, calls = [], []
        with pysam.AlignmentFile(str(bam)) as handle:
            for read in handle:
                length = read.template_length
                if length <= 0 or read.flag & 1024:
                    continue
                lengths.append(length)
                if read.reference_id == 0:
                    letters = read.get_tag("XM")
                    calls.append((read.reference_start, length, letters.count("z"), letters.count("Z")))
        x = np.array(lengths)
        start, length, low, high = np.array(calls).T
        on = np.array(self.atlas.contigs) == "chr1"
        hit = self.atlas.starts[on][None] < (start + length)[:, None]
        hit &= self.atlas.ends[on][None] > start[:, None]
        free = ~hit.any(axis=1) & (low + high > 0)
        shortness = self.tilt.statistic[x - 70].mean() / self.tilt.strength
        return shortness, (x <= 150).mean(), (low[free] / (low + high)[free]).mean()

    def d(self, values: np.ndarray, case: np.ndarray | None = None) -> float:
        chosen = self.label == 1 if case is None else case
        pooled = np.sqrt((values[chosen].var(ddof=1) + values[~chosen].var(ddof=1)) / 2)
        return float((values[chosen].mean() - values[~chosen].mean()) / pooled)

    def slack(self, effect: float) -> float:
        """Return 3.5 SD of d between two halves of the subjects: sqrt(4 / N + d² / (2 (N - 2)))."""
        return 3.5 * float(np.sqrt(4 / self.subjects + effect**2 / (2 * (self.subjects - 2))))


def test_world_length_on_its_bams(tmp_path: Path) -> None:
    seen = Measured("length", tmp_path, 120)
    assert seen.d(seen.shortness) == pytest.approx(2.0, abs=seen.slack(2))
    # The share of at most 150 bp is a coarser view of the same shift.
    assert seen.d(seen.short) > 1.2
    assert abs(seen.d(seen.unmethylated)) < seen.slack(0)
    # The mean shortness is the latent and noise of the stated SD: +- 6.5 % for an SD from 120.
    error = seen.shortness - seen.latents
    assert error.mean() == pytest.approx(0, abs=4 * seen.noise / np.sqrt(120))
    assert error.std() == pytest.approx(seen.noise, rel=0.23)
    # 30 subjects of a label over 4 sites: 7 or 8 at each, in each role.
    for site in np.unique(seen.site):
        assert np.mean(seen.label[seen.site == site]) == pytest.approx(0.5, abs=0.07)


def test_world_methylation_on_its_bams(tmp_path: Path) -> None:
    seen = Measured("methylation", tmp_path, 80)
    assert abs(seen.d(seen.shortness)) < seen.slack(0)
    # Left reads of chr1 are four tenths of the genome and fewer calls a fragment. The reference noise at
    # 1,500 fragments is .40; here its square is at least 2.5 times larger, .4, and d at most
    # 2 / sqrt(.84 + .4) = 1.8; with five times the square 2 / sqrt(.84 + .8) = 1.56.
    assert 1.56 - seen.slack(1.56) < seen.d(seen.unmethylated) < 1.8 + seen.slack(1.8)


def test_world_site_confounded_on_its_bams(tmp_path: Path) -> None:
    seen = Measured("site-confounded", tmp_path, 80)
    for role in ("discovery", "heldout"):
        here = seen.role == role
        agree = (seen.site[here] == "siteB") == (seen.label[here] == 1)
        assert agree.mean() == pytest.approx(0.825, abs=0.026)  # 20 * .825 = 16.5 of a label's 20
    assert seen.d(seen.shortness, seen.site == "siteB") == pytest.approx(3.8, abs=seen.slack(3.8))
    assert seen.d(seen.shortness) > 1.0
    for site in ("siteA", "siteB"):
        here = seen.site == site
        case, control = (seen.shortness[here & (seen.label == label)] for label in (1, 0))
        assert abs(case.mean() - control.mean()) < 3.5 * np.sqrt(1 / len(case) + 1 / len(control))


def test_world_null_on_its_bams(tmp_path: Path) -> None:
    seen = Measured("null", tmp_path, 80)
    assert abs(seen.d(seen.shortness)) < seen.slack(0)
    assert abs(seen.d(seen.unmethylated)) < seen.slack(0)
