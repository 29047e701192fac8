"""CRAM files whose reference is another one, elsewhere, inside the file, or not needed; under any name."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys

import pysam
import pytest
from bams import GENOME, mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import read_sample

MOLECULES = [m for n in (1, 2) for m in random_molecules(80, seed=n, contig=f"chr{n}", prefix=f"c{n}m")]
FRAGMENTS = len(MOLECULES)


def write_fasta(path, sequences):
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()))
    pysam.faidx(str(path))
    return path


@pytest.fixture
def bam(tmp_path):
    return write_bam(tmp_path / "s7.bam", [read for m in MOLECULES for read in mates(m)])


def as_cram(bam, cram, fasta=None, option=None):
    """The file as CRAM. A FASTA is removed afterwards: the header names it, and htslib would find it."""
    options = [*(["--output-fmt-option", option] if option else []), *(["-T", str(fasta)] if fasta else [])]
    pysam.view("-C", *options, "-o", str(cram), str(bam), catch_stdout=False)
    pysam.index(str(cram))
    if fasta:
        fasta.unlink()
    return cram


def extracted(cram, tmp_path, fasta=None):
    reference = Reference(build=str(write_build(tmp_path / "b.tsv")), fasta=fasta and str(fasta))
    extract = Extract(min_fragments=1, contigs="all")
    config = Config(outdir=str(tmp_path / "out"), reference=reference, extract=extract)
    return read_sample(Sample("S7", "P7", str(cram), 1, "discovery"), config, None)


def calls(extraction):
    table = extraction.fragments
    return len(table), int(table.cpg_states.sum()), len(table.cpg_states)


def message(cram, tmp_path, fasta=None):
    with pytest.raises(InputError) as caught:
        extracted(cram, tmp_path, fasta)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PLANTED = [state for molecule in MOLECULES for state in molecule.calls().values()]
TRUTH = (FRAGMENTS, sum(PLANTED), len(PLANTED))


@pytest.mark.parametrize("option", ["embed_ref=1", "embed_ref=2", "no_ref=1"])
def test_a_file_that_holds_its_reference_or_needs_none_is_read_without(bam, tmp_path, option):
    fasta = write_fasta(tmp_path / "g.fa", GENOME) if option == "embed_ref=1" else None
    cram = as_cram(bam, tmp_path / "s7.cram", fasta, option)
    assert calls(extracted(cram, tmp_path)) == TRUTH
    # A FASTA beside it is no harm.
    assert calls(extracted(cram, tmp_path, write_fasta(tmp_path / "own.fa", GENOME))) == TRUTH


@pytest.mark.parametrize("contig", ["chr1", "chr2"])
def test_one_base_of_the_reference_differs(bam, tmp_path, contig):
    cram = as_cram(bam, tmp_path / "s7.cram", write_fasta(tmp_path / "g.fa", GENOME))
    at = min(m.start for m in MOLECULES if m.contig == contig) + 5
    bases = GENOME[contig]
    changed = bases[:at] + ("A" if bases[at] != "A" else "C") + bases[at + 1 :]
    said = message(cram, tmp_path, write_fasta(tmp_path / "g2.fa", {**GENOME, contig: changed}))
    assert said.startswith(f"sample S7: {cram} was written with another reference")
    assert said.endswith("set reference.fasta to the genome it was written with")
    # The remedy works.
    assert calls(extracted(cram, tmp_path, write_fasta(tmp_path / "own.fa", GENOME))) == TRUTH


def test_the_reference_is_nowhere_or_lacks_a_contig(bam, tmp_path):
    cram = as_cram(bam, tmp_path / "s7.cram", write_fasta(tmp_path / "g.fa", GENOME))
    part = write_fasta(tmp_path / "part.fa", {name: GENOME[name] for name in ("chr1", "chrX")})
    for said in (message(cram, tmp_path), message(cram, tmp_path, part)):
        assert "needs the reference it was written with" in said
        assert said.endswith("set reference.fasta to that genome")
    assert "chr2:" in message(cram, tmp_path, part)


@pytest.mark.parametrize("name", ["s7.bam2", "s7", "s7.CRAM", "s7.cram.final"])
def test_a_file_is_known_by_its_first_bytes(bam, tmp_path, name):
    cram = as_cram(bam, tmp_path / "s8.cram", write_fasta(tmp_path / "g.fa", GENOME))
    renamed = cram.rename(tmp_path / name)
    shutil.move(f"{cram}.crai", f"{renamed}.crai")
    assert calls(extracted(renamed, tmp_path, write_fasta(tmp_path / "own.fa", GENOME))) == TRUTH
    assert "needs the reference" in message(renamed, tmp_path)


def test_a_bam_file_may_be_called_cram(bam, tmp_path):
    renamed = bam.rename(tmp_path / "s8.cram")
    shutil.move(f"{bam}.bai", f"{renamed}.bai")
    assert calls(extracted(renamed, tmp_path)) == TRUTH


def test_no_reference_is_fetched_from_an_address(bam, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        folder = tmp_path / "refs"
        folder.mkdir()
        sums = {name: hashlib.md5(bases.encode()).hexdigest() for name, bases in GENOME.items()}
        for name, digest in sums.items():
            (folder / digest).write_text(GENOME[name])
        # With the references in REF_PATH htslib leaves UR in the header as it is.
        program = (
            "import pysam, sys, json\n"
            "bam, cram, address, sums = sys.argv[1:]\n"
            "source = pysam.AlignmentFile(bam)\n"
            "header = source.header.to_dict()\n"
            "for contig in header['SQ']:\n"
            "    contig.update(M5=json.loads(sums)[contig['SN']], UR=address)\n"
            "header = pysam.AlignmentHeader.from_dict(header)\n"
            "with pysam.AlignmentFile(cram, 'wc', header=header) as target:\n"
            "    for read in source:\n"
            "        target.write(read)\n"
            "pysam.index(cram)\n"
        )
        cram, address = tmp_path / "s9.cram", f"http://127.0.0.1:{server.getsockname()[1]}/g.fa"
        told = [str(bam), str(cram), address, str(sums).replace("'", '"')]
        environment = {**os.environ, "REF_PATH": f"{folder}/%s"}
        subprocess.run([sys.executable, "-c", program, *told], env=environment, check=True, timeout=120)
        assert address in str(pysam.AlignmentFile(str(cram)).header)
        assert "needs the reference it was written with" in message(cram, tmp_path)
        with pytest.raises(TimeoutError):
            server.accept()
    assert calls(extracted(cram, tmp_path, write_fasta(tmp_path / "own.fa", GENOME))) == TRUTH
