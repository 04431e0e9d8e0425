"""The sparse vector `terms`: the words of a product, so that a 64 GB phone is not the 128 GB one.

A word's weight within its text is the saturated term frequency of BM25 (Robertson & Zaragoza 2009) without length
normalisation, titles being short; Qdrant multiplies by the word's rarity over the collection (IDF).
"""

import re
import zlib
from collections import Counter
from functools import lru_cache
from itertools import pairwise

from ..products import Product
from ..store import Terms

_K1 = 1.2
_WORD = re.compile(r"[^\W_]+(?:[.][0-9][^\W_]*)?")
_NUMBER = re.compile(r"[0-9]+(?:[.][0-9]+)?")
_NUMBER_AND_UNIT = re.compile(r"([0-9]+(?:[.][0-9]+)?)([^\W\d_]+)")
_WORDS_KNOWN = 2**16  # a catalogue says the same words again and again


def words(text: str) -> list[str]:
    """Split a text into lower-case words; a number and its unit also count as one word, however they are written.

    Args:
        text: Any language; punctuation separates words, except a point inside a number.

    Returns:
        The words in order, behind each number with a unit the two joined: "64 GB" and "64gb" both give 64, gb, 64gb.
    """
    plain = [part for word in _WORD.findall(text.lower()) for part in _parts(word)]
    joined = [first + second for first, second in pairwise(plain) if _is_number(first) and second.isalpha()]
    return plain + joined


def terms_text(product: Product) -> str:
    """Put together the text whose words are a product's terms; what stands in for a missing title is its features."""
    named = (product.title,) if product.title else product.features
    return " ".join((*named, product.brand, *product.categories))


def terms(text: str) -> Terms:
    """Weigh the words of a text as a sparse vector, one 32-bit hash a word; empty for a text without words."""
    weights: dict[int, float] = {}
    for word, count in Counter(words(text)).items():
        index = _hash(word)
        weights[index] = max(weights.get(index, 0.0), count * (_K1 + 1) / (count + _K1))
    indices = sorted(weights)
    return Terms(tuple(indices), tuple([weights[index] for index in indices]))


@lru_cache(_WORDS_KNOWN)
def _parts(word: str) -> tuple[str, ...]:
    glued = _NUMBER_AND_UNIT.fullmatch(word)
    return glued.groups() if glued else (word,)


@lru_cache(_WORDS_KNOWN)
def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


@lru_cache(_WORDS_KNOWN)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode())
