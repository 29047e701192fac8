"""A program of its own, run by ``feed``: alignments as uncompressed BAM on the standard output.

It is run by its path and imports nothing of the package: it starts in the time that pysam needs.
"""

from __future__ import annotations

import signal
import sys

import pysam
from pysam.utils import SamtoolsError


def main(arguments: list[str]) -> int:
    """``samtools view`` on the given arguments.

    Parameters
    ----------
    arguments
        Options, files and regions of ``samtools view``; the output goes to the standard output.

    Returns
    -------
    int
        The exit status. What samtools said stands on the standard error stream.
    """
    # Python catches both; here a reader that went away, or the user, ends the program at once.
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        pysam.view("-u", "--no-PG", "-o", "-", *arguments, catch_stdout=False)
    except SamtoolsError as error:
        print(str(error.value).rpartition("stderr=")[2], file=sys.stderr)
        return 1
    # samtools passes over a region it doesn't know and ends well: a message is all there is.
    messages = pysam.view.get_messages()  # type: ignore[no-untyped-call]
    print(messages, end="", file=sys.stderr)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
