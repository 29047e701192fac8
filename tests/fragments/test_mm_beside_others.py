"""Modified-base letters beside a plain implementation, htslib and modkit, and of damaged lists."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mm_cases import ARGMAX, COUNTS, assert_as_slow, records, run, settle, sound_lists
from slow_mm import COMPLEMENT, MALFORMED, parse, slow

from cfdna_interp.fragments.kernels.compare import relabel
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.methylation.mm import threshold_bytes
from cfdna_interp.fragments.methylation.sites import letters_of
from cfdna_interp.fragments.reference import ReferenceGenome

reads = st.text("ACGTNY", max_size=40)
limits = st.sampled_from([ARGMAX, (50, 205), (127, 128), (0, 255), (90, 100)])


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), reads, st.booleans(), limits)
def test_as_the_plain_implementation(rng, bases, reverse, low_high):
    lists, values = sound_lists(rng, bases, reverse)
    assert assert_as_slow(bases, reverse, lists, values, *low_high) != MALFORMED


def test_long_reads_as_the_plain_implementation():
    rng = random.Random(5)
    for reverse in (False, True):
        bases = "".join(rng.choices("ACGT", k=5_001))
        lists, values = "", []
        while "C+m" not in lists or "G-m" not in lists:
            lists, values = sound_lists(rng, bases, reverse)
        assert assert_as_slow(bases, reverse, lists, values, 50, 205) == (-1 if reverse else 1)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), reads.filter(len), st.booleans())
def test_positions_and_probabilities_are_those_of_htslib(rng, bases, reverse):
    lists, values = sound_lists(rng, bases, reverse)
    sequence = bases.translate(COMPLEMENT)[::-1] if reverse else bases
    found = parse(sequence, lists, values)
    if len(found) > 5:  # pysam has room for five at a base
        return
    ours = defaultdict(list)
    for base, strand, code, _, listed in found:
        key = (base, int((strand == "-") != reverse), int(code) if code.isdigit() else code)
        for at, value in listed.items():
            ours[key].append((len(bases) - 1 - at if reverse else at, value))
    segment = pysam.AlignedSegment()
    segment.query_sequence, segment.flag = bases, 4 + 16 * reverse
    # htslib takes no comma before nothing.
    segment.set_tags([("MM", lists.replace(",;", ";"), "Z"), ("ML", array("B", values))])
    theirs = segment.modified_bases or {}
    assert {k: sorted(v) for k, v in ours.items()} == {k: sorted(v) for k, v in theirs.items()}


# 10 nanopore reads beside the bedMethyl files of modkit's tests. Columns from the 15th on: bases called as
# the row's modification, as unmodified, as another one; deleted, filtered, of another base, not called.
def bed_methyl(path):
    """(position, strand) -> bases of 5mC, none, 5hmC, below the threshold."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {(int(row[1]), row[5]): [int(row[k]) for k in (14, 15, 16, 18)] for row in rows if row[3] == "m"}


def bam_and_bytes(path):
    with pysam.AlignmentFile(str(path)) as file:
        return list(zip(file.fetch(until_eof=True), records(path), strict=True))


def sites(path, low, high):
    """The same of our calls; those of 5mC and none are the kernel's letters."""
    found = defaultdict(lambda: [0, 0, 0, 0])
    for segment, data in bam_and_bytes(path):
        lists, values = segment.get_tag("MM"), list(segment.get_tag("ML"))
        expected = slow(segment.query_sequence, segment.is_reverse, lists, values, low, high)
        strand, letters, counts = run(data, low, high)
        assert (strand, letters) == (expected.strand, expected.letters)
        assert counts == {name: expected.counts[name] for name in COUNTS}
        for at, position in segment.get_aligned_pairs(matches_only=True):
            site = found[position, "-" if segment.is_reverse else "+"]
            site[0] += letters[at].isupper()
            site[1] += letters[at].islower()
            site[2] += expected.calls[at] == "h"
            site[3] += expected.calls[at] == "unclear"
    return {site: counts for site, counts in found.items() if sum(counts[:3])}


@pytest.mark.realdata
def test_nanopore_reads_beside_bed_methyl(realdata):
    folder = realdata / "modified_bases"
    bam = folder / "bc_anchored_10_reads.sorted.bam"
    assert sites(bam, *ARGMAX) == bed_methyl(folder / "modbam.modpileup_nofilt.bed")

    # The filtered file leaves out the quarter of calls of the lowest confidence: the 25th percentile over all
    # reads of the largest of p(m), p(h) and p(none), each byte being the middle of its range.
    confidence = []
    for segment, _ in bam_and_bytes(bam):
        bases = segment.modified_bases
        strand = int(segment.is_reverse)
        for (_, m), (_, h) in zip(bases["C", strand, "m"], bases["C", strand, "h"], strict=True):
            confidence.append(max(m + 0.5, h + 0.5, 255 - m - h) / 256)
    threshold = float(np.quantile(confidence, 0.25))
    assert sites(bam, *threshold_bytes(threshold)) == bed_methyl(folder / "modbam.modpileup_filt025.bed")
    assert sites(bam, *threshold_bytes(0.8)) != bed_methyl(folder / "modbam.modpileup_filt025.bed")


@pytest.mark.realdata
def test_cpgs_of_the_reference_beside_bed_methyl(realdata):
    # modkit's rows are of every base called; given the reference's contexts, letters z and Z are those of
    # them that lie on its CpGs, whatever the reads show beside them, and no others.
    folder = realdata / "modified_bases"
    bam, fasta = folder / "bc_anchored_10_reads.sorted.bam", folder / "CGI_ladder_3.6kb_ref.fa"
    with pysam.FastaFile(str(fasta)) as file:
        bases = {name: file.fetch(name).upper() for name in file.references}
    found, expected = defaultdict(lambda: [0, 0]), {}
    for segment, data in bam_and_bytes(bam):
        contig = segment.reference_name
        codes = ReferenceGenome(str(fasta)).codes(contig, -2, len(bases[contig]) + 2)
        strand, letters, _ = run(data, *ARGMAX)
        buffer = np.frombuffer(data + bytes(SLACK), dtype=np.uint8)
        text = np.array(list(letters.encode()), dtype=np.uint8)
        relabel(buffer, 0, text, 0, SiteLetters(letters_of(codes), 0, 0, 0), strand)
        for at, position in segment.get_aligned_pairs(matches_only=True):
            if chr(text[at]) in "zZ":
                found[position, "+" if strand > 0 else "-"]["Zz".index(chr(text[at]))] += 1
    for (position, strand), counts in bed_methyl(folder / "modbam.modpileup_nofilt.bed").items():
        first = position - (strand == "-")
        if sum(counts[:2]) and bases[contig][first : first + 2] == "CG":
            expected[position, strand] = counts[:2]
    assert len(expected) > 10
    assert found == expected


def test_mutated_records():
    # 100,000 with any byte of the tags changed; among the 50,000 before, which are compared with the plain
    # implementation, 20,000 with other characters or values in the lists.
    came = Counter(settle(seed) for seed in range(50_000))
    assert came[MALFORMED] > 5_000 and min(came[1], came[-1]) > 5_000


REDUCED = """
from mm_cases import settle
from cfdna_interp.fragments.kernels.compiling import DEBUG

assert DEBUG
for seed in range(3_000):
    settle(seed)
print("all settled")
"""


def test_no_access_is_out_of_bounds(tmp_path):
    # The kernel compiled with bounds checks raises IndexError where the ordinary one would read elsewhere.
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", REDUCED],
        cwd=tmp_path,
        env={
            **os.environ,
            "CFDNA_INTERP_DEBUG_KERNELS": "1",
            "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parents[1])]),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.splitlines()[-1:] == ["all settled"], done.stderr
