"""A model in a local Hugging Face folder: checks of its files, its digest, and its weights."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from cfdna_interp.artifacts.files import digest_file, read_json
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.models.rendering import NEUTRAL

WEIGHTS = ".safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_DIGESTED = (WEIGHTS, ".json", ".txt", ".model")  # weights, config and every kind of vocabulary
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")
_PROBE = 16  # tokens
_CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json")


def check_folder(folder: Path) -> None:
    """Raise ``InputError`` unless a folder has config, tokenizer and safetensors, and no code."""
    if not folder.is_dir():
        raise InputError(f"model.checkpoint {folder} is not a folder; give the folder with config.json")
    files = [path for path in sorted(folder.iterdir()) if path.name.endswith(_DIGESTED)]
    for path in files:
        check_regular(path, "model file", "give the folder that save_pretrained wrote")
        # Libraries of many hands read these, each with bounds of its own or none.
        if path.name.endswith(".json"):
            read_json(path)
    names = sorted(path.name for path in folder.iterdir())
    if "config.json" not in names:
        raise InputError(f"model {folder} has no config.json; give the folder that save_pretrained wrote")
    if "adapter_config.json" in names:
        raise InputError(
            f"model {folder} is an adapter (adapter_config.json) to a model elsewhere; merge the two "
            "(merge_and_unload in peft) and save the result"
        )
    for name in _CONFIGS:
        if name in names and "auto_map" in read_json(folder / name):
            raise InputError(
                f"model {folder}: {name} asks for code of its own (auto_map), which is never run; take an "
                "architecture that transformers knows, or install the code and set model.encoder to "
                "torch_module"
            )
    attention = read_json(folder / "config.json").get("attn_implementation")
    if isinstance(attention, str) and "/" in attention:
        raise InputError(
            f"model {folder}: config.json asks for a kernel from elsewhere (attn_implementation: "
            f"{attention}), which is never fetched; remove that line"
        )
    if not any(name.endswith(WEIGHTS) for name in names):
        pickles = [name for name in names if name.endswith(_PICKLES)]
        if pickles:
            raise InputError(
                f"model {folder}: {pickles[0]} is a pickle, which can run code when it is read; convert it "
                "to safetensors where you trust it (save_pretrained of transformers writes them)"
            )
        raise InputError(f"model {folder} has no weights (*.safetensors); save_pretrained writes them")
    if not set(_TOKENIZERS) & set(names):
        raise InputError(
            f"model {folder} has no tokenizer (one of {', '.join(_TOKENIZERS)}); save the model's there"
        )


def digest_folder(folder: Path) -> str:
    """Return the SHA-256 over names and bytes of a model's weights, config and vocabulary."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(_DIGESTED) and path.is_file())
    return hashlib.sha256(json.dumps({path.name: digest_file(path) for path in files}).encode()).hexdigest()


def load_model(folder: Path, device: torch.device, precision: torch.dtype) -> PreTrainedModel:
    """Return the model without its head, in evaluation mode.

    Raises
    ------
    InputError
        The architecture is unknown or has both encoder and decoder, the weights are damaged, or some are
        missing in the files (they would be random numbers).
    """
    # transformers would report unused weights of a head and a progress bar per file.
    logging.getLogger("transformers").setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=precision,
            output_loading_info=True,
        )
    except Exception as error:  # many libraries raise here, some derive their errors from Exception itself
        raise InputError(f"model {folder} cannot be loaded: {' '.join(str(error).split())}") from None
    if model.config.is_encoder_decoder:
        raise InputError(
            f"model {folder} ({model.config.model_type}) has both an encoder and a decoder; save one alone"
        )
    # BERT's pooler is a head. Only hidden states are used here, and these don't depend on it.
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing or report["mismatched_keys"]:
        lacking = missing or sorted(str(key) for key in report["mismatched_keys"])
        raise InputError(
            f"model {folder}: {len(lacking)} of the weights that config.json asks for are missing or of "
            f"another shape, the first is {lacking[0]}; give the weights of this architecture"
        )
    deeper = _further_layers(report["unexpected_keys"], model)
    if deeper:
        raise InputError(
            f"model {folder}: {len(deeper)} weights are of layers that config.json doesn't ask for, the "
            f"first is {deeper[0]}; give the config of these weights"
        )
    model.config.use_cache = False
    loaded: PreTrainedModel = model.eval().requires_grad_(False).to(device)
    return loaded


def _further_layers(unexpected: Iterable[str], model: PreTrainedModel) -> list[str]:
    """Return unexpected weights whose names equal those of the model except for the layer number."""

    def shape(name: str) -> str:
        return re.sub(r"\.\d+(?=\.)", ".#", name)

    prefix = f"{model.base_model_prefix}."
    known = {shape(name) for name in model.state_dict()}
    return sorted(name for name in unexpected if shape(name.removeprefix(prefix)) in known)


def positions_of(model: PreTrainedModel) -> int:
    """Return the number of tokens that a model has positions for."""
    positions: int | None = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return sys.maxsize
    # RoBERTa and related models number positions from the padding index on.
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1


def check_token_types(model: PreTrainedModel, folder: Path) -> None:
    """Raise ``InputError`` unless a model has a token type for each state and for none."""
    types = getattr(model.config, "type_vocab_size", 0)
    if "token_type_ids" not in inspect.signature(model.forward).parameters or types <= NEUTRAL:
        raise InputError(
            f"model {folder} ({model.config.model_type}) has {types} token types, methylation as token types "
            "needs 3 (0 unmethylated, 1 methylated, 2 neutral); correct methylation in rendering.yaml"
        )


@torch.inference_mode()
def looks_back_only(model: PreTrainedModel) -> bool:
    """Return whether a token's hidden state is independent of later tokens, by changing these.

    If so, padding on the right changes nothing, and attention without a mask is twice as fast.
    """
    size = int(model.config.vocab_size)
    ids = torch.arange(_PROBE)[None] % size
    other = ids.clone()
    other[0, _PROBE // 2 :] += 1
    first, second = (
        model(input_ids=x.to(model.device), return_dict=True).last_hidden_state for x in (ids, other % size)
    )
    return torch.equal(first[:, : _PROBE // 2], second[:, : _PROBE // 2])
