"""What `run` repeats of the log of a command that stopped."""

from __future__ import annotations

import pytest

from cfdna_interp.cli.run import _last_messages, _log_sizes


@pytest.mark.parametrize(
    ("written", "repeated"),
    [
        ("a warning\ncfdna-interp: too few\n", ["cfdna-interp: too few"]),
        (
            "a warning\ncfdna-interp: too few\ncfdna-interp: excluded: sample A\n"
            "cfdna-interp: ... and 3 more\n",
            ["cfdna-interp: too few", "cfdna-interp: excluded: sample A", "cfdna-interp: ... and 3 more"],
        ),
        (
            "cfdna-interp: one line\ncfdna-interp, fault of the program: matrix: KeyError\n",
            ["cfdna-interp, fault of the program: matrix: KeyError"],
        ),
        ("cfdna-interp: too few\nand goes on\n", []),  # it did not end with the message
        ("", []),
    ],
)
def test_the_whole_error_is_repeated(tmp_path, written, repeated):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "cohort.log").write_text("cfdna-interp: of an earlier run\n")
    before = _log_sizes(tmp_path)
    assert _last_messages(tmp_path, before) == []
    (tmp_path / "logs" / "matrix.log").write_text(written)
    assert _last_messages(tmp_path, before) == repeated
