"""A million mutated BAM records: an error, or counts that add up and the tables of the readable decoder.

    python benchmarks/fuzz.py --records 1000000

Makes files of mutated records as `tests/fragments/mutations.py` describes, reads each with the package and
with the decoder on pysam, prints what came of them. The first file that comes out wrong is kept, named and
ends the run with status 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out" / "fuzz"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "fragments")]

from both_ways import Bench, settle_mutated  # noqa: E402
from mutations import STYLES, mutated  # noqa: E402

OUTCOMES = ("equal", "unreadable", "refused")


def main() -> int:
    """Mutate, read, compare, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first file")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    files: Counter[tuple[str, str]] = Counter()
    records: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        blacklist = Path(folder) / "black.bed"
        blacklist.write_text("chr1\t10000\t12000\nchr1\t30000\t30500\nchr2\t5000\t5001\n")
        bench = Bench(Path(folder), blacklist=str(blacklist), ignore_5p=2, ignore_3p=1)
        for seed in count(arguments.first):
            file = mutated(seed)
            try:
                files[file.style, settle_mutated(file, bench)] += 1
            except Exception as error:
                arguments.out.mkdir(parents=True, exist_ok=True)
                kept = arguments.out / f"mutated-{seed}.bam"
                kept.write_bytes(file.data)
                print(f"seed {seed} ({file.style}), kept as {kept}: {type(error).__name__}: {error}")
                return 1
            records[file.style] += file.mutated
            if records.total() >= arguments.records:
                break
    print("| style | mutated records | files | " + " | ".join(OUTCOMES) + " |")
    print("|---" * (3 + len(OUTCOMES)) + "|")
    for style in STYLES:
        came = [files[style, outcome] for outcome in OUTCOMES]
        print(
            f"| {style} | {records[style]:,} | {sum(came):,} | " + " | ".join(map("{:,}".format, came)) + " |"
        )
    print(f"{records.total():,} mutated records in {time.monotonic() - began:.0f} s; no crash, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
