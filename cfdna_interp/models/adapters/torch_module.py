"""Any PyTorch module as an encoder: a factory that the user has installed, and weights as safetensors."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.models.check_fragments import made_up_fragments
from cfdna_interp.models.contract import FragmentInputs

# Inputs of a module: the fields of FragmentInputs except the place on the reference, which is only useful
# together with the bases.
FIELDS = ("length", "offsets", "states", "locus", "region", "strand")
READABLE = frozenset({"fragment_length", "methylation", "tissue_of_origin", "locus"})
BATCH = 4_096  # fragments per call of the module


class TorchModuleEncoder:
    """A module that maps a dictionary of int64 tensors to (n, dim) embeddings.

    For n fragments the dictionary has (units and missing values as in ``contract.FragmentInputs``):
    ``length`` (n,), ``offsets`` and ``states`` (n, MAX_CALLS), ``locus``, ``region`` and ``strand`` (n,). The
    module has an attribute ``consumes``, the names of what it reads: ``fragment_length``, ``methylation``
    (calls outside atlas blocks), ``tissue_of_origin`` (calls inside), ``locus`` (locus class, region or
    strand).

    Parameters
    ----------
    module
        The module, with its weights.
    digest
        SHA-256 over everything that decides the embeddings.
    device
        Where the module runs; embeddings come back to the CPU.
    name
        Name of the module in errors.
    """

    def __init__(self, module: nn.Module, digest: str, *, device: torch.device, name: str) -> None:
        self.module = module.to(device).eval().requires_grad_(False)
        self.digest, self.device, self.name = digest, device, name
        declared = getattr(module, "consumes", None)
        if declared is None or isinstance(declared, str) or not set(declared) or set(declared) - READABLE:
            raise InputError(
                f"model.factory {name}: the module's attribute consumes is {declared!r}; "
                f"give it those names that apply of {', '.join(sorted(READABLE))}"
            )
        self.consumes = frozenset(declared)
        self.dim = int(self._run(made_up_fragments(2, np.random.default_rng(0))).shape[1])

    @classmethod
    def load(
        cls, *, factory: str, weights: Path | str, device: torch.device | str = "cpu"
    ) -> TorchModuleEncoder:
        """Build the module and read its weights.

        The factory is code, and importing it runs it. It comes from an installed package that the user names
        in the config. Nothing is downloaded, and no folder is added to Python's path.

        Parameters
        ----------
        factory
            ``package.module:function``; the function takes no arguments and returns the module.
        weights
            Safetensors file with exactly the entries of the module's ``state_dict``.
        device
            Where the module runs.

        Raises
        ------
        InputError
            The factory can't be imported or returns no module, the file isn't a safetensors file or has other
            weights, or the module fails on a fragment.
        """
        check_regular(weights, "model.checkpoint", "write the state_dict with safetensors.torch.save_file")
        module, source = _build(factory)
        try:
            module.load_state_dict(load_file(weights), strict=True)
            digest = digest_file(weights)
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"model.checkpoint {weights} is not a safetensors file ({error}); "
                "write the state_dict with safetensors.torch.save_file"
            ) from None
        except RuntimeError as error:
            raise InputError(
                f"model.checkpoint {weights} doesn't fit {factory} ({error}); "
                "give the weights of this module, or the factory of these weights"
            ) from None
        content = hashlib.sha256("\x1f".join((digest, factory)).encode())
        content.update(source)
        return cls(module, content.hexdigest(), device=torch.device(device), name=factory)

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings; raise ``InputError`` if the module returns something else."""
        whole = torch.empty(len(fragments), self.dim)
        for start in range(0, len(fragments), BATCH):
            rows = np.arange(start, min(start + BATCH, len(fragments)))
            embedded = self._run(fragments.take(rows))
            if embedded.shape[1] != self.dim:
                raise InputError(
                    f"model.factory {self.name}: embeddings are {embedded.shape[1]} long after {self.dim}; "
                    "return the same length for all fragments"
                )
            whole[start : start + len(rows)] = embedded
        return whole

    def _run(self, fragments: FragmentInputs) -> torch.Tensor:
        tensors = {
            name: torch.from_numpy(getattr(fragments, name).astype(np.int64)).to(self.device)
            for name in FIELDS
        }
        try:
            embedded = self.module(tensors)
        except Exception as error:  # foreign code may raise any error
            raise InputError(
                f"model.factory {self.name}: the module fails on {len(fragments)} fragments "
                f"({type(error).__name__}: {error}); correct the module"
            ) from error
        shape = tuple(embedded.shape) if isinstance(embedded, torch.Tensor) else type(embedded).__name__
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != len(fragments):
            raise InputError(
                f"model.factory {self.name}: {len(fragments)} fragments give {shape}; "
                "return a tensor of one row per fragment"
            )
        result: torch.Tensor = embedded.to("cpu", torch.float32)
        return result


def _build(factory: str) -> tuple[nn.Module, bytes]:
    """Return the module that a factory builds, and a digest of its code."""
    place, _, name = factory.partition(":")
    try:
        home = importlib.import_module(place)
        function = getattr(home, name)
        module = function()
    except Exception as error:  # importing and calling run the user's code
        raise InputError(
            f"model.factory {factory} can't be built ({type(error).__name__}: {error}); install its package "
            "in the environment of cfdna-interp, and name it as package.module:function"
        ) from error
    if not isinstance(module, nn.Module):
        raise InputError(f"model.factory {factory} returns {type(module).__name__}; return a torch.nn.Module")
    return module, _digest_code(home, function, module)


def _digest_code(home: ModuleType, factory: Any, module: nn.Module) -> bytes:
    """Digest the source files of the factory, of the named module, and of all classes outside torch."""
    kinds = {kind for part in module.modules() for kind in type(part).__mro__}
    files = set()
    for thing in (home, inspect.unwrap(factory), *kinds):
        if getattr(thing, "__module__", "").split(".")[0] in ("torch", "builtins"):
            continue
        try:
            path = inspect.getsourcefile(thing)
        except TypeError:  # a built-in, or a callable object
            continue
        if path is not None and Path(path).is_file():
            files.add(path)
    digest = hashlib.sha256()
    # Only content counts: the same code in another folder is the same encoder.
    for content in sorted(digest_file(path) for path in files):
        digest.update(content.encode())
    return digest.digest()
