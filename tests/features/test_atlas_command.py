"""``atlas check`` and ``atlas unknown`` on made-up runs."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from quality import EXCLUDED, quality

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.cli import cli
from cfdna_interp.config.settings import Features
from cfdna_interp.errors import InputError
from cfdna_interp.features.tissue import tissue_record
from cfdna_interp.records.base import save_record

TYPES = ("blood", "liver", "brain")


def write_run(folder, samples=14, seed=2):
    """A run whose samples hold a fourth cell type, with blocks of its own, that the atlas lacks."""
    rng = np.random.default_rng(seed)
    table = np.full((40, 4), 0.03)
    table[np.arange(40), np.arange(40) // 10] = 0.9
    made = Atlas(
        contigs=("chr1",) * 40,
        starts=np.arange(40) * 100,
        ends=np.arange(40) * 100 + 50,
        names=tuple(f"b{row}" for row in range(40)),
        targets=tuple((*TYPES, "blood")[row // 10] for row in range(40)),
        directions=("U",) * 40,
        cell_types=TYPES,
        fractions=table[:, :3],
    )
    made.save(folder / "atlas.tsv")
    layout = Layout.of(folder / "out")
    rows, hidden = [], rng.uniform(0, 0.4, size=samples)
    for number in range(samples):
        shares = np.append(rng.dirichlet([6, 2, 1]) * (1 - hidden[number]), hidden[number])
        profile = Profile()
        for row, share in enumerate(table @ shares):
            marked = int(rng.binomial(80, share))
            profile.add("block_uxm", f"b{row}", [marked, 0, 80 - marked])
        name = f"S{number:02d}"
        rows.append(Sample(name, name, f"{name}.bam", number % 2, "discovery"))
        profile.save(layout.profile(name))
        save_record(quality(name), layout.qc(name))
    save_samples(rows, layout.samples("discovery"))
    (folder / "c.yaml").write_text("sheet: s.tsv\noutdir: out\natlas: atlas.tsv\n")
    return hidden


def lines(*arguments):
    done = CliRunner().invoke(cli, ["atlas", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output.splitlines()


def test_an_atlas_by_itself(tmp_path):
    write_run(tmp_path)
    code, found = lines("check", "--atlas", tmp_path / "atlas.tsv")
    assert code == 0
    assert found[0] == "40 blocks, 40 of them known in enough cell types, 3 cell types, values of fragments"
    assert found[1].split()[:3] == ["cell", "type", "markers"]
    assert "smallest share at 10" in found[1]
    # Ten blocks of each type, and the ten that mark what the atlas lacks are under blood.
    assert [line.split()[:2] for line in found[2:5]] == [["blood", "20"], ["liver", "10"], ["brain", "10"]]
    # p = .32 in 30 blocks and .03 in 10. Liver for blood moves p by .87 s in 20: .0025 * 20 * .7569 / .2176 =
    # .1739 a count and 2.8^2 / .1739 = 45 counts for 5 %; at ten counts none can be told from another.
    assert [line.split()[-1] for line in found[2:5]] == ["45", "45", "45"]
    assert found[5] == (
        "can't be told apart, 5 % of one from 5 % of the other at 10 fragments a block: blood and liver; "
        "blood and brain"
    )
    for depth in ("nan", "inf"):
        assert lines("check", "--atlas", tmp_path / "atlas.tsv", "--depth", depth)[0] == 2
    assert lines("check", "--atlas", tmp_path / "atlas.tsv", "--depth", "50")[1][-1].startswith(
        "all cell types can be told apart"
    )


def test_with_samples(tmp_path):
    write_run(tmp_path)
    profile = Profile()
    profile.add("block_uxm", "b0", [3, 0, 4])
    profile.save(Layout.of(tmp_path / "out").profile("S99"))
    code, found = lines("check", "--config", tmp_path / "c.yaml")
    assert code == 0
    assert found[1] == "15 samples: 1 to 40 blocks covered (median 40), median 80 fragments a block"
    assert found[2] == "S99: 1 blocks covered, fewer than features.min_markers (10): missing"
    assert found[4].split()[:3] == ["blood", "20", "20"]


def test_overlapping_blocks_are_counted(tmp_path):
    write_run(tmp_path)
    assert not [line for line in lines("check", "--atlas", tmp_path / "atlas.tsv")[1] if "overlap" in line]
    header, first, second, *rest = (tmp_path / "atlas.tsv").read_text().splitlines()
    # The first block once more, and one that reaches from the second (100-150) into nothing.
    shifted = second.replace("\t100\t150\tb1\t", "\t120\t170\tshifted\t")
    (tmp_path / "more.tsv").write_text("\n".join([header, first, first, second, shifted, *rest]) + "\n")
    found = lines("check", "--atlas", tmp_path / "more.tsv")[1]
    assert found[0].startswith("40 blocks, ")
    assert found[1] == (
        "overlapping blocks of the table: 1 joined to another one at the same place, 1 left out"
    )


def test_check_needs_one_of_two(tmp_path):
    write_run(tmp_path)
    both = ("--config", tmp_path / "c.yaml", "--atlas", tmp_path / "atlas.tsv")
    for arguments in ((), both):
        code, found = lines("check", *arguments)
        assert code == 2
        assert "give either --config or --atlas" in found[-1]
    (tmp_path / "c.yaml").write_text("sheet: s.tsv\noutdir: out\n")
    code, found = lines("check", "--config", tmp_path / "c.yaml")
    assert code == 2
    assert "sets no atlas" in found[-1]


def test_an_unknown_type_is_added(tmp_path):
    hidden = write_run(tmp_path)
    code, found = lines("unknown", "--config", tmp_path / "c.yaml", "--out", tmp_path / "more.tsv")
    assert code == 0
    assert found[0].startswith("unknown_1: ")
    assert "of 14 discovery samples" in found[0]
    more = Atlas.load(tmp_path / "more.tsv")
    assert more.cell_types == (*TYPES, "unknown_1")
    # Planted with .9 in ten blocks of its own and .03 in the others.
    assert more.fractions[30:, 3] == pytest.approx(0.9, abs=0.15)
    assert more.fractions[:30, 3].mean() == pytest.approx(0.03, abs=0.05)
    assert float(found[0].split()[1]) / 100 == pytest.approx(hidden.mean(), abs=0.03)
    # Counts are binomial once the type is known: little spread is left.
    assert more.spread < 0.01
    assert found[1].startswith("over-dispersion that is left (spread): ")
    # Without the type the samples are not explained; with it they are, and say who has it.
    layout = Layout.of(tmp_path / "out")
    most = int(hidden.argmax())
    profile = Profile.load(layout.profile(f"S{most:02d}"))
    before = tissue_record(profile, Atlas.load(tmp_path / "atlas.tsv"), Features())
    after = tissue_record(profile, more, Features())
    assert (before.residual.explained, after.residual.explained) == (False, True)
    assert {share.presence for share in before.fractions.values()} == {"cannot_tell"}
    assert after.fractions["unknown_1"].presence == "present"
    assert after.fractions["unknown_1"].low < hidden[most] < after.fractions["unknown_1"].high
    # The same file again.
    lines("unknown", "--config", tmp_path / "c.yaml", "--out", tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "more.tsv").read_bytes()


def test_few_samples_can_not_tell(tmp_path):
    write_run(tmp_path, samples=11)
    layout = Layout.of(tmp_path / "out")
    save_record(quality("S00", **EXCLUDED), layout.qc("S00"))
    layout.qc("S01").unlink()
    with pytest.raises(InputError, match="9 extracted discovery samples cover enough atlas blocks"):
        lines("unknown", "--config", tmp_path / "c.yaml", "--out", tmp_path / "more.tsv")
    (tmp_path / "c.yaml").write_text("sheet: s.tsv\noutdir: out\n")
    with pytest.raises(InputError, match="atlas is not set"):
        lines("unknown", "--config", tmp_path / "c.yaml", "--out", tmp_path / "more.tsv")
