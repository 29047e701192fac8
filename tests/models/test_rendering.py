"""Texts of fragments: by hand, and the reverse strand against the reverse complement of the whole genome."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from genomes import COMPLEMENT, fragment, random_bases, random_fragments, scan, write_fasta
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.rendering import Renderer, Rendering, contig_starts

TOKEN = Rendering("token", "<m>")
METHYLBERT = Rendering("token_type", kmer=3, separator=" ", last_kmer=False)
#        0123456789
FIRST = "TTACGGCGAT"
SECOND = "acgnRTCGCA"


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    return write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", {"1": FIRST, "chr2": SECOND})


def text(fasta, rendering, one):
    return Renderer(rendering, fasta).render(one).texts[0]


# The first contig is TTACGGCGAT: CpGs at 3 and 6. The fragment [2, 9) is ACGGCGA with calls at 1 and 4.
WHOLE = fragment(2, 7, {1: 1, 4: 0})


@pytest.mark.parametrize(
    ("rendering", "expected"),
    [
        (TOKEN, "AC<m>GGCGA"),
        (replace(TOKEN, unmethylated="<u>"), "AC<m>GGC<u>GA"),
        (Rendering("letter", "M"), "AMGGCGA"),
        (Rendering("letter", "M", "U"), "AMGGUGA"),
        (Rendering("none"), "ACGGCGA"),
        # Words of three: ACG CGG GGC GCG CGA. The C at 1 is the middle of the first, that at 4 of the fourth.
        (Rendering("token", "<m>", "<u>", kmer=3, separator=" "), "ACG <m> CGG GGC GCG <u> CGA"),
        (Rendering("token", "<m>", "<u>", kmer=3, separator=" ", carrier=0), "ACG CGG <m> GGC GCG CGA <u>"),
        (Rendering("letter", "M", "U", kmer=3, separator=" "), "AMG MGG GGU GUG UGA"),
        (Rendering("none", kmer=3, separator="", last_kmer=False), "ACGCGGGGCGCG"),
    ],
)
def test_spellings_of_one_fragment(fasta, rendering, expected):
    assert text(fasta, rendering, WHOLE) == expected


def test_words_and_token_types_as_methylbert_makes_them(fasta):
    # Its kmers() takes range(len - k) words, the last one left out, and the state of a word's middle base:
    # z 0, Z 1, all else 2. ACG: middle C, methylated; CGG, GGC neutral; GCG: middle C, unmethylated.
    rendered = Renderer(replace(METHYLBERT, prefix="<sos> "), fasta).render(WHOLE)
    assert rendered.texts == ["<sos> ACG CGG GGC GCG"]
    assert rendered.begins.tolist() == [6]
    assert [types.tolist() for types in rendered.token_types] == [[1, 2, 2, 0]]


def test_uncalled_cpg_is_neutral(fasta):
    rendered = Renderer(Rendering("token_type"), fasta).render(fragment(2, 7, {4: 1}))
    assert rendered.texts == ["ACGGCGA"]
    assert rendered.token_types[0].tolist() == [2, 2, 2, 2, 1, 2, 2]
    assert Renderer(TOKEN, fasta).render(WHOLE).token_types is None


def test_reverse_strand_by_hand(fasta):
    # ACGGCGA reversed and complemented is TCGCCGT. The call at 1 (forward C) belongs to the C opposite the
    # G at 2: place 7 - 1 - 2 = 4. That at 4: the C opposite the G at 5, place 1.
    molecule = replace(TOKEN, unmethylated="<u>", strand="molecule")
    reverse = fragment(2, 7, {1: 1, 4: 0}, strand=-1)
    assert text(fasta, molecule, reverse) == "TC<u>GCC<m>GT"
    assert text(fasta, molecule, WHOLE) == "AC<m>GGC<u>GA"
    assert text(fasta, molecule, fragment(2, 7, {1: 1, 4: 0}, strand=0)) == "AC<m>GGC<u>GA"
    assert text(fasta, replace(molecule, strand="forward"), reverse) == "AC<m>GGC<u>GA"


def test_cpgs_that_straddle_an_end(fasta):
    # [4, 7) is GGC: the CpG at 3 begins one base before it (-1, stored as 0), that at 6 ends one after it.
    # Forward only the C at 2 lies inside. On the reverse strand GCC the C of the first CpG, opposite the G
    # at 0, lies at 2, and the C of the second one lies outside.
    ends = {-1: 1, 2: 1}
    molecule = replace(TOKEN, strand="molecule")
    assert text(fasta, TOKEN, fragment(4, 3, ends)) == "GGC<m>"
    assert text(fasta, molecule, fragment(4, 3, ends, strand=-1)) == "GCC<m>"


def test_states_where_there_is_no_cpg_render_as_bases(fasta):
    # 0 is T of TTACGG, 2 is A, 5 is G; 40 lies beyond the fragment.
    assert text(fasta, TOKEN, fragment(0, 6, {0: 1, 2: 1, 5: 1, 40: 1})) == "TTACGG"
    unclear = fragment(2, 7, {1: 1})
    unclear.states[0, 0] = -1
    assert text(fasta, TOKEN, unclear) == "ACGGCGA"


def test_second_contig_and_other_bases(fasta):
    # acgnRTCGCA lies at 10 on the line; soft-masked bases are bases, n and R are N.
    assert text(fasta, TOKEN, fragment(10, 10, {1: 1, 6: 1})) == "AC<m>GNNTC<m>GCA"
    assert text(fasta, replace(TOKEN, strand="molecule"), fragment(10, 10, {1: 1}, -1)) == "TGCGANNC<m>GT"
    # The first contig ends on GAT: a CpG can't be made of bases of two contigs.
    assert text(fasta, TOKEN, fragment(8, 2, {})) == "AT"


def test_coordinates(tmp_path):
    # 0-based start 1,234,005 of chromosome 2: millions 1, thousands 234, ones 5.
    long = write_fasta(tmp_path / "g.fa", {"chrX": "ACGT", "chr2": "A" * 1_234_005 + "CCGT"})
    rendering = Rendering(
        "token",
        "<m>",
        prefix="<chr{chromosome}><{millions}><{thousands:03d}><{ones:03d}>",
        suffix="</{ones}>",
    )
    assert text(long, rendering, fragment(1_234_009, 4, {1: 1})) == "<chr2><1><234><005>CC<m>GT</5>"
    assert text(long, rendering, fragment(0, 2, {})) == "<chrX><0><000><000>AC</0>"
    assert contig_starts(long) == {"chrX": 0, "chr2": 4}


def test_contig_starts_by_common_name(fasta, tmp_path):
    assert contig_starts(fasta) == {"chr1": 0, "chr2": 10}
    both = write_fasta(tmp_path / "g.fa", {"NC_000001.11": "ACGT", "chr1": "ACG", "MT": "A", "scaffold": "A"})
    assert contig_starts(both) == {"chr1": 0, "chrM": 7, "scaffold": 8}
    with pytest.raises(InputError, match=r"no index .*none.fa.fai; run samtools faidx"):
        contig_starts(str(tmp_path / "none.fa"))


def test_donors_stretch_with_own_states(fasta):
    # The donor [2, 9) has calls at 1 and 4; the fragment's own states go there: unmethylated, methylated.
    own = fragment(10, 10, {1: 0, 6: 1})
    swapped = own.with_stretch_of(WHOLE, np.array([0]))
    assert text(fasta, TOKEN, own) == "ACGNNTC<m>GCA"
    assert text(fasta, TOKEN, swapped) == "ACGGC<m>GA"


GENOME = random_bases(3_000, 1)
MIRROR = GENOME.translate(COMPLEMENT)[::-1]


@pytest.fixture(scope="module")
def genomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    names = {"g.fa": GENOME, "m.fa": MIRROR}
    return [write_fasta(folder / name, {"chr1": bases}) for name, bases in names.items()]


RENDERINGS = st.builds(
    Rendering,
    methylation=st.sampled_from(["token", "letter", "token_type"]),
    kmer=st.sampled_from([1, 3, 5]),
    separator=st.sampled_from(["", " "]),
    last_kmer=st.booleans(),
)


@given(
    rendering=RENDERINGS, length=st.integers(8, 60), place=st.integers(0, 2_900), states=st.integers(0, 2**16)
)
def test_reverse_strand_is_the_forward_strand_of_the_mirrored_genome(
    genomes, rendering, length, place, states
):
    # A forward C at offset o has its reverse C at length - 2 - o of the mirrored fragment; -1 and length - 1,
    # the CpGs that straddle the ends, change places.
    if rendering.methylation != "token_type":
        rendering = replace(rendering, methylated="m", unmethylated="u")
    calls = {o: (states >> rank) & 1 for rank, o in enumerate(scan(GENOME, place, length)[:16])}
    mirrored = {length - 2 - o: state for o, state in calls.items()}
    reverse = fragment(place, length, calls, strand=-1)
    forward = fragment(3_000 - place - length, length, mirrored)
    got = Renderer(replace(rendering, strand="molecule"), genomes[0]).render(reverse)
    want = Renderer(rendering, genomes[1]).render(forward)
    assert got.texts == want.texts
    if rendering.methylation == "token_type":
        assert got.token_types[0].tolist() == want.token_types[0].tolist()


def test_bases_and_states_of_many_fragments_come_back(genomes):
    # Taking the tokens out gives the slice of the genome; each <m> stands where a call is methylated.
    fragments = random_fragments(GENOME, 200, 3)
    rendered = Renderer(replace(TOKEN, unmethylated="<u>"), genomes[0]).render(fragments)
    for row, got in enumerate(rendered.texts):
        place, length = int(fragments.place[row]), int(fragments.length[row])
        bases = GENOME[place : place + length]
        assert got.replace("<m>", "").replace("<u>", "") == bases
        offsets, states = fragments.offsets[row], fragments.states[row]
        inside = (offsets >= 0) & np.array([bases[max(o, 0)] == "C" for o in offsets])
        assert got.count("<m>") == int((states[inside] == 1).sum())
        assert got.count("<u>") == int((states[inside] == 0).sum())


def test_a_place_the_reference_lacks_is_named(fasta):
    renderer = Renderer(TOKEN, fasta)
    with pytest.raises(InputError, match=r"a fragment of 7 bp at 1:5 ends beyond its contig of 10 bp"):
        renderer.render(fragment(4, 7, {}))
    with pytest.raises(InputError, match=r"a fragment of 3 bp at chr2:9 ends beyond its contig of 10 bp"):
        renderer.render(FragmentInputs.concatenate([WHOLE, fragment(18, 3, {})]))
    with pytest.raises(InputError, match=r"1 of 2 fragments lie on contigs that reference .* doesn't have"):
        renderer.render(FragmentInputs.concatenate([WHOLE, fragment(-1, 7, {})]))
    with pytest.raises(InputError, match="ends beyond its contig"):
        renderer.render(fragment(10_000, 7, {}))


def test_a_rendering_for_another_build_is_refused(fasta):
    hg38 = replace(TOKEN, build="GRCh38")
    assert Renderer(hg38, fasta, build="GRCh38").rendering is hg38
    with pytest.raises(InputError, match="rendering is for build GRCh38, the run's is GRCh37"):
        Renderer(hg38, fasta, build="GRCh37")
    # Where the run doesn't say a build, the lengths of the reference's contigs tell.
    for build in (None, "auto"):
        with pytest.raises(InputError, match=r"for build GRCh38: .* 1 has 10 bp instead of 248956422"):
            Renderer(hg38, fasta, build=build)
    # A build of one's own is a table of contigs.
    assert Renderer(replace(TOKEN, build="mine"), fasta, build="/data/mine.tsv")


def test_what_a_model_can_know():
    everything = {"sequence", "fragment_length", "methylation", "tissue_of_origin", "locus"}
    assert TOKEN.consumes == everything - {"locus"}
    assert Rendering("none").consumes == {"sequence", "fragment_length"}
    assert replace(TOKEN, prefix="<{chromosome}>").consumes == everything
    assert replace(TOKEN, suffix="<{ones:03d}>").consumes == everything


def test_digest_is_of_the_spelling(tmp_path):
    path = tmp_path / "rendering.yaml"
    path.write_text("methylation: token\nmethylated: <m>\n")
    assert Rendering.load(path) == TOKEN
    assert Rendering.load(path).digest == TOKEN.digest
    assert len({TOKEN.digest, METHYLBERT.digest, replace(TOKEN, suffix=" ").digest}) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("methylation: [", "not valid YAML"),
        ("methylated: <m>", "'methylation' is a required property"),
        ("[]", "is not of type 'object'"),
        ("methylation: token\nmethylated: <m>\nkmers: 3", "'kmers' was unexpected"),
        ("methylation: token\nmethylated: <m>\nkmer: 0", "kmer: 0 is less than the minimum"),
        ("methylation: token", "methylation: token needs methylated"),
        ("methylation: none\nmethylated: <m>", "methylation: none puts no text"),
        ("methylation: letter\nmethylated: <m>", "one character"),
        ("methylation: letter\nmethylated: T", "other than A C G T N"),
        ("methylation: none\nkmer: 3\ncarrier: 3", "carrier 3 lies outside of a word of 3"),
        ("methylation: none\nprefix: '{chrom}'", r"prefix has {chrom}; it knows {chromosome}"),
        ("methylation: none\nprefix: '{ones.real}'", r"prefix has {ones.real}"),
        ("methylation: none\nsuffix: '{ones!r}'", r"suffix has {ones!r"),
        ("methylation: none\nsuffix: '{ones'", "expected '}'"),
    ],
)
def test_bad_renderings_are_refused(tmp_path, content, message):
    path = tmp_path / "rendering.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        Rendering.load(path)


def test_a_missing_rendering_is_named(tmp_path):
    with pytest.raises(InputError, match=r"rendering .*none.yaml does not exist"):
        Rendering.load(tmp_path / "none.yaml")


PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_examples_of_the_page(tmp_path):
    # The page's two renderings and what it says they make of ACGGCGA at chr2:1,234,006.
    page = PAGE.read_text()
    blocks = re.findall(r"(?:^    .+\n)+", page, flags=re.MULTILINE)
    causal, methylbert = [textwrap.dedent(block) for block in blocks if block.startswith("    methylation:")]
    fasta = write_fasta(tmp_path / "g.fa", {"chr2": "A" * 1_234_005 + "ACGGCGA"})
    one = fragment(1_234_005, 7, {1: 1, 4: 0})
    got = {}
    for name, block in (("causal", causal), ("methylbert", methylbert)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(block)
        rendering = Rendering.load(path)
        got[name] = Renderer(rendering, fasta, build=rendering.build).render(one)
    assert f"    {got['causal'].texts[0]}\n" in page
    types = " ".join(map(str, [2, *got["methylbert"].token_types[0], 2]))
    assert f"`<sos> {got['methylbert'].texts[0]} <eos>`, token types {types}." in page
