"""What the machine refuses, in words: a full disk, rights, limits on files, memory and processes."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from cfdna_interp.errors import InputError

_AGAIN = "then give the same command again"
_REMEDIES = {
    errno.ENOSPC: f"make room on this disk, {_AGAIN}",
    errno.EDQUOT: f"make room within the quota of this user, {_AGAIN}",
    errno.EFBIG: f"raise the limit on the size of a file (ulimit -f unlimited), {_AGAIN}",
    errno.EROFS: "mount this file system for writing, or give another folder",
    errno.EACCES: "give this user the right to it (chmod, chown), or give another place",
    errno.EPERM: "give this user the right to it (chmod, chown), or give another place",
    errno.EMFILE: f"raise the limit on open files (ulimit -n 1024), {_AGAIN}",
    errno.ENFILE: f"close programs, since the machine has no more open files to give, {_AGAIN}",
    errno.EAGAIN: f"raise the limit on processes (ulimit -u), {_AGAIN}",
    errno.ENOMEM: f"give the job more memory, or end other programs, {_AGAIN}",
    errno.ESTALE: f"mount this file system again, {_AGAIN}",
}
# How libraries that are not written in Python tell the number: HDF5 "errno = 28", safetensors "os error 28".
_NUMBER = re.compile(r"(?:errno =|os error) (\d+)")
# Libraries map far more than they use: stages of a run of 48 samples take up to 2.4 GB of addresses and .5 GB
# of memory. Where addresses run out, some end the process without a word.
LEAST_ADDRESSES = 4 * 10**9  # bytes
_PROBE = bytes(2**20)


class NotWrittenError(OSError):
    """A file that the machine refused to take.

    Attributes
    ----------
    needed
        Bytes that the file needs more than, None where that isn't known.
    """

    def __init__(self, number: int, path: str, needed: int | None = None) -> None:
        super().__init__(number, os.strerror(number), path)
        self.needed = needed


def check_addresses() -> None:
    """Check that this process may map enough memory for its libraries.

    Raises
    ------
    InputError
        ``ulimit -v`` is below that.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESSES:
        raise InputError(
            f"the limit on addresses (ulimit -v) is {limit / 1e9:.1f} GB, and {LEAST_ADDRESSES / 1e9:.0f} GB "
            "are needed at least, though most of them are never used; raise it (ulimit -v unlimited)"
        )


def system_errno(error: BaseException) -> int | None:
    """Return the number of what the machine refused, None where an error has another cause.

    An error that was raised in place of another one, as ``InputError`` is in readers of files, has the cause
    of that other one.
    """
    for cause in _causes(error):
        if isinstance(cause, MemoryError):
            return errno.ENOMEM
        number = cause.errno if isinstance(cause, OSError) else None
        if number is None and (told := _NUMBER.search(str(cause))):
            number = int(told.group(1))
        if number in _REMEDIES:
            return number
    return None


def refusal(error: BaseException) -> str | None:
    """Return one line: the file, what the machine refused, the remedy. None where it refused nothing."""
    number = system_errno(error)
    if number is None:
        return None
    names = (name for cause in _causes(error) if (name := getattr(cause, "filename", None)) is not None)
    path = next(map(os.fsdecode, names), None)
    needed = next((cause.needed for cause in _causes(error) if isinstance(cause, NotWrittenError)), None)
    facts = _facts(number, path, needed)
    said = os.strerror(number) + (f" ({facts})" if facts else "")
    return ": ".join([*([path] if path else []), f"{said}; {_REMEDIES[number]}"])


def writing_failed(error: Exception, target: Path, unfinished: Path) -> Exception:
    """Return what to raise where a file was not written: the refusal by the machine, or the same error.

    Some writers don't say why they failed. The file is written to once more then: if the machine refuses,
    that is why.

    Parameters
    ----------
    error
        What the writer raised.
    target
        The file, by the name that a user knows.
    unfinished
        Where it was written to, as far as that went.
    """
    number = system_errno(error)
    if number is None and isinstance(error, OSError) and error.errno is None:
        try:
            with open(unfinished, "ab") as handle:
                handle.write(_PROBE)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as refused:
            number = refused.errno
    if number is None:
        return error
    needed = None
    if number == errno.ENOSPC:
        written = unfinished.stat().st_size if unfinished.is_file() else 0
        needed = written + shutil.disk_usage(unfinished.parent).free
    return NotWrittenError(number, str(target), needed)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised in place of."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _facts(number: int, path: str | None, needed: int | None) -> str:
    if number == errno.ENOSPC and path is not None:
        free = shutil.disk_usage(_nearest_folder(path)).free
        more = f", the file needs more than {_size(needed)}" if needed else ""
        return f"{_size(free)} free{more}"
    if number in (errno.EACCES, errno.EPERM):
        return f"user {os.geteuid()}"
    limit = {
        errno.EMFILE: resource.RLIMIT_NOFILE,
        errno.EAGAIN: resource.RLIMIT_NPROC,
        errno.ENOMEM: resource.RLIMIT_AS,
        errno.EFBIG: resource.RLIMIT_FSIZE,
    }.get(number)
    if limit is None or (soft := resource.getrlimit(limit)[0]) == resource.RLIM_INFINITY:
        return ""
    if number in (errno.ENOMEM, errno.EFBIG):
        return f"the limit is {_size(soft)}"
    return f"the limit is {soft}"


def _size(count: int) -> str:
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _nearest_folder(path: str) -> Path:
    place = Path(path)
    while not place.is_dir():
        place = place.parent
    return place
