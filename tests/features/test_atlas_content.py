"""Is an atlas of the alignments' build? Counts by hand, and a simulated sample against a shifted atlas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.cohort.split import find_samples, split
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.features.atlas_content import check_content, expected_blocks
from cfdna_interp.features.extract import extract_sample
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import SampleQuality


def atlas(blocks=40, cpgs=8):
    return Atlas(
        contigs=("chr1",) * blocks,
        starts=np.arange(blocks) * 10_000,
        ends=np.arange(blocks) * 10_000 + 200,
        names=tuple(f"b{i}" for i in range(blocks)),
        targets=("a",) * blocks,
        directions=("U",) * blocks,
        cell_types=("a", "b"),
        fractions=np.tile([0.9, 0.1], (blocks, 1)),
        cpgs=np.full(blocks, cpgs),
    )


def profile(inside, outside=1_000, blocks=40):
    """10 fragments of 200 bp touch each block with 1,000 bp, ``inside`` calls in it; 1,000 lie elsewhere."""
    made = Profile()
    made.add("length_1bp", "200", [1_000 + 10 * blocks])
    made.add("methylation", "1:0", [outside])
    for row in range(blocks):
        made.add("block_calls", f"b{row}", [0, inside, 10, 1_000])
    return made


def test_nearer_to_the_genome_or_to_the_atlas():
    # The atlas has 8 CpGs in 200 bp, 4 per 100 bp. Elsewhere 1,000 fragments of 200 bp hold 1,000 calls, .5
    # per 100 bp. The border is their geometric mean, sqrt(2) = 1.41 per 100 bp: 14.1 calls in 1,000 bp.
    check_content(profile(inside=15), atlas(), "sample S: s.bam")
    with pytest.raises(InputError) as caught:
        check_content(profile(inside=14), atlas(), "sample S: s.bam")
    assert str(caught.value) == (
        "sample S: s.bam has 1.4 CpG calls per 100 bp in atlas blocks and 0.5 elsewhere, but the atlas has 4 "
        "CpGs per 100 bp there; give an atlas of the alignments' build"
    )


def test_nothing_is_said_where_nothing_can_be():
    who = "sample S: s.bam"
    check_content(profile(inside=0), replace(atlas(), cpgs=None), who)
    check_content(profile(inside=0), atlas(cpgs=0), who)
    check_content(profile(inside=0, blocks=29), atlas(blocks=29), who)
    check_content(profile(inside=0, outside=0), atlas(), who)
    check_content(Profile(), atlas(), who)
    # 1 CpG in 200 bp is the density elsewhere: no contrast to judge by.
    check_content(profile(inside=0), atlas(cpgs=1), who)


def test_blocks_that_fragments_anywhere_would_touch():
    made = Profile()
    made.add("length_1bp", "100", [500])
    made.add("length_1bp", "300", [500])
    for start in range(0, 1_000_000, 50_000):
        made.add("window", f"1:{start}", [0, 0, 0])
    # A block of 200 bp is touched from 300 and 500 places: rate (500 * 300 + 500 * 500) / 1e6 = .4, so each
    # of 40 blocks with probability 1 - exp(-.4) = .32968.
    assert expected_blocks(made, atlas(), 50_000) == pytest.approx(40 * 0.32968, abs=1e-3)
    assert expected_blocks(Profile(), atlas(), 50_000) == 0


@pytest.fixture(scope="module")
def study(simulated_cohort, tmp_path_factory):
    config = load_config(simulated_cohort / "config.yaml")
    config = structs.replace(config, outdir=str(tmp_path_factory.mktemp("run")))
    split(config)
    name = Path(config.sheet).read_text().splitlines()[1].split("\t")[0]
    return config, find_samples(config, (name,))[0]


def moved(config, folder, **columns):
    made = Atlas.load(config.atlas)
    path = folder / "atlas.tsv"
    replace(made, **{name: change(made) for name, change in columns.items()}).save(path)
    return structs.replace(config, atlas=str(path), outdir=str(folder / "out"))


def test_an_atlas_of_another_build_is_refused(study, tmp_path):
    # As between builds: the same contigs, all places off by some kb.
    config, sample = study
    wrong = moved(config, tmp_path, starts=lambda a: a.starts - 3_000, ends=lambda a: a.ends - 3_000)
    with pytest.raises(InputError, match=r"sample .*\.bam has .* CpG calls per 100 bp in atlas blocks"):
        extract_sample(sample, wrong)
    assert not (tmp_path / "out").exists()


def test_names_of_contigs_do_not_matter(study, tmp_path):
    config, sample = study
    extract_sample(sample, config)
    right = load_record(SampleQuality, Layout.of(config.outdir).qc(sample.sample)).tissue
    assert right is not None and right.obstacle is None
    other = moved(config, tmp_path, contigs=lambda a: tuple(name.removeprefix("chr") for name in a.contigs))
    extract_sample(sample, other)
    assert load_record(SampleQuality, Layout.of(other.outdir).qc(sample.sample)).tissue == right
    permuted = moved(
        config,
        tmp_path,
        contigs=lambda a: tuple({"chr1": "chr2", "chr2": "chr1"}.get(name, name) for name in a.contigs),
    )
    with pytest.raises(InputError, match="give an atlas of"):
        extract_sample(sample, permuted)


def test_blocks_given_twice_count_once(study, tmp_path):
    config, sample = study
    header, *blocks = Path(config.atlas).read_text().splitlines()
    path = tmp_path / "twice.tsv"
    path.write_text("\n".join([header, *blocks, *blocks]) + "\n")
    found = []
    for atlas, out in ((config.atlas, tmp_path / "once"), (path, tmp_path / "out")):
        extract_sample(sample, structs.replace(config, atlas=str(atlas), outdir=str(out)))
        found.append(load_record(SampleQuality, Layout.of(out).qc(sample.sample)).tissue)
    once, twice = found
    assert (once.markers.merged, twice.markers.merged) == (0, len(blocks))
    assert twice == structs.replace(once, markers=structs.replace(once.markers, merged=len(blocks)))


def test_levels_of_calls_from_alignments(study, tmp_path):
    # The same truth as a table of levels: fragments in the marker state are methylated at 2 %, others at 97 %
    # of their CpGs (or the other way round where the marker state is methylated).
    config, sample = study
    shares = Atlas.load(config.atlas)
    high = np.array([direction == "M" for direction in shares.directions])[:, None]
    levels = np.where(high, 0.02 + 0.95 * shares.fractions, 0.97 - 0.95 * shares.fractions)
    path = tmp_path / "levels.tsv"
    replace(shares, fractions=levels, calls=True, directions=("M",) * len(shares)).save(path)
    settings = structs.replace(config, atlas=str(path), outdir=str(tmp_path / "out"))
    with pytest.raises(InputError, match=r"tissue_method: uxm compares fragments"):
        extract_sample(sample, settings)
    assert not (tmp_path / "out").exists()
    for method in ("nnls", "em"):
        extract_sample(
            sample, structs.replace(settings, features=structs.replace(config.features, tissue_method=method))
        )
        found = load_record(SampleQuality, Layout.of(settings.outdir).qc(sample.sample)).tissue
        assert found.method == method
        # Calls of one fragment come together: more scatter than binomial.
        assert found.residual.value > 2
        # Plasma of the simulation has 52 % granulocytes.
        granulocyte = found.fractions["granulocyte"]
        assert granulocyte.presence == "present"
        assert granulocyte.low < 0.52 < granulocyte.high
