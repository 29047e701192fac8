"""The device on which a model runs, and its number format."""

from __future__ import annotations

import torch

from cfdna_interp.errors import InputError

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(setting: str) -> torch.device:
    """Return the device for a value of ``model.device``: auto, cpu, cuda or mps.

    Parameters
    ----------
    setting
        ``auto`` takes CUDA if available, then MPS, then the CPU.

    Raises
    ------
    InputError
        The named device is not available.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if setting == "auto":
        setting = next(name for name, there in present.items() if there)
    if not present.get(setting, False):
        there = ", ".join(name for name, here in present.items() if here)
        raise InputError(
            f"model.device: {setting} is not on this machine, which has {there}; set model.device to one of "
            "them or to auto"
        )
    return torch.device(setting)


def resolve_precision(setting: str, device: torch.device) -> torch.dtype:
    """Return the number format of weights and activations.

    Parameters
    ----------
    setting
        ``auto``, float32, bfloat16 or float16. ``auto`` is bfloat16 on a CUDA device that supports it, else
        float32. On other devices half precision costs accuracy and seldom saves time.
    device
        From :func:`resolve_device`.

    Raises
    ------
    InputError
        There is no such format.
    """
    if setting == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if half else torch.float32
    if setting not in _PRECISIONS:
        raise InputError(f"model.precision: {setting} is not one of auto, {', '.join(_PRECISIONS)}")
    return _PRECISIONS[setting]
