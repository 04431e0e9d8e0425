"""A sentence transformer distilled on this machine into one fixed vector a token (model2vec, Minish Lab 2024).

Each token of the model's vocabulary goes through the model alone, the vectors are brought half-way to equal spread
along their principal components, and rare tokens weigh more by Zipf's law (SIF, Arora et al. 2017). A text is the mean
of its tokens: no context, hundreds of times as fast. Distilling is written out here because model2vec's own holds
transformers back to an old version, and because of that spread: on two catalogues, half of the way left more of a
text's neighbours in its category than none (model2vec) or all of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .exported import CannotExport, usable_tokenizer

_TABLE, _TOKENIZER = "table.npy", "tokenizer.json"
_SIF = 1e-4  # model2vec's choice: tokens seen more often than this share of all weigh less
_LEAST_SPREAD = 1e-3  # of the widest component; what is narrower is noise, not to be magnified
_METHOD = 2  # raise it when `distil` gives other vectors


class Teacher(Protocol):
    """What is distilled: an engine that takes tokens."""

    def embed_tokens(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Embed lists of token ids as float32 (b, dim), rows of length 1."""


def engine_name() -> str:
    """Name the engine and its version, as part of a cache key.

    Raises:
        CannotExport: If model2vec is not installed.
    """
    try:
        import model2vec
    except ImportError:
        raise CannotExport("the package model2vec is missing: pip install model2vec") from None
    return f"model2vec-{model2vec.__version__}-{_METHOD}"


def distil(model: Any, teacher: Teacher, folder: Path) -> None:
    """Write the static model of a sentence transformer.

    Args:
        model: The `SentenceTransformer`, for its tokenizer.
        teacher: An engine of that model.
        folder: Where to write.

    Raises:
        CannotExport: If the model's tokenizer is not one that can be kept.
    """
    from sklearn.decomposition import PCA
    from tokenizers import Tokenizer

    kept = usable_tokenizer(model)
    tokenizer = Tokenizer.from_str(kept.backend_tokenizer.to_str())
    tokenizer.no_padding()
    around = tokenizer.encode("").ids
    before = [token for token in around if token in (kept.cls_token_id, kept.bos_token_id)]
    after = [token for token in around if token not in before]
    ids = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    vectors = teacher.embed_tokens([[*before, token, *after] for token in ids])
    components = PCA(min(vectors.shape), svd_solver="covariance_eigh")
    vectors = components.fit_transform(vectors)
    spread = np.maximum(components.singular_values_, components.singular_values_[0] * _LEAST_SPREAD)
    share = 1 / (np.arange(len(ids)) + 2)  # vocabularies stand in the order of frequency, near enough
    weights = _SIF / (_SIF + share / share.sum())
    # Back in the teacher's own axes: the components' may turn freely where spreads are alike, so that two teachers who
    # differ by rounding would give tables that cannot be compared.
    table = (vectors / np.sqrt(spread) @ components.components_ * weights[:, None]).astype(np.float32)
    np.save(folder / _TABLE, table)
    (folder / _TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")


class StaticEngine:
    """Embeds with a static model.

    Args:
        folder: As `distil` wrote it.

    Raises:
        ValueError: If a file in it is damaged; EOFError and FileNotFoundError likewise.
    """

    def __init__(self, folder: Path) -> None:
        from model2vec import StaticModel
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_buffer((folder / _TOKENIZER).read_bytes())
        self._model = StaticModel(np.load(folder / _TABLE), tokenizer, normalize=True)
        self.dim = int(self._model.dim)
        middle = self._model.embedding.mean(axis=0)
        self._wordless = middle / np.linalg.norm(middle)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1; a text of unknown tokens lies in the middle of all."""
        # model2vec's own threads would change an environment variable of the process; tokenizing is threaded anyway.
        vectors = np.array(self._model.encode(list(texts), use_multiprocessing=False), dtype=np.float32, order="C")
        vectors[~vectors.any(axis=1)] = self._wordless
        return vectors
