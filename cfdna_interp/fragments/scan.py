"""Read a stretch of records window by window. A scanner holds the state between windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.config.settings import per_mate
from cfdna_interp.fragments.alignment import Alignment, unsorted
from cfdna_interp.fragments.bgzf import Window, damaged
from cfdna_interp.fragments.chunk import CHUNK, Chunk, Settings, Totals
from cfdna_interp.fragments.filters import REASONS, Tally
from cfdna_interp.fragments.intervals import Intervals
from cfdna_interp.fragments.kernels import codes, waiting
from cfdna_interp.fragments.kernels.compare import LIBRARIES, REFERENCE_SUMS
from cfdna_interp.fragments.kernels.intervals import SortedIntervals
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.named_numbers import CALL_SUMS
from cfdna_interp.fragments.kernels.scan import read_records
from cfdna_interp.fragments.kernels.scan_types import (
    CALL,
    PROBABILITIES,
    ROW,
    STATE,
    SUMS,
    CallRules,
    FilterRules,
    Output,
    Room,
    Scan,
    ScanCounts,
    SiteLetters,
    Waiting,
)
from cfdna_interp.fragments.methylation.mm import threshold_bytes
from cfdna_interp.fragments.methylation.sites import Sites

CALLS = 8 * CHUNK  # CpG calls that a chunk has room for at first

_DIALECTS = {
    "none": codes.NO_CALLS,
    "xm": codes.XM,
    "reference": codes.COMPARE,
    "mm": codes.MM,
}
_NOWHERE = SiteLetters(np.zeros(0, dtype=np.uint8), -1, 0, -1)


class Scanner:
    """Reads windows of records into chunks of fragments.

    It holds what a scan needs between windows: reads that wait for their mates, counts, and rows that are not
    in a chunk yet.
    """

    def __init__(self, alignment: Alignment, settings: Settings, contig: int, sites: Sites | None):
        self._who, self._contig_names = alignment.who, alignment.contig_names
        self._settings, self._sites = settings, sites
        rules = settings.rules
        used = np.zeros(len(self._contig_names), dtype=np.bool_)
        used[sorted(rules.contigs)] = True
        self._used, self._blacklist = used, _sorted_intervals(rules.blacklist, len(used))
        self._filters = FilterRules(
            single=settings.reads == "single",
            merged=settings.reads == "merged",
            proper_only=rules.proper,
            drop_duplicates=rules.drop_duplicates,
            first_mapq=rules.first_mapq,
            min_mapq=rules.min_mapq,
            min_length=rules.min_length,
            max_length=rules.max_length,
        )
        low, high = threshold_bytes(settings.threshold)
        self._calling = CallRules(
            dialect=_DIALECTS[settings.dialect],
            by_reference=sites is not None,
            by_quality=settings.by_quality,
            invert=settings.invert,
            converted_upper=settings.converted_upper,
            library=LIBRARIES[settings.library],
            ignore_5p=np.array(per_mate(settings.ignore_5p), dtype=np.int64),
            ignore_3p=np.array(per_mate(settings.ignore_3p), dtype=np.int64),
            low=low,
            high=high,
        )
        self._states = np.zeros(1, STATE)
        self._state = self._states[0]
        self._state["contig"], self._state["expected"] = -1, contig
        self._counts = ScanCounts(
            reasons=np.zeros(len(REASONS), dtype=np.int64),
            sums=np.zeros(1, SUMS),
            bias=_bias(512),
            reference=np.zeros(len(used), REFERENCE_SUMS),
        )
        self._window: Window | None = None
        self._tail_place = ""
        self._waiting = _waiting(0)
        self._room = _room(512)
        self._new_rows(CALLS)

    @property
    def reads(self) -> int:
        """Number of reads so far."""
        return int(self._counts.sums[0]["reads"])

    def take(self, window: Window) -> None:
        """Take the next window. Records that the window before left over move in front of its bytes."""
        state, old = self._state, self._window
        if old is None:
            self._waiting = _waiting(len(window.data))
            state["at"] = window.begin
        else:
            place = int(state["at"])
            if place < old.end:
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
            if len(self._waiting.at) < _reads(len(window.data)):
                smaller = self._waiting
                self._waiting = _waiting(len(window.data))
                for new, present in zip(self._waiting[1:], smaller[1:], strict=True):
                    new[: len(present)] = present
                waiting.rehash(self._waiting, int(state["waiting"]))
        self._window = window

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks that the current window fills."""
        state, window = self._state, self._window
        assert window is not None
        while True:
            code = read_records(self._scan(window))
            if code == codes.MORE:
                return
            if code == codes.FULL:
                if (chunk := self.flush()) is not None:
                    yield chunk
                else:
                    self._new_rows(4 * int(state["longest"]))
            elif code == codes.MOVE:
                at = int(state["at"])
                contig, start = np.frombuffer(window.data[at + 4 : at + 12].tobytes(), "<i4").tolist()
                assert self._sites is not None
                self._sites.move(contig, start)
            elif code == codes.GROW:
                old, new = self._counts.bias, _bias(2 * int(state["longest"]))
                new[:, : old.shape[1]] = old
                self._counts = self._counts._replace(bias=new)
                self._room = _room(2 * int(state["longest"]))
            else:
                place = self._place(int(state["at"]))
                if code == codes.UNSORTED:
                    raise unsorted(self._who, f"the record at {place} comes too late")
                raise damaged(self._who, place, codes.DAMAGE[code])

    def flush(self) -> Chunk | None:
        """Return the fragments since the last chunk, None if there are none."""
        n, n_calls = int(self._state["rows"]), int(self._state["calls"])
        if n == 0:
            return None
        rows = self._output.rows[:n]
        columns = {
            name: np.ascontiguousarray(rows[name])
            for name in ROW.names or ()
            if name not in {"hash", "calls_end"}
        }
        table = FragmentTable(
            contig_names=self._contig_names,
            cpg_splits=np.concatenate([[0], rows["calls_end"]]),
            cpg_offsets=self._output.offsets[:n_calls],
            cpg_states=self._output.states[:n_calls],
            block=np.full(n, -1, dtype=np.int32),
            **columns,
        )
        chunk = Chunk(table, np.ascontiguousarray(rows["hash"]))
        self._new_rows(len(self._output.offsets))
        return chunk

    def finish(self) -> None:
        """Judge the reads that still wait. Raise ``InputError`` if the last record is incomplete."""
        if self._window is None:
            return
        state = self._state
        if state["at"] < self._window.end:
            place = self._place(int(state["at"]))
            raise damaged(self._who, place, "the file ends inside a record")
        waiting.finish(self._window.data, self._states, self._filters, self._waiting, self._counts.reasons)

    def totals(self) -> Totals:
        """Return the sums over all records so far."""
        counts = self._counts
        sums = counts.sums[0]
        tally = Tally(
            counts={
                "reads": int(sums["reads"]),
                **dict(zip(REASONS, counts.reasons.tolist(), strict=True)),
                "fragments": int(sums["fragments"]),
                "overlap_calls_merged": int(sums["overlap_merged"]),
                "overlap_calls_discordant": int(sums["overlap_discordant"]),
                **{
                    name: int(sums[name])
                    for name in ("whole_reads", "calls", "clipped_ends", "letters_misfit", "strand_unknown")
                },
            },
            mapped=int(sums["mapped"]),
            flagged_duplicate=int(sums["flagged_duplicate"]),
            unique=int(sums["unique"]),
            below_mapq=int(sums["below_mapq"]),
        )
        methylated, calls = int(sums["chh_methylated"]), int(sums["chh"])
        first, second = (
            columns[: np.flatnonzero(columns[:, 1]).max(initial=-1) + 1]
            for columns in counts.bias.view(np.int64).reshape(2, -1, 2)
        )
        return Totals(
            tally=tally,
            m_bias=(first, second),
            chh=(methylated if not self._settings.invert else calls - methylated, calls),
            strong=int(sums["strong"]),
            known=int(sums["known"]),
            modified=np.array([sums["unclear"], sums["hydroxy"], sums["hemi"]]),
            longest_read=int(sums["longest_read"]),
            reference=counts.reference.view(np.int64).reshape(-1, 3).copy(),
        )

    def _scan(self, window: Window) -> Scan:
        return Scan(
            buffer=window.data,
            end=window.end,
            state=self._states,
            seed=self._settings.seed,
            used=self._used,
            blacklist=self._blacklist,
            filters=self._filters,
            calling=self._calling,
            sites=_NOWHERE if self._sites is None else self._sites.stretch,
            waiting=self._waiting,
            counts=self._counts,
            output=self._output,
            room=self._room,
        )

    def _carry(self, old: Window, new: Window) -> int:
        return waiting.carry(
            old.data,
            old.end,
            new.data,
            new.begin,
            self._states,
            self._filters,
            self._waiting,
            self._counts.reasons,
        )

    def _place(self, at: int) -> str:
        """Return the place in the file of the record that begins at ``at`` in the window."""
        window = self._window
        assert window is not None
        return window.virtual_offset(at) if at >= window.begin else self._tail_place

    def _new_rows(self, calls: int) -> None:
        self._output = Output(
            rows=np.empty(CHUNK, dtype=ROW),
            offsets=np.empty(calls, dtype=np.int32),
            states=np.empty(calls, dtype=np.int8),
        )
        self._state["rows"] = self._state["calls"] = 0


def _sorted_intervals(intervals: Intervals, contigs: int) -> SortedIntervals:
    none: tuple[np.ndarray, np.ndarray] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    by_contig = [intervals.get(contig, none) for contig in range(contigs)]
    return SortedIntervals(
        splits=np.cumsum([0] + [len(starts) for starts, _ in by_contig]).astype(np.int64),
        starts=np.concatenate([none[0], *(starts for starts, _ in by_contig)]).astype(np.int64),
        ends=np.concatenate([none[1], *(ends for _, ends in by_contig)]).astype(np.int64),
    )


def _reads(size: int) -> int:
    """Return how many records of the smallest size fit into ``size`` bytes."""
    return (size + SLACK) // 37 + 1


def _waiting(size: int) -> Waiting:
    """Return empty room for the reads that can wait in a buffer of ``size`` bytes."""
    reads = _reads(size)
    return Waiting(
        heads=np.full(1 << max(10, (reads // 4).bit_length()), -1, dtype=np.int64),
        hashes=np.empty(reads, dtype=np.uint64),
        at=np.empty(reads, dtype=np.int64),
        last=np.empty(reads, dtype=np.int64),
        following=np.empty(reads, dtype=np.int64),
    )


def _bias(bases: int) -> np.ndarray:
    """Return room for the M-bias of two mates of at most ``bases`` bases."""
    return np.zeros((2, bases), dtype=CALL_SUMS)


def _room(bases: int) -> Room:
    """Return room for two mates of at most ``bases`` bases."""
    calls = np.empty((2, bases), dtype=CALL)
    # Both share one memory, since long reads need much: probabilities are no longer needed when calls are
    # written.
    probabilities = calls.view(PROBABILITIES)
    return Room(calls, probabilities, np.zeros(2 * (bases + SLACK), dtype=np.uint8))
