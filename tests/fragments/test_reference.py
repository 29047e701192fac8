"""Bases of the reference under fragments: against slices of the sequence itself, and pysam."""

from __future__ import annotations

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_profile import table

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.reference import ReferenceGenome, gc_of, motifs_at, with_reference_ends

SEQUENCES = {
    "chr1": "".join(np.random.default_rng(3).choice(list("ACGTacgtN"), size=9_000)),
    "2": "".join(np.random.default_rng(4).choice(list("ACGT"), size=400)),
}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
NAMES = ("chr1", "chr2", "chr3")


def write_fasta(path, compressed=False):
    text = "".join(
        f">{name} made up\n" + "\n".join(bases[i : i + 60] for i in range(0, len(bases), 60)) + "\n"
        for name, bases in SEQUENCES.items()
    )
    if compressed:
        with pysam.BGZFile(str(path), "wb", None) as file:
            file.write(text.encode())
    else:
        path.write_text(text)
    pysam.faidx(str(path))
    return path


@pytest.fixture(scope="module", params=["plain", "bgzip"])
def reference(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    compressed = request.param == "bgzip"
    return ReferenceGenome(str(write_fasta(folder / ("g.fa.gz" if compressed else "g.fa"), compressed)))


def fragments(rows):
    return table([(contig, start, length, 0, 0, {}) for contig, start, length in rows], NAMES)


def expected_motifs(contig, start, length):
    """By slicing the text: what hangs over an end of the sequence, or is no base, makes a motif unknown."""
    bases = SEQUENCES["chr1" if contig == 0 else "2"].upper()

    def number(motif):
        return MOTIFS.index(motif) if len(motif) == 4 and set(motif) <= set("ACGT") else -1

    end = start + length
    five = bases[start : start + 4]
    three = bases[end - 4 : end].translate(COMPLEMENT)[::-1] if end <= len(bases) else ""
    return number(five), number(three)


def test_codes_by_hand(tmp_path):
    (tmp_path / "g.fa").write_text(">1\nACGTNacgtR\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    reference = ReferenceGenome(str(tmp_path / "g.fa"))
    assert reference.codes("chr1", 0, 10).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert reference.codes("1", -2, 2).tolist() == [4, 4, 0, 1]  # before the first base: unknown
    assert reference.codes("1", 8, 12).tolist() == [3, 4, 4, 4]  # beyond the last one too
    assert reference.codes("1", 50, 53).tolist() == [4, 4, 4]
    assert reference.codes("1", 3, 3).tolist() == []


def test_motifs_by_hand(tmp_path):
    # A fragment [1, 9) of AACGTTTGCA: its forward strand begins ACGT, its reverse strand with the
    # complement of its last four bases TTGC, read backwards: GCAA. GC: ACGTTTGC has 4 of 8.
    (tmp_path / "g.fa").write_text(">chr1\nAACGTTTGCA\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    reference = ReferenceGenome(str(tmp_path / "g.fa"))
    one = fragments([(0, 1, 8)])
    five, three = motifs_at(reference, one)
    assert (MOTIFS[five[0]], MOTIFS[three[0]]) == ("ACGT", "GCAA")
    assert [int(x[0]) for x in gc_of(reference, one)] == [4, 8]
    replaced = with_reference_ends(one, reference)
    assert (replaced.motif_5p.tolist(), replaced.motif_3p.tolist()) == (five.tolist(), three.tolist())
    assert replaced.start is one.start


ROWS = st.lists(
    st.one_of(
        st.tuples(st.just(0), st.integers(0, 9_200), st.integers(1, 3_000)),
        st.tuples(st.just(1), st.integers(0, 420), st.integers(1, 500)),
    ),
    max_size=40,
)


@given(rows=ROWS)
def test_any_fragments_in_any_order(reference, rows):
    # Beyond the sequence's end and at every distance: neighbours are read together, far ones apart.
    five, three = motifs_at(reference, fragments(rows))
    strong, known = gc_of(reference, fragments(rows))
    assert list(zip(five.tolist(), three.tolist(), strict=True)) == [expected_motifs(*row) for row in rows]
    for (contig, start, length), s, k in zip(rows, strong.tolist(), known.tolist(), strict=True):
        bases = SEQUENCES["chr1" if contig == 0 else "2"].upper()[start : start + length]
        assert s == bases.count("G") + bases.count("C")
        assert k == len(bases) - bases.count("N")


def test_more_fragments_than_are_looked_up_at_once(reference):
    rng = np.random.default_rng(5)
    rows = [(0, int(start), int(length)) for start, length in rng.integers((0, 4), (8_000, 900), (5_000, 2))]
    five, three = motifs_at(reference, fragments(rows))
    assert list(zip(five.tolist(), three.tolist(), strict=True)) == [expected_motifs(*row) for row in rows]


def refused(action):
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_genome_of_another_build(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">1\nACGTACGTAC\n>chrM\nACGTACGT\n>other\nACGT\n")
    pysam.faidx(str(path))
    genome = ReferenceGenome(str(path))
    genome.fit({"chr1": 10, "MT": 3, "chr2": 5}, "sample S7: s.bam")
    genome.fit({"chr1": 4_000}, "sample S7: s.bam")  # the file holds the beginning of a genome
    message = refused(lambda: genome.fit({"chr1": 9}, "sample S7: s.bam"))
    assert message.startswith("sample S7: s.bam: contig chr1 has 9 bp, in reference ")
    assert "it has 10 bp; set reference.fasta to the genome" in message


def test_an_absent_contig(reference):
    reference.check(["chr1", "1", "2", "chr2"])
    for action in (
        lambda: reference.check(["chr3"]),
        lambda: reference.codes("chr3", 0, 5),
        lambda: motifs_at(reference, fragments([(2, 0, 10)])),
    ):
        message = refused(action)
        assert reference.path in message and "no contig chr3" in message


def test_missing_files(tmp_path):
    path = tmp_path / "g.fa"
    assert "does not exist" in refused(lambda: ReferenceGenome(str(path)))
    path.write_text(">chr1\nACGT\n")
    assert "has no index" in refused(lambda: ReferenceGenome(str(path)))
    assert not (tmp_path / "g.fa.fai").exists()  # htslib would have made one
    compressed = write_fasta(tmp_path / "h.fa.gz", compressed=True)
    (tmp_path / "h.fa.gz.gzi").unlink()
    assert "h.fa.gz.gzi; run samtools faidx" in refused(lambda: ReferenceGenome(str(compressed)))


def test_an_index_of_another_file(tmp_path):
    path = write_fasta(tmp_path / "g.fa")
    path.write_text(">chr1\nACGT\n")
    reference = ReferenceGenome(str(path))
    assert "run samtools faidx" in refused(lambda: reference.codes("chr1", 0, 5_000))


@pytest.mark.realdata
def test_a_fasta_that_holds_the_beginning_of_a_contig(realdata):
    path = realdata / "plasma_wgs" / "hg19.chr1.first10Mb.fa.gz"
    reference = ReferenceGenome(str(path))
    codes = reference.codes("1", 9_999_990, 10_000_010)
    assert (codes[:10] < 4).all() and (codes[10:] == 4).all()
    with pysam.FastaFile(str(path)) as file:
        bases = file.fetch(file.references[0], 3_000_000, 3_000_200).upper()
    assert "".join("ACGTN"[code] for code in reference.codes("chr1", 3_000_000, 3_000_200)) == bases
