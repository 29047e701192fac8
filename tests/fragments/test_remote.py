from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from bams import mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.cohort.split import find_samples, split
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.features.extract import extract_sample
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.feed import UNPLACED, feed
from cfdna_interp.fragments.remote import remote_index
from cfdna_interp.workflow.stages import extracted_from, stages

SERVER = Path(__file__).resolve().parents[1] / "range_server.py"
WHO = "sample S7: s7.bam"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder and its address: s7.bam of 4,000 reads on chr1 and 200 on chrX, of several blocks."""
    folder = tmp_path_factory.mktemp("served")
    records = [
        read
        for contig, count in (("chr1", 2_000), ("chrX", 100))
        for molecule in random_molecules(count, contig=contig, prefix=contig)
        for read in mates(molecule)
    ]
    write_bam(folder / "s7.bam", records)
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(folder)], stdout=subprocess.PIPE, text=True, cwd=folder
    )
    try:
        yield folder, f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working directory with a file that htslib would take for the index."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "s7.bam.bai").write_bytes(b"of another file")
    monkeypatch.chdir(folder)
    yield
    assert os.listdir(folder) == ["s7.bam.bai"]


def names(address, contigs, tmp_path):
    fed = tmp_path / "fed.bam"
    with feed(address, None, contigs, WHO) as stream:
        fed.write_bytes(stream.read())
    with pysam.AlignmentFile(str(fed)) as file:
        return [(read.query_name, read.flag) for read in file.fetch(until_eof=True)]


def test_feed_of_a_remote_bam(served, elsewhere, tmp_path):
    folder, site = served
    with pysam.AlignmentFile(str(folder / "s7.bam")) as file:
        expected = [(read.query_name, read.flag) for read in file.fetch(until_eof=True)]
    address = f"{site}/s7.bam"
    assert names(address, None, tmp_path) == expected
    one, rest = names(address, ["chr1"], tmp_path), names(address, ["chr2", "chrX", UNPLACED], tmp_path)
    assert (len(one), len(rest)) == (4_000, 200)
    assert one + rest == expected


def test_open_alignment_of_a_remote_bam(served, elsewhere, tmp_path):
    config = Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=str(write_build(tmp_path / "made-up.tsv"))),
        extract=Extract(),
    )
    sample = Sample("S7", "P7", f"{served[1]}/s7.bam", 1, "discovery")
    with open_alignment(sample, config) as alignment:
        assert (alignment.build, alignment.dialect) == ("made-up", "xm")
        assert alignment.who == f"sample S7: {served[1]}/s7.bam"


@pytest.mark.parametrize("name", ["s8.bam.bai", "s8.bai", "s8.bam.csi", "s8.csi"])
def test_index_by_any_name(served, elsewhere, name):
    folder, site = served
    (folder / name).write_bytes(b"index")
    try:
        with remote_index(f"{site}/s8.bam", WHO) as local:
            assert Path(local).read_bytes() == b"index"
            assert Path(local).suffix == Path(name).suffix
        assert not Path(local).parent.exists()
    finally:
        (folder / name).unlink()


def test_no_index(served, elsewhere):
    folder, site = served
    (folder / "s9.bam").write_bytes((folder / "s7.bam").read_bytes())
    with pytest.raises(InputError, match=r"S7: s7\.bam has no index beside it \(http.*run samtools index"):
        names(f"{site}/s9.bam", ["chr1"], folder)
    with pytest.raises(InputError, match=r"no index beside it \(http\S*/s9\.cram\.crai, http\S*/s9\.crai: "):
        names(f"{site}/s9.cram", ["chr1"], folder)


def test_remote_bam_that_breaks_off(served, elsewhere, tmp_path):
    folder, site = served
    whole = (folder / "s7.bam").read_bytes()
    cut = folder / "cut.bam"
    for size in (len(whole) // 2, len(whole) - 28):
        cut.write_bytes(whole[:size])
        with pytest.raises(InputError, match="is truncated or damaged"):
            names(f"{site}/cut.bam", None, tmp_path)
    with pytest.raises(InputError, match=r"cannot be opened \(Failed to open"):
        names(f"{site}/none.bam", None, tmp_path)


def test_what_is_remote():
    assert is_remote("s3://bucket/s7.bam")
    assert not is_remote("/data/s7.bam")


SECRET = "s3cret"


@pytest.fixture(scope="module")
def signed(served):
    """The address of the same file where each request needs a signature."""
    folder, site = served
    for name in ("signed", "each"):
        (folder / name).mkdir()
        for file in ("s7.bam", "s7.bam.bai"):
            (folder / name / file).write_bytes((folder / file).read_bytes())
    return site


def extracted(address, tmp_path, index="", threads=1):
    config = Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=str(write_build(tmp_path / "made-up.tsv"))),
        extract=Extract(contigs="all", min_fragments=1),
    )
    sample = Sample("S7", "P7", address, 1, "discovery", index=index)
    return read_sample(sample, config, None, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signature_opens_the_index_too_and_is_shown_nowhere(served, signed, tmp_path, caplog, threads):
    folder, site = served
    found = extracted(f"{signed}/signed/s7.bam?signature={SECRET}", tmp_path, threads=threads)
    plain = extracted(str(folder / "s7.bam"), tmp_path)
    np.testing.assert_array_equal(found.fragments.start, plain.fragments.start)
    assert found.qc.bam == f"{site}/signed/s7.bam"
    assert SECRET not in str(found.qc) + caplog.text


@pytest.mark.parametrize("threads", [1, 2])
def test_an_index_has_an_address_of_its_own(signed, tmp_path, threads):
    file, index = (f"{signed}/each/{name}?signature={SECRET}-{name}" for name in ("s7.bam", "s7.bam.bai"))
    assert extracted(file, tmp_path, index, threads).qc.counts.fragments > 1_000
    with pytest.raises(InputError, match="name it in the column index of the sheet") as caught:
        extracted(file, tmp_path)
    assert SECRET not in str(caught.value)


def test_an_index_lies_elsewhere(served, signed, tmp_path):
    folder, _ = served
    index = tmp_path / "elsewhere.bai"
    index.write_bytes((folder / "s7.bam.bai").read_bytes())
    alone = tmp_path / "alone.bam"
    alone.write_bytes((folder / "s7.bam").read_bytes())
    for file in (str(alone), f"{signed}/signed/s7.bam?signature={SECRET}"):
        for threads in (1, 2):
            assert extracted(file, tmp_path, str(index), threads).qc.counts.fragments > 1_000
        with pytest.raises(InputError, match=r"none\.bai does not exist; correct the index column") as caught:
            extracted(file, tmp_path, str(tmp_path / "none.bai"))
        assert SECRET not in str(caught.value)


def test_no_file_of_a_run_holds_a_signature(served, signed, tmp_path):
    """Stages after these read what these write."""
    folder, _ = served
    rows = ["sample,subject,bam,index,label,role"]
    for number, role in enumerate(("discovery", "discovery", "heldout", "heldout")):
        file, index = f"{folder}/s7-{number}.bam", ""
        if number == 0:
            file, index = (
                f"{signed}/each/{name}?signature={SECRET}-{name}" for name in ("s7.bam", "s7.bam.bai")
            )
        rows.append(f"S{number},P{number},{file},{index},{number % 2},{role}")
    (tmp_path / "sheet.csv").write_text("\n".join(rows) + "\n")
    config = Config(
        sheet=str(tmp_path / "sheet.csv"),
        outdir=str(tmp_path / "out"),
        reference=Reference(build=str(write_build(tmp_path / "made-up.tsv"))),
        extract=Extract(contigs="all", min_fragments=1),
    )
    split(config)
    (sample,) = find_samples(config, ("S0",))
    assert extract_sample(sample, config).counts.fragments > 1_000
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"discovery.tsv", "heldout.tsv", "source.json", "S0.json"}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    # Snakemake keeps these.
    sheet = {row.sample: row for row in read_cohort(config)}
    kept = [stage.settings for stage in stages(config, sheet).values()]
    assert shown(sample.bam) in str(kept)
    assert SECRET not in str(kept) + str(extracted_from(sample))
    # What is signed anew is the same file.
    again = replace(sample, bam=sample.bam + "-again", index=sample.index + "-again")
    assert extracted_from(again) == extracted_from(sample)


@pytest.mark.parametrize("place", ["signed/s7.bam", "signed/none.bam", "none.bam", "signed/s7.cram"])
def test_a_refusal_shows_no_signature(signed, tmp_path, place):
    with pytest.raises(InputError, match="S7") as caught:
        extracted(f"{signed}/{place}?signature=wr0ng", tmp_path)
    assert "wr0ng" not in str(caught.value)
    assert f"{signed}/{place}" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://h/x.bam?X-Amz-Signature=1#2", "https://h/x.bam"),
        ("https://me:word@h/x.bam", "https://h/x.bam"),
        ("s3://bucket/x.bam", "s3://bucket/x.bam"),
        ("/data/what?.bam", "/data/what?.bam"),
    ],
)
def test_what_of_an_address_is_shown(address, seen):
    assert shown(address) == seen
