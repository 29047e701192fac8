"""Damaged, odd and mutated files: an error that names the place, or counts that add up; never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from both_ways import Bench, settle, settle_mutated
from corpus import cases
from corpus_case import REFUSED
from mutations import STYLES, mutated

CASES = cases()
FILES = 168  # of mutated records, about 120 each


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_corpus(case, bench):
    settle(case, bench)


def test_the_corpus_is_large_and_always_the_same():
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert sum(case.outcome == REFUSED for case in CASES) >= 60
    assert [case.data for case in cases()] == [case.data for case in CASES]


@pytest.mark.parametrize(
    ("seeds", "settings"),
    [
        (range(FILES), {"ignore_5p": (2, 3), "ignore_3p": 1}),
        (range(FILES, FILES + 30), {"methylation": "none", "mapq_of": "first", "duplicates": "keep"}),
        (range(FILES + 30, FILES + 60), {"pairs": "proper", "max_length": 300, "contigs": ("chr1",)}),
    ],
    ids=["calls", "no-calls", "proper"],
)
def test_mutated_records(seeds, settings, tmp_path):
    blacklist = tmp_path / "black.bed"
    blacklist.write_text("chr1\t10000\t12000\nchr1\t30000\t30500\nchr2\t5000\t5001\n")
    bench = Bench(tmp_path, blacklist=str(blacklist), **settings)
    came, records = Counter(), 0
    for seed in seeds:
        file = mutated(seed)
        records += file.mutated
        try:
            came[file.style, settle_mutated(file, bench)] += 1
        except Exception as error:
            error.add_note(f"mutated({seed})")
            raise
    assert records >= 100 * len(seeds)
    # Mutated fields leave a file that pysam reads, so all of these are compared.
    files = len(seeds) // len(STYLES)
    assert came["fields", "equal"] == files
    assert came["bytes", "equal"] > files // 2
    assert came["anything", "refused"] > files // 2


REDUCED = """
from pathlib import Path
from both_ways import Bench, settle, settle_mutated
from corpus import cases
from mutations import mutated
from cfdna_interp.fragments.kernels.compiling import DEBUG

assert DEBUG
bench = Bench(Path("."))
for case in cases():
    settle(case, bench)
for seed in range(9):
    settle_mutated(mutated(seed), bench)
print("all settled")
"""


def test_no_access_is_out_of_bounds(tmp_path):
    # The kernels compiled with bounds checks raise IndexError where the ordinary ones would read elsewhere.
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "CFDNA_INTERP_DEBUG_KERNELS": "1",
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parents[1])]),
    }
    done = subprocess.run(
        [sys.executable, "-c", REDUCED],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.splitlines()[-1:] == ["all settled"], done.stderr
