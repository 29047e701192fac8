"""The summaries estimate the latents, with the noise that is stated."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.simulation.biology import draw_molecules
from cfdna_interp.simulation.noise import Summaries, build_summaries
from cfdna_interp.simulation.observation import fragment_table
from cfdna_interp.stats.resampling import stream

FRAGMENTS, REPEATS = 5_000, 150


@pytest.fixture(scope="module")
def summaries() -> Summaries:
    return build_summaries(1)


def estimates(summaries: Summaries, latent: float) -> np.ndarray:
    biology = summaries.biology
    latents = (latent, latent, latent)
    return np.array(
        [
            summaries.of(
                fragment_table(
                    biology.genome,
                    draw_molecules(biology, latents, 0.0, FRAGMENTS, stream(11, "repeat", str(latent), i)),
                )
            )
            for i in range(REPEATS)
        ]
    )


def test_length_noise_in_closed_form(summaries: Summaries) -> None:
    # Var(t) = 1, so the mean over n in latent units has SD 1 / (strength sqrt(n)) = 1 / (0.10 * 100).
    assert summaries.noise(10_000)[0] == pytest.approx(1 / 10, rel=0.02)


def test_noise_falls_with_the_root_of_the_fragments(summaries: Summaries) -> None:
    assert summaries.noise(2_500) == pytest.approx(2 * summaries.noise(10_000))


def test_spread_between_samples_is_the_stated_noise(summaries: Summaries) -> None:
    spread = estimates(summaries, 0.0).std(axis=0, ddof=1)
    # An SD from 150 samples has a relative SD of 1 / sqrt(2 * 149) = 5.8 %.
    assert spread == pytest.approx(summaries.noise(FRAGMENTS), rel=3.5 * 0.058)


@pytest.mark.parametrize("latent", [-2.0, 0.0, 2.0])
def test_summaries_estimate_the_latent(summaries: Summaries, latent: float) -> None:
    error = estimates(summaries, latent).mean(axis=0) - latent
    chance = 4 * summaries.noise(FRAGMENTS) / np.sqrt(REPEATS)
    # Length and methylation are linear by construction; the tissue score is linear near 0 only, and a
    # fragment with one call is now and then taken for the other state.
    assert (np.abs(error) < chance + np.array([0, 0, 0.12])).all()
