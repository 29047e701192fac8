"""A small program that ``feed`` runs: it writes alignments as uncompressed BAM to the standard output.

It runs by its path and imports nothing of the package, so it starts as fast as pysam does.
"""

from __future__ import annotations

import signal
import sys

import pysam
from pysam.utils import SamtoolsError


def main(arguments: list[str]) -> int:
    """Run ``samtools view`` with the given arguments.

    Parameters
    ----------
    arguments
        Options, files and regions of ``samtools view``.

    Returns
    -------
    int
        The exit status. Messages of samtools go to the standard error stream.
    """
    # Python catches both signals. Here a closed pipe or the user ends the program at once.
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        pysam.view("-u", "--no-PG", "-o", "-", *arguments, catch_stdout=False)
    except SamtoolsError as error:
        print(str(error.value).rpartition("stderr=")[2], file=sys.stderr)
        return 1
    # samtools skips an unknown region and still succeeds. Only its message tells.
    messages = pysam.view.get_messages()  # type: ignore[no-untyped-call]
    print(messages, end="", file=sys.stderr)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
