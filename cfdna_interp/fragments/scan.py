"""The state of reading one stretch of records: what waits, what is counted, rows not handed out yet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.config.settings import per_mate
from cfdna_interp.fragments.alignment import Alignment, unsorted
from cfdna_interp.fragments.bgzf import Window, damaged
from cfdna_interp.fragments.chunk import CHUNK, Chunk, Settings, Totals
from cfdna_interp.fragments.filters import Tally
from cfdna_interp.fragments.kernels import places, waiting
from cfdna_interp.fragments.kernels import scan as kernels
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.mm import MM_COUNTS
from cfdna_interp.fragments.methylation.mm import threshold_bytes
from cfdna_interp.fragments.methylation.sites import Sites
from cfdna_interp.records.qc import ReadCounts

CALLS = 8 * CHUNK  # room for their CpG calls

_ROW = np.dtype(
    [
        ("hash", np.uint64),
        ("calls_end", np.int64),
        ("contig", np.int32),
        ("start", np.int32),
        ("length", np.int32),
        ("gc", np.float32),
        ("motif_5p", np.int16),
        ("motif_3p", np.int16),
        ("mapq", np.uint8),
        ("strand", np.int8),
    ],
    align=True,
)
_DIALECTS = {
    "none": places.NO_CALLS,
    "xm": places.XM,
    "reference": places.COMPARE,
    "mm": places.MM,
}


class Scan:
    """The state of a scan between windows."""

    def __init__(self, alignment: Alignment, settings: Settings, contig: int, sites: Sites | None):
        self._who, self._contig_names = alignment.who, alignment.contig_names
        self._seed = settings.seed
        rules = settings.rules
        low, high = threshold_bytes(settings.threshold)
        self._rules = np.zeros(places.RULES, dtype=np.int64)
        for place, number in (
            (places.MIN_MAPQ, rules.min_mapq),
            (places.FIRST_MAPQ, rules.first_mapq),
            (places.DROP_DUPLICATES, rules.drop_duplicates),
            (places.MIN_LENGTH, rules.min_length),
            (places.MAX_LENGTH, rules.max_length),
            (places.PROPER_ONLY, rules.proper),
            (places.SINGLE, settings.single),
            (places.DIALECT, _DIALECTS[settings.dialect]),
            (places.INVERT, settings.invert),
            (places.BY_QUALITY, settings.by_quality),
            (places.IGNORE_5P, per_mate(settings.ignore_5p)[0]),
            (places.IGNORE_5P_SECOND, per_mate(settings.ignore_5p)[1]),
            (places.IGNORE_3P, per_mate(settings.ignore_3p)[0]),
            (places.IGNORE_3P_SECOND, per_mate(settings.ignore_3p)[1]),
            (places.LOW_PROBABILITY, low),
            (places.HIGH_PROBABILITY, high),
            (places.BY_REFERENCE, sites is not None),
        ):
            self._rules[place] = number
        contigs = len(self._contig_names)
        self._used = np.zeros(contigs, dtype=np.bool_)
        self._used[sorted(rules.contigs)] = True
        none: tuple[np.ndarray, np.ndarray] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        intervals = [rules.blacklist.get(contig, none) for contig in range(contigs)]
        splits = np.cumsum([0] + [len(starts) for starts, _ in intervals])
        self._black_splits = splits.astype(np.int64)
        self._black_starts = np.concatenate([none[0], *(starts for starts, _ in intervals)]).astype(np.int64)
        self._black_ends = np.concatenate([none[1], *(ends for _, ends in intervals)]).astype(np.int64)
        self.counts = np.zeros(places.COUNTS, dtype=np.int64)
        self._state = np.zeros(places.STATE, dtype=np.int64)
        self._state[places.CONTIG] = -1
        self._state[places.EXPECTED] = contig
        self._state[places.SITES_CONTIG] = -1
        self._sites, self._site_letters = sites, np.zeros(0, dtype=np.uint8)
        self._modified = np.zeros(MM_COUNTS, dtype=np.int64)
        self._window: Window | None = None
        self._tail_place = ""
        self._waiting = _waiting(0)
        self._bias, self._calls, self._text = _room(512)
        self._new_rows(CALLS)

    def take(self, window: Window) -> None:
        """Go on with a window; what is left of the one before moves in front of its bytes."""
        state, old = self._state, self._window
        if old is None:
            self._waiting = _waiting(len(window.data))
            state[places.AT] = window.begin
        else:
            place = int(state[places.AT])
            if place < int(state[places.END]):
                inside = place >= old.begin
                self._tail_place = old.virtual_offset(place) if inside else self._tail_place
            size = self._carry(old, window)
            if size > window.begin:
                more = size - window.begin + len(window.data)
                data = np.zeros(more + len(window.data), dtype=np.uint8)
                data[more : more + window.end] = window.data[: window.end]
                marks = window.marks + np.array([more, 0])
                window = Window(data, window.begin + more, window.end + more, marks, window.consumed)
                self._carry(old, window)
            if len(self._waiting[1]) < _reads(len(window.data)):
                kept = self._waiting
                self._waiting = _waiting(len(window.data))
                for new, present in zip(self._waiting[1:], kept[1:], strict=True):
                    new[: len(present)] = present
                waiting.rehash(state, *self._waiting)
        state[places.END] = window.end
        self._window = window

    def chunks(self) -> Iterator[Chunk]:
        """Yield what the window at hand fills."""
        state, window = self._state, self._window
        assert window is not None
        while True:
            code = kernels.scan(
                window.data,
                state,
                self.counts,
                self._rules,
                self._seed,
                self._used,
                self._black_splits,
                self._black_starts,
                self._black_ends,
                *self._waiting,
                self._rows,
                self._offsets,
                self._states,
                self._bias,
                self._calls,
                self._text,
                self._site_letters,
                self._modified,
            )
            if code == places.MORE:
                return
            if code == places.FULL:
                if (chunk := self.flush()) is not None:
                    yield chunk
                else:
                    self._new_rows(4 * int(state[places.LONGEST]))
            elif code == places.MOVE:
                at = int(state[places.AT])
                contig, start = np.frombuffer(window.data[at + 4 : at + 12].tobytes(), "<i4").tolist()
                assert self._sites is not None
                self._sites.move(contig, start)
                self._site_letters = self._sites.letters
                state[places.SITES_CONTIG], state[places.SITES_BEGIN] = contig, self._sites.begin
            elif code == places.GROW:
                bias, self._calls, self._text = _room(2 * int(state[places.LONGEST]))
                bias[:, : self._bias.shape[1]] = self._bias
                self._bias = bias
            else:
                place = self._place(int(state[places.AT]))
                if code == places.UNSORTED:
                    raise unsorted(self._who, f"the record at {place} comes too late")
                raise damaged(self._who, place, places.DAMAGE[code])

    def flush(self) -> Chunk | None:
        """Return the fragments read since the last chunk, None where there are none."""
        n, n_calls = int(self._state[places.ROWS]), int(self._state[places.CALLS])
        if n == 0:
            return None
        rows = self._rows[:n]
        columns = {
            name: np.ascontiguousarray(rows[name])
            for name in _ROW.names or ()
            if name not in {"hash", "calls_end"}
        }
        table = FragmentTable(
            contig_names=self._contig_names,
            cpg_splits=np.concatenate([[0], rows["calls_end"]]),
            cpg_offsets=self._offsets[:n_calls],
            cpg_states=self._states[:n_calls],
            block=np.full(n, -1, dtype=np.int32),
            **columns,
        )
        chunk = Chunk(table, np.ascontiguousarray(rows["hash"]))
        self._new_rows(len(self._offsets))
        return chunk

    def finish(self) -> None:
        """Judge what still waits; raise where the last record isn't whole."""
        if self._window is None:
            return
        state = self._state
        if state[places.AT] < state[places.END]:
            place = self._place(int(state[places.AT]))
            raise damaged(self._who, place, "the file ends inside a record")
        _, _, at, _, _ = self._waiting
        waiting.finish(self._window.data, state, self.counts, self._rules, self._waiting[0], at)

    def totals(self) -> Totals:
        """Return the sums over everything read."""
        counts = self.counts.tolist()
        tally = Tally(
            counts=dict(zip(ReadCounts.__struct_fields__, counts, strict=False)),
            mapped=counts[places.MAPPED],
            flagged_duplicate=counts[places.FLAGGED_DUPLICATE],
            unique=counts[places.UNIQUE],
            below_mapq=counts[places.BELOW_MAPQ],
        )
        methylated, calls = counts[places.CHH_METHYLATED], counts[places.CHH]
        first, second = (bias[: np.flatnonzero(bias[:, 1]).max(initial=-1) + 1] for bias in self._bias)
        return Totals(
            tally=tally,
            m_bias=(first, second),
            chh=(methylated if not self._rules[places.INVERT] else calls - methylated, calls),
            strong=counts[places.STRONG],
            known=counts[places.KNOWN],
            modified=self._modified.copy(),
            longest_read=counts[places.LONGEST_READ],
        )

    def _carry(self, old: Window, new: Window) -> int:
        return waiting.carry(
            old.data, new.data, new.begin, self._state, self.counts, self._rules, *self._waiting
        )

    def _place(self, at: int) -> str:
        """Return where in the file the record at a place of the window begins."""
        window = self._window
        assert window is not None
        return window.virtual_offset(at) if at >= window.begin else self._tail_place

    def _new_rows(self, calls: int) -> None:
        self._rows = np.empty(CHUNK, dtype=_ROW)
        self._offsets = np.empty(calls, dtype=np.int32)
        self._states = np.empty(calls, dtype=np.int8)
        self._state[places.ROWS] = self._state[places.CALLS] = 0


def _reads(size: int) -> int:
    """Return how many records of the smallest size ``size`` bytes can hold."""
    return (size + SLACK) // 37 + 1


def _waiting(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return room for reads that wait: heads of chains, hashes, places, last positions, next in chain."""
    reads = _reads(size)
    heads = np.full(1 << max(10, (reads // 4).bit_length()), -1, dtype=np.int64)
    hashes, at = np.empty(reads, dtype=np.uint64), np.empty(reads, dtype=np.int64)
    return heads, hashes, at, np.empty(reads, dtype=np.int64), np.empty(reads, dtype=np.int64)


def _room(bases: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return room for the M-bias, the calls and the letters of two mates of at most ``bases`` bases."""
    return (
        np.zeros((2, bases, 2), dtype=np.int64),
        np.empty((2, bases, 4), dtype=np.int32),
        np.zeros(2 * (bases + SLACK), dtype=np.uint8),
    )
