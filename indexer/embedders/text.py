"""Text embeddings with sentence-transformers, any hub name or local path, at the speed asked for."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..products import Product
from .choosing import Engine, EngineChoice
from .models import DEFAULT_MODEL as DEFAULT_MODEL
from .models import PACKAGED as PACKAGED
from .models import ModelUnavailable as ModelUnavailable
from .tiers import split_speed

# What describes a product that has no title, or nothing in the fields asked for.
_INSTEAD = ("title", "brand", "categories", "features", "description")


class TextEmbedder:
    """A sentence transformer, or what is made of it for speed.

    Args:
        model: Name on the Hugging Face hub, or a folder; `#fast` or `#balanced` behind it chooses another tier.
        on_load: Called once, when the model is first needed, with a line that says where it came from and, where an
            engine stands in for it, how far its vectors are from the original's.

    Raises:
        ModelUnavailable: From what first needs the model, if it is not here and cannot be fetched.
    """

    def __init__(self, model: str = DEFAULT_MODEL, *, on_load: Callable[[str], None] = lambda note: None) -> None:
        self.name = model
        self._on_load = on_load
        self._choice = EngineChoice(*split_speed(model))
        self._engine: Engine | None = None

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._engine.dim if self._engine else self._choice.dim()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1; each different text once. The first call loads a model."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        different = list(dict.fromkeys(texts))
        if self._engine is None:
            self._engine, said = self._choice.choose(different)
            self._choice = EngineChoice(*split_speed(self.name))  # lets go of the original, which may be large
            self._on_load(said)
        rows = {text: row for row, text in enumerate(different)}
        vectors = self._engine.embed(different)
        return vectors if len(different) == len(texts) else vectors[[rows[text] for text in texts]]


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
