"""Stretches of BGZF streams as windows: nothing lost, nothing twice, whatever the sizes."""

from __future__ import annotations

import gzip
import io
from unittest.mock import patch

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.errors import InputError
from cfdna_interp.fragments import libdeflate
from cfdna_interp.fragments.bgzf import Stretch, after_header
from cfdna_interp.fragments.kernels.inflate import BLOCK


def compressed(pieces: list[bytes]) -> tuple[bytes, list[int]]:
    """A BGZF file with a block per piece and the end marker, and where each block begins."""
    whole, places = b"", []
    for piece in pieces:
        places.append(len(whole))
        member = gzip.compress(piece, mtime=0)
        size = len(member) + 8 - 1
        extra = b"\x06\0BC\x02\0" + size.to_bytes(2, "little")
        whole += member[:3] + b"\x04" + member[4:10] + extra + member[10:]
    return whole + bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000"), places


def read(
    data: bytes, begin: int = 0, end: int | None = None, size: int = BLOCK, ahead: bool = False
) -> bytes:
    stream = io.BytesIO(data)
    stream.seek(begin >> 16)
    stretch = Stretch(stream, "sample S", begin, end)
    parts = [window.data[window.begin : window.end].tobytes() for window in stretch.windows(size, ahead)]
    stretch.close()
    return b"".join(parts)


PIECES = st.lists(st.binary(max_size=3_000), min_size=1, max_size=12)


@settings(deadline=None)
@given(PIECES, st.booleans(), st.booleans())
def test_windows_hold_the_bytes_once(pieces, ahead, zlib_only):
    data, _ = compressed(pieces)
    with patch.object(libdeflate, "_library", (lambda: None) if zlib_only else libdeflate._library):
        assert read(data, ahead=ahead) == b"".join(pieces) == gzip.decompress(data)


@settings(deadline=None)
@given(PIECES, st.data())
def test_stretches_between_virtual_offsets_join_without_a_seam(pieces, data):
    whole, places = compressed(pieces)
    offsets = [
        (place << 16) + within
        for place, piece in zip(places, pieces, strict=True)
        for within in range(len(piece))
    ]
    if len(offsets) > 1:
        cut = data.draw(st.sampled_from(offsets[1:]))
        assert read(whole, 0, cut) + read(whole, cut) == b"".join(pieces)


def test_a_file_of_many_windows():
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 4, 3_000_000, dtype=np.uint8).tobytes()
    pieces = [raw[at : at + 60_000] for at in range(0, len(raw), 60_000)]
    data, _ = compressed(pieces)
    assert read(data, size=200_000) == read(data, ahead=True) == raw


def test_an_index_that_points_between_blocks_is_of_another_file():
    data, places = compressed([b"a" * 100, b"b" * 100, b"c" * 100])
    for end in (((places[1] + 1) << 16) + 5, (places[1] << 16) + 101):
        with pytest.raises(InputError, match="its index is of another file"):
            read(data, 0, end)


@pytest.mark.parametrize("keep", [10, 30, 60])
def test_a_stream_that_breaks_off_names_the_block(keep):
    data, places = compressed([b"a" * 100, bytes(range(200))])
    with pytest.raises(InputError, match=rf"^sample S is truncated or damaged at offset {places[1]}:0"):
        read(data[: places[1] + keep])


def test_a_wrong_checksum_names_the_block():
    data, places = compressed([b"a" * 100, bytes(range(200)), b"c"])
    broken = bytearray(data)
    broken[places[2] - 8] ^= 1
    with pytest.raises(InputError, match=rf"offset {places[1]}:0 \(its checksum is wrong\)"):
        read(bytes(broken))


@pytest.mark.parametrize("contigs", [1, 3_000])
def test_a_header_of_any_size_is_passed_over(tmp_path, contigs):
    # 3,000 contigs with long names take more than one window of a block.
    names = [f"{'long_contig_name_' * 3}{number}" for number in range(contigs)]
    path = tmp_path / "s.bam"
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": 1_000} for name in names]}
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        read_one = pysam.AlignedSegment(file.header)
        read_one.query_name = "only"
        file.write(read_one)
    raw = gzip.decompress(path.read_bytes())
    stretch = Stretch(io.BytesIO(path.read_bytes()), "sample S")
    rest = b"".join(
        window.data[window.begin : window.end].tobytes()
        for window in after_header(stretch.windows(BLOCK), contigs, "sample S")
    )
    assert raw.endswith(rest)
    assert rest[36:41] == b"only\0"
    with pytest.raises(InputError, match="contigs instead of"):
        list(
            after_header(
                Stretch(io.BytesIO(path.read_bytes()), "sample S").windows(BLOCK), contigs + 1, "sample S"
            )
        )
