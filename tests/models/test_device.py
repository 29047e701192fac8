"""Devices and number formats: what is there, what a setting means, what is refused."""

from __future__ import annotations

import pytest
import torch

from cfdna_interp.errors import InputError
from cfdna_interp.models.device import resolve_device, resolve_precision


@pytest.fixture(params=["", "cuda", "mps", "cuda mps"])
def present(request, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in request.param)
    return request.param.split()


def test_auto_takes_the_fastest(present):
    assert resolve_device("auto").type == (present or ["cpu"])[0]


def test_a_device_is_there_or_refused(present):
    assert resolve_device("cpu").type == "cpu"
    for name in ("cuda", "mps"):
        if name in present:
            assert resolve_device(name).type == name
        else:
            with pytest.raises(
                InputError, match=f"model.device: {name} is not on this machine, which has .*cpu"
            ):
                resolve_device(name)


@pytest.mark.parametrize("supported", [True, False])
def test_precision(monkeypatch, supported):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    cuda = torch.device("cuda")
    assert resolve_precision("auto", cuda) == (torch.bfloat16 if supported else torch.float32)
    for device in ("cpu", "mps"):
        assert resolve_precision("auto", torch.device(device)) == torch.float32
    assert resolve_precision("float16", cuda) == torch.float16
    with pytest.raises(InputError, match=r"model\.precision: int8 is not one of auto, float32"):
        resolve_precision("int8", cuda)
