from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.intervals import load_intervals

NAMES = ("chr1", "chr2", "chr3")
LINES = st.lists(
    st.tuples(st.sampled_from(["chr1", "1", "chr2", "chrUn"]), st.integers(0, 40), st.integers(0, 40)),
    max_size=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LINES)
def test_merged_intervals_cover_the_same_bases(tmp_path, lines):
    path = tmp_path / "x.bed"
    path.write_text(
        "track x\n#\n\n" + "".join(f"{name}\t{start}\t{end}\tname more\n" for name, start, end in lines)
    )
    found = load_intervals(path, NAMES, "blacklist")
    for contig, names in ((0, ("chr1", "1")), (1, ("chr2",)), (2, ("chr3",))):
        covered = {base for name, start, end in lines if name in names for base in range(start, end)}
        starts, ends = found.get(contig, ([], []))
        pairs = list(zip(starts, ends, strict=True))
        assert {base for start, end in pairs for base in range(start, end)} == covered
        # Disjoint, ascending, with at least one base between them.
        assert all(start < end for start, end in pairs)
        assert all(end < start for (_, end), (start, _) in pairwise(pairs))


@pytest.mark.parametrize("line", ["chr1\t5", "chr1\tx\t9", "chr1\t-5\t9", "chr1\t5\t²"])
def test_a_line_that_is_no_interval_is_named(tmp_path, line):
    path = tmp_path / "x.bed"
    path.write_text(f"chr1\t1\t2\n{line}\n")
    with pytest.raises(
        InputError, match=rf"^known_sites {path}, line 2: expected contig, start, end; correct"
    ):
        load_intervals(path, NAMES, "known_sites")


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "x.bed.gz"
    path.write_bytes(b"\x1f\x8b\x08\xff\xfe")
    with pytest.raises(
        InputError, match=r"^known_sites .* cannot be read .*; give a BED file as plain text$"
    ):
        load_intervals(path, NAMES, "known_sites")
