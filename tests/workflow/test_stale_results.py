"""What is made anew when an input changes, whatever its time stamp says; nothing is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from planned_jobs import PlannedJob, planned_jobs

from cfdna_interp.artifacts.identity import BLOCKS, ENDS, READ_WHOLE, identity
from cfdna_interp.config.resources import shipped

SNAKEFILE = shipped("Snakefile")
BEHIND_THE_LABELS = {"validate", "audit", "verdict", "report", "all"}
# Whatever is fitted on labels of discovery.
FITTED = {"train", "refit", "attribute", "dominance", "probe", "dictionary", "funnel", "geometry"}


def cohort(folder: Path) -> Path:
    """Write 4 people a role, each with an alignment file of its own content, and the config."""
    rows = ["sample,subject,bam,label,role,site,age,sex"]
    for number in range(8):
        name, role = f"S{number}", ("discovery", "heldout")[number // 4]
        (folder / f"{name}.bam").write_text(f"alignments of {name}")
        (folder / f"{name}.bam.bai").write_text(f"index of {name}")
        place = f"{name}.bam" if number < 7 else f"https://example.org/{name}.bam?signature=1"
        rows.append(f"{name},P{number},{place},{number % 2},{role},A,{60 + number},F")
    (folder / "sheet.csv").write_text("\n".join(rows) + "\n")
    (folder / "again.bam").write_text("alignments of S2, sequenced again")
    (folder / "atlas.tsv").write_text("an atlas")
    (folder / "genome.fa").write_text("a genome")
    settings: dict[str, Any] = {"sheet": "sheet.csv", "outdir": "results", "atlas": "atlas.tsv"}
    settings |= {"reference": {"fasta": "genome.fa"}, "attribution": {"chunks": 1}}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def table(folder: Path) -> Path:
    lines = ["sample,label,role,a_1,a_2,b_1"]
    lines += [f"T{i},{i % 2},{('discovery', 'heldout')[i // 4]},{i},{i * i},{-i}" for i in range(8)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    groups = {"fragment_length": {"prefix": "a_"}, "methylation": {"prefix": "b_"}}
    settings = {"outdir": "results", "features": {"table": {"path": "table.csv", "groups": groups}}}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings | {"attribution": {"chunks": 1}}))
    return path


def replaced(path: Path, old: str, new: str) -> None:
    """Change a file and put its time stamp in the past, as ``cp -p``, ``rsync -a`` or ``unzip`` do."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(10**18, 10**18))


def run_again(jobs: list[PlannedJob]) -> set[str]:
    """Return the rules of jobs that would run; of jobs of one sample, with the sample's name."""
    return {
        f"{job.rule} {job.wildcards['sample']}" if "sample" in job.wildcards else job.rule
        for job in jobs
        if job.runs
    }


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    config = cohort(tmp_path)
    planned_jobs(config, SNAKEFILE, finished=True)
    return config


EVERY_SAMPLE = {f"extract S{number}" for number in range(8)}
# Everything behind the features of samples: minutes, where reading the alignments of a cohort takes a night.
MODEL = {"matrix", "pretrain", "embed", "proxy"} | FITTED | BEHIND_THE_LABELS

# what is changed -> file, old text, new text, and what runs again for it
CHANGES: dict[str, tuple[str, str, str, set[str]]] = {
    "an age of discovery": ("sheet.csv", ",62,", ",63,", {"cohort"} | MODEL),
    "an age of held-out": ("sheet.csv", ",66,", ",67,", {"cohort"} | MODEL),
    "a label of discovery": ("sheet.csv", "S2.bam,0", "S2.bam,1", {"cohort"} | MODEL),
    "a label of held-out": ("sheet.csv", "S6.bam,0", "S6.bam,1", {"cohort"} | MODEL),
    "a subject": ("sheet.csv", "P2", "P9", {"cohort"} | MODEL),
    "one sample taken out": ("sheet.csv", "S3,P3,S3.bam,1,discovery,A,63,F\n", "", {"cohort"} | MODEL),
    "the file of one sample": ("sheet.csv", "S2.bam", "again.bam", {"cohort", "extract S2"} | MODEL),
    "the signature of an address": ("sheet.csv", "signature=1", "signature=2", {"cohort"} | MODEL),
    "alignments of one sample": ("S2.bam", "alignments", "Alignments", {"extract S2"} | MODEL),
    "the index of one sample": ("S2.bam.bai", "index", "Index", {"extract S2"} | MODEL),
    "the atlas": ("atlas.tsv", "an atlas", "An atlas", EVERY_SAMPLE | MODEL),
    "the genome": ("genome.fa", "a genome", "A genome", EVERY_SAMPLE | MODEL),
}


def test_a_change_makes_anew_what_depends_on_it_and_nothing_else(tmp_path: Path) -> None:
    edits = [(name, old, new) for name, old, new, _ in CHANGES.values()]
    plans = planned_jobs(cohort(tmp_path), SNAKEFILE, finished=True, edits=edits)
    seen = {change: run_again(plan) for change, plan in zip(CHANGES, plans, strict=True)}
    assert seen == {change: expected for change, (*_, expected) in CHANGES.items()}


def test_one_more_sample_is_read_and_no_other(finished: Path) -> None:
    folder = finished.parent
    (folder / "S8.bam").write_text("alignments of S8")
    replaced(folder / "sheet.csv", "S3,P3", "S8,P8,S8.bam,0,discovery,A,61,F\nS3,P3")
    (planned,) = planned_jobs(finished, SNAKEFILE)
    assert run_again(planned) == {"cohort", "extract S8"} | MODEL


def test_a_file_that_is_touched_is_the_same_file(finished: Path) -> None:
    for name in ("sheet.csv", "S2.bam", "S2.bam.bai", "atlas.tsv", "genome.fa"):
        (finished.parent / name).touch()
    (planned,) = planned_jobs(finished, SNAKEFILE)
    assert run_again(planned) == set()


def test_a_run_that_stopped_behind_the_matrix_still_fits_the_corrected_labels(finished: Path) -> None:
    # The stopped run had made the sheets and the matrix anew. A file behind them may have the same content as
    # before. Its time stamp says nothing then, so the labels themselves are compared.
    replaced(finished.parent / "sheet.csv", "S2.bam,0", "S2.bam,1")
    planned_jobs(finished, SNAKEFILE, finished=True, only=("cohort", "matrix"))
    (planned,) = planned_jobs(finished, SNAKEFILE)
    assert {"train", "refit", "attribute", "validate"} <= run_again(planned)


def test_a_table_of_another_content_runs_everything_whatever_its_time(tmp_path: Path) -> None:
    config = table(tmp_path)
    planned_jobs(config, SNAKEFILE, finished=True)
    replaced(tmp_path / "table.csv", "T3,1", "T3,0")
    (planned,) = planned_jobs(config, SNAKEFILE)
    assert (
        run_again(planned) == {"cohort", "matrix", "train", "refit", "dominance", "proxy"} | BEHIND_THE_LABELS
    )


def test_a_file_is_known_by_all_of_it_or_by_its_time_its_size_and_blocks(tmp_path: Path) -> None:
    path, moment = tmp_path / "file", (10**18, 10**18)

    def known(content: bytes) -> tuple[int | str, ...]:
        path.write_bytes(content)
        os.utime(path, ns=moment)
        identity.cache_clear()
        return identity(str(path))

    small = bytes(1000)
    assert known(small) == known(small)
    assert known(small) != known(small[:-1] + b"x")
    large = bytearray(READ_WHOLE + 1)
    before = known(bytes(large))
    assert known(bytes(large)) == before
    # The ends are read whole, and blocks between them.
    for place in (0, ENDS - 1, (len(large) - ENDS) // (BLOCKS + 1), len(large) - ENDS, len(large) - 1):
        other = large.copy()
        other[place] = 1
        assert known(bytes(other)) != before, place
    moment = (10**18, 10**18 + 1)
    assert known(bytes(large)) != before
    assert identity(str(tmp_path / "nowhere")) == (str(tmp_path / "nowhere"),)
