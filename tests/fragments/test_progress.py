from __future__ import annotations

from cfdna_interp.fragments import progress
from cfdna_interp.fragments.progress import Progress


def test_lines_come_now_and_then_and_tell_the_time_left(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    told = Progress("sample S: s.bam", 1_000)
    told.add(0, 0)  # the clock starts
    now[0] += 5
    told.add(4_000, 100)
    assert capsys.readouterr().err == ""
    now[0] += 15
    told.add(4_000, 100)
    # 8,000 reads in 20 s; 200 of 1,000 bytes: four times as long again.
    assert capsys.readouterr().err == "sample S: s.bam: 8,000 reads, 400 a second, 20%, 80 s left\n"
    now[0] += 2
    told.done()
    assert capsys.readouterr().err == "sample S: s.bam: 8,000 reads, 364 a second\n"


def test_a_short_file_stays_silent(capsys):
    told = Progress("sample S: s.bam", 1_000)
    told.add(10, 1_000)
    told.done()
    assert capsys.readouterr().err == ""
