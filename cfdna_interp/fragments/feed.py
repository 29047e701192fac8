"""Stream CRAM and remote files as uncompressed BAM.

htslib decodes them in a child process, in parallel to this one. The pipe carries BGZF with stored blocks, so
one decoder reads every kind of file.
"""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, BinaryIO

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.errors import InputError
from cfdna_interp.fragments import view
from cfdna_interp.fragments.remote import remote_index

BUFFER = 1 << 20  # bytes read ahead
UNPLACED = "*"  # samtools' name for the reads without a position, at the end of the file
NO_END = "EOF marker is absent"  # of htslib 1.24, a warning only
MESSAGES = 1 << 16  # last bytes of the child's messages that are read

# Pattern of a message of htslib 1.24, its meaning, the remedy. The first pattern that matches counts.
EXPLANATIONS = (
    (
        "md5",
        "was written with another reference than the one given",
        "set reference.fasta to the genome it was written with",
    ),
    (
        "fetch reference",
        "needs the reference it was written with, under the same names of contigs",
        "set reference.fasta to that genome",
    ),
    (
        "reference file",
        "cannot be read with the reference given",
        "set reference.fasta to the genome it was written with",
    ),
    ("index", "cannot be read by contig", "run samtools index on it"),
    ("failed to open", "cannot be opened", "give a sorted BAM or CRAM file that can be read from here"),
)


@contextmanager
def feed(
    path: str, reference_fasta: str | None, contigs: Sequence[str] | None, who: str, index: str = ""
) -> Iterator[BinaryIO]:
    """Stream a file's alignments as BAM.

    Parameters
    ----------
    path
        A CRAM or BAM file, or the address of one (``http://``, ``s3://`` and what else htslib reads).
    reference_fasta
        The genome that a CRAM file was written with. None for any other file, and for a CRAM file that holds
        its reference, needs none, or names a file on this machine. htslib fetches none from an address.
    contigs
        Names of contigs to read, in header order. ``UNPLACED`` comes last and stands for reads without a
        position. This needs the index. None: the whole file, without the index.
    who
        Sample and file; error messages begin with it.
    index
        Path or address of its index; "" for the one beside it.

    Yields
    ------
    BinaryIO
        A BAM file as BGZF of stored blocks, header first. Only the read at the end tells whether the file
        was whole, so read until no bytes come. When the context ends, the child is killed and unread bytes
        are dropped.

    Raises
    ------
    InputError
        Reading raises it: file, index or reference is missing, damaged or of another file.
    ValueError
        ``contigs`` is empty.
    """
    with tempfile.TemporaryFile() as messages, ExitStack() as opened:
        local_index = index or None
        if contigs is None:
            local_index = None
        elif is_remote(path):
            local_index = opened.enter_context(remote_index(path, who, index))
        child = subprocess.Popen(
            # -P keeps the folder of the child's program off the module path.
            [sys.executable, "-P", view.__file__, *_arguments(path, reference_fasta, contigs, local_index)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            bufsize=0,
        )
        try:
            with io.BufferedReader(_Pipe(child, messages, path, who), BUFFER) as stream:
                yield stream
        finally:
            child.kill()  # does nothing if the child has ended
            child.wait()


class _Pipe(io.RawIOBase):
    """The child's output. The read that meets its end checks that all of it came."""

    def __init__(self, child: subprocess.Popen[bytes], messages: IO[bytes], path: str, who: str):
        assert child.stdout is not None
        self._child, self._out, self._messages = child, child.stdout, messages
        self._path, self._who = path, who

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size: int = self._out.readinto(buffer)  # type: ignore[attr-defined]
        if size == 0 and len(buffer):
            self._check()
        return size

    def close(self) -> None:
        self._out.close()
        super().close()

    def _check(self) -> None:
        status = self._child.wait()
        self._messages.seek(max(0, self._messages.seek(0, io.SEEK_END) - MESSAGES))
        messages = self._messages.read().decode(errors="replace")
        # htslib reads a file that breaks off between two containers without an error.
        if status == 0 and NO_END not in messages:
            return
        if status < 0:
            raise InputError(
                f"{self._who}: reading it was ended by {signal.Signals(-status).name}; "
                "give the job more memory, or copy the file again"
            )
        raise InputError(_explain(messages, self._path, self._who))


def _arguments(
    path: str, reference_fasta: str | None, contigs: Sequence[str] | None, local_index: str | None
) -> list[str]:
    options = ["-T", reference_fasta] if reference_fasta else []
    if contigs is None:
        return [*options, "--", path]
    if not contigs:
        raise ValueError("no contigs to read")
    # Braces mark a name, since some names look like ranges (HLA-A*01:01:01:01).
    regions = [name if name == UNPLACED else f"{{{name}}}" for name in contigs]
    if local_index is not None:
        return [*options, "-X", "--", path, local_index, *regions]
    return [*options, "--", path, *regions]


def _explain(messages: str, path: str, who: str) -> str:
    """Return what is wrong and what to do, from the messages of htslib and samtools."""
    messages = messages.replace(path, shown(path))
    lines = [" ".join(line.split()) for line in messages.splitlines() if line.strip()]
    # The first error is the cause, and the others follow from it. Warnings aren't errors.
    errors = [line for line in lines if NO_END in line or not line.startswith("[W::")] or ["no reason given"]
    for pattern, problem, remedy in EXPLANATIONS:
        for line in errors:
            if re.search(pattern, line.replace(shown(path), ""), re.IGNORECASE):
                return f"{who} {problem} ({_plain(line)}); {remedy}"
    return f"{who} is truncated or damaged ({_plain(errors[0])}); copy or write it again"


def _plain(line: str) -> str:
    return re.sub(r"^\[\w+(::\w+)?\] |^samtools view: ", "", line)
