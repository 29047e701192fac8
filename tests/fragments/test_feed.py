from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, record, write_bam

from cfdna_interp.errors import InputError
from cfdna_interp.fragments import feed as module
from cfdna_interp.fragments.feed import UNPLACED, feed

WHO = "sample S7: s7.cram"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """s7.bam, the same as s7.cram, and its reference g.fa: chr2 is empty, two reads have no position."""
    folder = tmp_path_factory.mktemp("feed of cram ü")
    records = [
        read
        for contig, count in (("chr1", 9_000), ("chrX", 50))
        for molecule in random_molecules(count, contig=contig, prefix=contig)
        for read in mates(molecule)
    ]
    for name in ("u1", "u2"):
        read = record(name, 0x1 | 0x4 | 0x8 | 0x40, -1, -1, "ACGT" * 15, -1, mapq=0)
        read.cigarstring = None
        records.append(read)
    bam = write_bam(folder / "s7.bam", records)
    write_reference(folder / "g.fa")
    as_cram(bam, folder / "g.fa", folder / "s7.cram")
    return folder


def write_reference(path, change=lambda sequence: sequence):
    path.write_text("".join(f">{name}\n{change(sequence)}\n" for name, sequence in GENOME.items()))
    pysam.faidx(str(path))
    return path


def as_cram(bam, fasta, cram):
    with (
        pysam.AlignmentFile(str(bam)) as source,
        pysam.AlignmentFile(str(cram), "wc", template=source, reference_filename=str(fasta)) as target,
    ):
        for read in source.fetch(until_eof=True):
            target.write(read)
    pysam.index(str(cram))


def read_all(path, fasta, contigs=None):
    with feed(str(path), fasta and str(fasta), contigs, WHO) as stream:
        data = bytearray()
        while piece := stream.read(50_000):
            data += piece
    return bytes(data)


def records_of(data, tmp_path):
    """The records as SAM text; NM and MD, which CRAM makes anew, left out."""
    bam = tmp_path / "fed.bam"
    bam.write_bytes(data)
    with pysam.AlignmentFile(str(bam)) as file:
        assert file.references == tuple(CONTIGS)
        return [as_text(read) for read in file.fetch(until_eof=True)]


def as_text(read):
    tags = sorted((tag, value) for tag, value in read.get_tags() if tag not in ("NM", "MD"))
    return (*read.to_string().split("\t")[:11], *tags)


def expected(folder):
    with pysam.AlignmentFile(str(folder / "s7.bam")) as file:
        return [as_text(read) for read in file.fetch(until_eof=True)]


def test_cram_gives_the_records_of_its_bam(folder, tmp_path):
    data = read_all(folder / "s7.cram", folder / "g.fa")
    assert records_of(data, tmp_path) == expected(folder)
    # Stored blocks: the kind of the first deflate block, bits 1-2 after BGZF's 18-byte header, is 0.
    assert data[18] & 0b110 == 0
    assert data.endswith(bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000"))


def test_a_contig_and_the_rest(folder, tmp_path):
    one = records_of(read_all(folder / "s7.cram", folder / "g.fa", ["chr1"]), tmp_path)
    rest = records_of(read_all(folder / "s7.cram", folder / "g.fa", ["chr2", "chrX", UNPLACED]), tmp_path)
    assert (len(one), len(rest)) == (18_000, 102)
    assert one + rest == expected(folder)


def test_many_contigs_in_one_slice(tmp_path):
    # Small contigs share CRAM slices, so that the index leads to reads of others, too.
    contigs = {f"HLA-A*01:{index:02}:1-5": 500 for index in range(40)}
    rng = np.random.default_rng(1)
    fasta = tmp_path / "g.fa"
    sequences = {name: "".join(rng.choice(list("ACGT"), size=500)) for name in contigs}
    fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))
    pysam.faidx(str(fasta))
    head = pysam.AlignmentHeader.from_references(list(contigs), list(contigs.values()))
    bam = tmp_path / "s7.bam"
    with pysam.AlignmentFile(str(bam), "wb", header=head) as file:
        for contig, sequence in enumerate(sequences.values()):
            for start in range(contig % 7):
                read = pysam.AlignedSegment(head)
                read.query_name, read.reference_id, read.reference_start = f"{contig}:{start}", contig, start
                read.query_sequence, read.cigarstring = sequence[start : start + 50], "50M"
                file.write(read)
    as_cram(bam, fasta, tmp_path / "s7.cram")
    names = []
    for part in (list(contigs)[:13], list(contigs)[13:14], [*list(contigs)[14:], UNPLACED]):
        fed = tmp_path / "fed.bam"
        fed.write_bytes(read_all(tmp_path / "s7.cram", fasta, part))
        with pysam.AlignmentFile(str(fed)) as file:
            names += [read.query_name for read in file.fetch(until_eof=True)]
    assert names == [f"{contig}:{start}" for contig in range(40) for start in range(contig % 7)]


@pytest.mark.realdata
def test_plasma(realdata, tmp_path):
    plasma = realdata / "plasma_wgs"
    data = read_all(plasma / "hg19.chr1.6Mb.cram", plasma / "hg19.chr1.first10Mb.fa.gz")
    (tmp_path / "fed.bam").write_bytes(data)
    with pysam.AlignmentFile(str(tmp_path / "fed.bam")) as file:
        assert sum(1 for _ in file.fetch(until_eof=True)) == 125_376


def refused(path, fasta, contigs=None):
    with pytest.raises(InputError) as caught:
        read_all(path, fasta, contigs)
    text = str(caught.value)
    assert text.startswith(f"{WHO} ")
    assert "\n" not in text
    return text


def test_truncated(folder, tmp_path):
    whole = (folder / "s7.cram").read_bytes()
    cram = tmp_path / "s7.cram"
    # htslib's end-of-file container has 38 bytes: without it all records come, and a warning.
    for size in (*range(1, len(whole), len(whole) // 25), len(whole) - 1, len(whole) - 38):
        cram.write_bytes(whole[:size])
        text = refused(cram, folder / "g.fa")
        assert "is truncated or damaged" in text or "cannot be opened" in text
    assert "EOF marker is absent" in text


def test_damaged_inside(folder, tmp_path):
    data = bytearray((folder / "s7.cram").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 50] = bytes(50)
    (tmp_path / "s7.cram").write_bytes(data)
    text = refused(tmp_path / "s7.cram", folder / "g.fa")
    assert "is truncated or damaged (Block CRC32 failure)" in text


def test_reference_that_is_wrong_or_missing(folder, tmp_path):
    wrong = write_reference(tmp_path / "wrong.fa", lambda sequence: sequence[::-1])
    remedy = "; set reference.fasta to the genome it was written with"
    text = refused(folder / "s7.cram", wrong)
    assert (
        "was written with another reference than the one given (MD5 checksum reference mismatch at chr1:"
        in text
    )
    assert text.endswith(remedy)
    assert refused(folder / "s7.cram", tmp_path / "none.fa").endswith(remedy)
    # The header names the file it was written with; where that is gone, contigs may be nowhere.
    other = tmp_path / "other.fa"
    other.write_text(">chr9\nACGT\n")
    pysam.faidx(str(other))
    hidden = (folder / "g.fa").rename(folder / "hidden.fa")
    try:
        assert refused(folder / "s7.cram", other).endswith("; set reference.fasta to that genome")
        assert refused(folder / "s7.cram", None).endswith("; set reference.fasta to that genome")
    finally:
        hidden.rename(folder / "g.fa")


def test_index_that_is_missing_or_damaged(folder, tmp_path):
    # The folder's name must not be taken for what went wrong.
    cram = tmp_path / "index md5" / "s7.cram"
    cram.parent.mkdir()
    cram.write_bytes((folder / "s7.cram").read_bytes())
    assert "run samtools index" in refused(cram, folder / "g.fa", ["chr1"])
    cram.with_suffix(".cram.crai").write_bytes(b"garbage")
    assert "run samtools index" in refused(cram, folder / "g.fa", ["chr1"])
    assert read_all(cram, folder / "g.fa")
    cram.write_bytes(cram.read_bytes()[:20_000])
    assert "is truncated or damaged" in refused(cram, folder / "g.fa")


def test_contig_that_is_not_there(folder):
    assert 'region "{chr9}" specifies' in refused(folder / "s7.cram", folder / "g.fa", ["chr1", "chr9"])
    with pytest.raises(ValueError, match="no contigs"), feed("s7.cram", None, [], WHO):
        pass


@pytest.fixture
def children(monkeypatch):
    """The child processes that ``feed`` starts."""
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Noted)
    return started


def test_reader_that_stops_early(folder, children):
    with feed(str(folder / "s7.cram"), str(folder / "g.fa"), None, WHO) as stream:
        assert stream.read(4)[:2] == b"\x1f\x8b"
    with (
        pytest.raises(ZeroDivisionError),
        feed(str(folder / "s7.cram"), str(folder / "g.fa"), None, WHO),
    ):
        raise ZeroDivisionError
    with feed(str(folder / "s7.cram"), str(folder / "g.fa"), None, WHO) as stream:
        assert len(stream.read()) > 1_000_000
        assert stream.read() == b""
    # Each has ended and was waited for: its number is free again.
    assert [child.returncode is None for child in children] == [False] * 3
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


def test_child_that_is_killed(folder, children):
    with feed(str(folder / "s7.cram"), str(folder / "g.fa"), None, WHO) as stream:
        stream.read(4)
        children[0].kill()
        with pytest.raises(InputError, match=r"S7: s7\.cram: reading it was ended by SIGKILL; give the job"):
            while stream.read(1 << 20):
                pass


def test_child_ends_with_a_parent_that_is_killed(folder):
    # The parent reads a little and is killed without a chance to clean up; the child's next write fails.
    program = (
        "import sys, os, signal, subprocess\n"
        "from cfdna_interp.fragments import feed\n"
        "start = subprocess.Popen\n"
        "def noted(*a, **k):\n"
        "    child = start(*a, **k); print(child.pid, flush=True); return child\n"
        "feed.subprocess.Popen = noted\n"
        "with feed.feed(sys.argv[1], sys.argv[2], None, 'S') as stream:\n"
        "    stream.read(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    arguments = [sys.executable, "-c", program, str(folder / "s7.cram"), str(folder / "g.fa")]
    parent = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    assert parent.returncode == -9
    child = int(parent.stdout)
    for _ in range(1_000):
        if _ended(child):
            break
        time.sleep(0.01)
    assert _ended(child)


def _ended(pid):
    """Whether a process is gone, or waits as a zombie for whoever adopted it."""
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_child_starts_light_and_from_any_folder(folder, tmp_path, monkeypatch):
    # A file named like a module, in the working directory, is not imported.
    (tmp_path / "pysam.py").write_text("raise SystemExit('taken from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert len(read_all(folder / "s7.cram", folder / "g.fa", [UNPLACED])) > 300
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    imported = subprocess.run(
        [sys.executable, "-P", "-c", program, module.view.__file__],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
    assert "pysam" in imported
    assert not {"numba", "numpy", "cfdna_interp"} & set(imported)
