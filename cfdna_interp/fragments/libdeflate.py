"""Find libdeflate's inflate and CRC functions in the shared object of the ``deflate`` package."""

from __future__ import annotations

import ctypes
import logging
from functools import cache

from cfdna_interp.fragments.kernels.inflate import Functions

_log = logging.getLogger(__name__)


@cache
def _library() -> ctypes.CDLL | None:
    try:
        from deflate import _deflate

        library = ctypes.CDLL(_deflate.__file__)
        library.libdeflate_alloc_decompressor.restype = ctypes.c_void_p
        library.libdeflate_free_decompressor.argtypes = [ctypes.c_void_p]
        _address(library, "libdeflate_deflate_decompress")
        _address(library, "libdeflate_crc32")
    except (ImportError, OSError, AttributeError) as error:
        _log.warning(
            "libdeflate is not at hand (%s): BAM blocks are inflated by zlib, about half as fast", error
        )
        return None
    return library


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


class Decompressor:
    """One thread's decompressor.

    Attributes
    ----------
    functions
        Addresses for :func:`cfdna_interp.fragments.kernels.inflate.inflate_blocks`; None where the library is
        missing.
    """

    def __init__(self) -> None:
        self.functions: Functions | None = None
        self._library = _library()
        if self._library is not None:
            self._state = self._library.libdeflate_alloc_decompressor()
            if not self._state:
                raise MemoryError("libdeflate could not allocate a decompressor")
            self.functions = Functions(
                decompress=_address(self._library, "libdeflate_deflate_decompress"),
                checksum=_address(self._library, "libdeflate_crc32"),
                decompressor=self._state,
            )

    def close(self) -> None:
        """Free the decompressor."""
        if self._library is not None and self.functions is not None:
            self._library.libdeflate_free_decompressor(self._state)
            self.functions = None
