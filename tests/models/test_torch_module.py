"""A user's own module as an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import toy_factories
from safetensors.torch import save_file
from toys_models import probe_set

from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters import torch_module
from cfdna_interp.models.adapters.torch_module import TorchModuleEncoder
from cfdna_interp.models.check import check_model


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    save_file(toy_factories.Counting().state_dict(), path)
    return path


def load(weights: Path, name: str = "Counting") -> TorchModuleEncoder:
    return TorchModuleEncoder.load(factory=f"toy_factories:{name}", weights=weights)


def test_embeddings_are_the_modules_own_with_the_weights_of_the_file(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(weights)
    fragments = probe_set(50)
    torch.manual_seed(0)  # the module whose weights were saved
    module = toy_factories.Counting().eval()
    fields = ("length", "offsets", "states", "locus", "region", "strand")
    tensors = {name: torch.from_numpy(getattr(fragments, name).astype(np.int64)) for name in fields}
    assert torch.equal(encoder.encode(fragments), module(tensors))
    assert (encoder.dim, encoder.consumes) == (5, frozenset(toy_factories.Counting.consumes))
    monkeypatch.setattr(torch_module, "BATCH", 7)
    assert torch.allclose(encoder.encode(fragments), module(tensors), atol=1e-6)
    assert encoder.encode(fragments.take(np.arange(0))).shape == (0, 5)


def test_a_loaded_module_passes_the_probes(weights: Path) -> None:
    # Its dropout of one half is off, although a new module is in training mode.
    findings = check_model(load(weights), probe_set())
    assert [finding for finding in findings if finding.status in ("fault", "warning")] == []


def test_the_digest_is_that_of_weights_factory_and_source(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(weights).digest
    assert load(weights).digest == first
    other = tmp_path / "other.safetensors"
    save_file(toy_factories.Counting().state_dict(), other)
    assert load(other).digest != first
    monkeypatch.setattr(toy_factories, "another", toy_factories.Counting, raising=False)
    assert load(weights, "another").digest != first
    changed = tmp_path / "toy_factories.py"
    changed.write_bytes(Path(toy_factories.__file__).read_bytes() + b"\n# pooled in another way\n")
    monkeypatch.setattr(torch_module.inspect, "getsourcefile", lambda module: str(changed))
    assert load(weights).digest != first


def test_the_digest_covers_code_that_a_factory_brings_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As packages do: __init__ names what lies in another file.
    package = tmp_path / "made_up_package"
    package.mkdir()
    (package / "__init__.py").write_text("from made_up_package.network import build\n")
    source = Path(toy_factories.__file__).read_text() + "\n\ndef build():\n    return Counting()\n"
    (package / "network.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    weights = tmp_path / "weights.safetensors"
    save_file(toy_factories.Counting().state_dict(), weights)

    def digest() -> str:
        return TorchModuleEncoder.load(factory="made_up_package:build", weights=weights).digest

    first = digest()
    assert digest() == first
    (package / "network.py").write_text(source + "# pooled in another way\n")
    assert digest() != first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", r"can't be built \(AttributeError: .*; install its package"),
        ("no_module", r"returns str; return a torch\.nn\.Module"),
        ("Silent", r"attribute consumes is None; give it those names"),
        ("ReadsBases", r"attribute consumes is \('sequence',\)"),
        ("Flat", r"2 fragments give \(10,\); return a tensor of one row per fragment"),
        ("Breaks", r"fails on 2 fragments \(KeyError: 'place'\); correct the module"),
    ],
)
def test_a_module_that_breaks_the_contract_is_refused(weights: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"model\.factory toy_factories:{name}.*{message}"):
        load(weights, name)


def test_a_module_whose_output_changes_its_length_is_refused(weights: Path) -> None:
    with pytest.raises(InputError, match=r"embeddings are 2 long after 3"):
        load(weights, "Ragged").encode(probe_set(5))


def test_weights_of_another_module_and_other_files_are_refused(weights: Path, tmp_path: Path) -> None:
    save_file({"read.weight": torch.zeros(5, 6)}, weights)
    with pytest.raises(InputError, match=r"doesn't fit toy_factories:Counting \((.|\n)*read\.bias"):
        load(weights)
    torch.save({"read.weight": torch.zeros(5, 6)}, weights)
    with pytest.raises(InputError, match="is not a safetensors file"):
        load(weights)
    with pytest.raises(InputError, match="is not a safetensors file"):
        load(tmp_path / "absent.safetensors")
    with pytest.raises(InputError, match=r"no_such_package:f can't be built \(ModuleNotFoundError"):
        TorchModuleEncoder.load(factory="no_such_package:f", weights=weights)
