"""The sparse vector `terms`: the words of a product, so that a 64 GB phone is not the 128 GB one.

A word's weight within its text is the saturated term frequency of BM25 (Robertson & Zaragoza 2009) without length
normalisation, titles being short; Qdrant multiplies by the word's rarity over the collection (IDF).
"""

import re
import zlib
from collections import Counter

from ..products import Product
from ..store import Terms

_K1 = 1.2
_WORD = re.compile(r"[^\W_]+(?:[.][0-9][^\W_]*)?")
# A number and its unit are one word however they are written: "64 GB" = "64gb", "6.1 in" = "6.1inch".
_UNITS = {
    unit: name
    for name, spellings in {
        "gb": "gb gigabyte gigabytes",
        "tb": "tb terabyte terabytes",
        "mb": "mb megabyte megabytes",
        "mah": "mah",
        "mp": "mp megapixel megapixels",
        "hz": "hz",
        "ghz": "ghz",
        "mhz": "mhz",
        "w": "w watt watts",
        "v": "v volt volts",
        "inch": "in inch inches",
        "mm": "mm",
        "cm": "cm",
        "m": "m meter meters metre metres",
        "ft": "ft foot feet",
        "ml": "ml",
        "l": "l litre litres liter liters",
        "oz": "oz ounce ounces",
        "lb": "lb lbs pound pounds",
        "g": "g gram grams",
        "kg": "kg",
        "pack": "pack packs pk pcs piece pieces count ct",
    }.items()
    for unit in spellings.split()
}
_NUMBER_THEN_UNIT = re.compile(
    r"\b([0-9]+(?:[.][0-9]+)?)[\s-]*(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + r")\b"
)


def words(text: str) -> list[str]:
    """Split a text into lower-case words, a unit joined to its number.

    Args:
        text: Any language; punctuation separates words, except a point inside a number.
    """
    joined = _NUMBER_THEN_UNIT.sub(lambda match: f" {match[1]}{_UNITS[match[2]]} ", text.lower())
    return _WORD.findall(joined)


def terms_text(product: Product) -> str:
    """Put together the text whose words are a product's terms; what stands in for a missing title is its features."""
    named = (product.title,) if product.title else product.features
    return " ".join((*named, product.brand, *product.categories))


def terms(text: str) -> Terms:
    """Weigh the words of a text as a sparse vector, one 32-bit hash a word; empty for a text without words."""
    weights: dict[int, float] = {}
    for word, count in Counter(words(text)).items():
        index = zlib.crc32(word.encode())
        weights[index] = max(weights.get(index, 0.0), count * (_K1 + 1) / (count + _K1))
    return Terms(tuple(sorted(weights)), tuple(weights[index] for index in sorted(weights)))
