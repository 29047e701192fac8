"""A sparse penalty doesn't prefer no feature to one that helps in each fold; an empty fit is no fit."""

import numpy as np
import pytest
from frozen_run import World, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from stored import stored

import cfdna_interp.proxy.penalty as penalty
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.missing import Cause
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.verdict.ladder import _sufficiency


@settings(deadline=None)
@given(
    st.lists(st.floats(0.1, 1), min_size=5, max_size=5), st.lists(st.floats(0.001, 1), min_size=5, max_size=5)
)
def test_a_strength_that_is_worse_in_each_fold_is_never_chosen(best, worse):
    # Five positive numbers have a mean above its standard error, however uneven they are.
    losses = np.array([np.array(best) + worse, best]).T
    assert penalty.one_standard_error(np.array([1e-4, 0.1]), losses) == 0.1


def test_an_empty_fit_is_no_proxy_and_no_baseline_to_beat(tmp_path, monkeypatch):
    # Only strengths under which nothing but the intercept is left.
    monkeypatch.setattr(penalty, "GRID", np.array([1e-6, 1e-5]))
    config = structs.replace(make_run(tmp_path, World(per_class=20)), proxy=ProxySettings(penalty="l1"))
    run_proxy(config)
    run_validate(config)
    proxy, protocol = stored(Proxy, config), stored(FrozenProtocol, config)
    assert proxy.regression is None
    assert proxy.obstacle == "the penalty leaves no feature"
    assert {missing.why for missing in protocol.absent.values()} == {Cause.PENALTY}
    validation = stored(ValidationResult, config)
    assert not {"proxy", *protocol.absent} & set(validation.scores)
    assert _sufficiency("fragment_length", validation, config.validation).status == "can't tell"


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_alone_still_gets_the_strongest_penalty_or_nearly(seed):
    rng = np.random.default_rng(seed)
    chosen = penalty.choose_penalty(
        rng.normal(size=(100, 8)), np.tile([1, 0], 50), np.arange(100).astype(str), rng
    )
    assert chosen <= 1e-2
