"""Clean what catalogues say: markup, scrape junk, prices, categories and links, each by one pure function."""

import ast
import json
import math
import re
from collections.abc import Collection, Iterator
from html import unescape
from typing import Any

from .products import Product

# Inside a word these tags are only looks ("H<sub>2</sub>O"); any other tag separates words.
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|font|sub|sup)\b[^<>]*>", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<!--.*?-->|<[a-zA-Z/!][^<>]*>", re.DOTALL)
_CUT_TAG = re.compile(r"<[a-zA-Z]+\s+[\w-]+=[^<>]*$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Lone surrogates cannot be written as UTF-8. The joiners U+200C and U+200D stay: scripts and emoji need them.
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u2060\ufeff\ufffe\uffff\ud800-\udfff]+")
_CODE = re.compile(
    r"\bvar \w+\s*=|\bfunction\s*\w*\s*\(|\bgetTime\(\)|\bP\.when\(|\$\(document\)|[.#][\w-]+\s*\{[^}]*:"
)
_CATEGORY_STEP = re.compile(r"\s+[>›»]\s+")
_AMOUNT = re.compile(r"\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d[\d.,]*|(?<!\w)\.\d\d")
# 1e5 may be a model code, 1e-05 and 1.0e5 are how programs write small and large numbers.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(\.\d+(?:e[+-]?\d{1,3})?|e-\d{1,3})?", re.IGNORECASE)
_LONGEST_PRICE = 60  # characters; a longer "price" is a piece of a page


def plain_text(text: str) -> str:
    """Take markup, entities and invisible characters out of a text and put it on one line.

    Args:
        text: A text as scraped; entities may be encoded twice.
    """
    if "&" in text:
        text = unescape(text)
        if "&" in text:
            text = unescape(text)
    if "<" in text:
        text = _SCRIPT.sub(" ", text)
        text = _INLINE_TAG.sub("", text)
        text = _TAG.sub(" ", text)
        text = _CUT_TAG.sub(" ", text)
    if not text.isprintable():
        text = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    return " ".join(text.split())


def flatten(value: Any, separator: str | None = None) -> Iterator[str]:
    """Walk a text, a number or a nested list of them as texts, left to right.

    Args:
        value: What a catalogue holds in a column. A text written as a list (`["a", "b"]`, as tables keep lists) is
            read as one; None and NaN say nothing; of an object its values count.
        separator: Where a text is cut into several; None leaves it whole.
    """
    if isinstance(value, str):
        listed = _written_list(value) if value[:1] == "[" and value[-1:] == "]" else None
        if listed is not None:
            yield from flatten(listed, separator)
        elif separator and separator in value:
            yield from value.split(separator)
        elif value:
            yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from flatten(item, separator)
    elif isinstance(value, dict):
        yield from flatten(list(value.values()), separator)
    elif text := _number_text(value):
        yield text


def clean_text(value: Any) -> str:
    """Read one line of plain text from a text, a number or a list; of a list, the parts that are not script or CSS."""
    return " ".join(clean_texts(value))


def clean_texts(value: Any, *, separator: str | None = None) -> tuple[str, ...]:
    """Read several plain texts: bullet points, paragraphs. Empty ones and pieces of script or CSS are left out."""
    if not value and value != 0:  # the usual case, worth a shortcut
        return ()
    texts = (plain_text(text) for text in flatten(value, separator))
    return tuple(text for text in texts if text and not _CODE.match(text))


def clean_title(value: Any) -> str:
    """Read a title; empty when what was scraped is a page's script and not a title."""
    text = " ".join(plain_text(part) for part in flatten(value))
    return "" if _CODE.search(text) else text


def clean_url(text: str) -> str:
    """Take what cannot be printed or stored out of an address; its entities are its own."""
    return text.strip() if text.isprintable() else "".join(c for c in text if c.isprintable()).strip()


def clean_id(value: Any) -> str:
    """Read a product id: a text or a number, without white space around it; empty for anything else."""
    if isinstance(value, list | tuple | set | dict):
        return ""
    text = value if isinstance(value, str) else _number_text(value)
    return text.strip() if text.isprintable() else plain_text(text)


def clean_links(value: Any, *, product_id: str, separator: str | None = None) -> tuple[str, ...]:
    """Read the ids a product links to, in order, each once, without its own.

    Ids the catalogue does not know are kept: their products may arrive later.

    Args:
        value: A list of ids, or a text of them.
        product_id: The product that links.
        separator: Where a text is cut into ids.
    """
    if not value:
        return ()
    ids = dict.fromkeys(value if _only_letters_and_digits(value) else map(clean_id, flatten(value, separator)))
    ids.pop("", None)
    ids.pop(product_id, None)
    return tuple(ids)


def clean_categories(value: Any, *, features: Collection[str] = (), separator: str | None = None) -> tuple[str, ...]:
    """Read category names from a flat list, nested lists or a text "A > B > C", in order, each once.

    Args:
        value: The categories as catalogued. Amazon's 2018 files let a page's bullet points run on in them:
            from the first name that is a sentence or nothing but markup on, the rest is left out.
        features: The product's bullet points, plain text; a category that repeats one is none.
        separator: Where a text is cut into paths, before each path is cut at " > ".
    """
    names: dict[str, None] = {}
    for raw in flatten(value, separator):
        text = plain_text(raw)
        if _is_page_text(text, raw):
            break
        steps = _CATEGORY_STEP.split(text) if not text.isascii() or ">" in text else (text,)
        names.update(dict.fromkeys(step for step in steps if step and step not in features))
    return tuple(names)


def clean_price(value: Any) -> float | None:
    """Read a price: `$12.99`, `1.299,00 €`, the lower end of `$1,299.00 - $1,499.00`; None when there is none.

    A single point or comma before three digits is a thousands mark when a currency or other text stands beside the
    number ("1.299 €"), and so is a comma on its own ("1,299"); "1.299" alone is a decimal.

    Args:
        value: A number or a text in the catalogue's own currency.
    """
    if isinstance(value, str):
        try:
            price = float(value)
        except ValueError:
            price = _amount(value)
    else:
        try:
            price = math.nan if value is None or isinstance(value, bool) else float(value)
        except (TypeError, OverflowError):
            price = _amount(next(flatten(value), ""))
    return price if math.isfinite(price) and price >= 0 else None


def clean_field(value: Any) -> str | float:
    """Read a further column: a number where it is one, else plain text, a list's parts joined by commas.

    Numbers that would not come back as written ("007", sixteen digits and more) stay text.
    """
    text = ", ".join(filter(None, (plain_text(part) for part in flatten(value))))
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    read = float(text) if number[1] else int(text)
    return read if math.isfinite(read) else text


def finite_number(value: Any) -> float:
    """Read a number, written as text or not; NaN for what is none, or not finite."""
    if isinstance(value, str) and "_" in value:
        return math.nan  # Python reads 1_000 as a number, no catalogue means it so
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def richness(product: Product) -> int:
    """Score how much a record says: filled fields first, then characters; of two records of one id the richer wins."""
    lists = (product.categories, product.features, product.image_urls)
    links = (product.also_buy, product.also_view, product.bought_together)
    texts = (product.title, product.description, product.brand, product.source)
    filled = sum(map(bool, (*texts, *lists, *links))) + (product.price is not None) + len(product.fields)
    characters = sum(map(len, texts)) + sum(len(item) for items in (*lists, *links) for item in items)
    return filled * 1_000_000 + min(characters, 999_999)


def _is_page_text(text: str, raw: str) -> bool:
    return (not text and "<" in raw) or (text.endswith(".") and text.count(" ") >= 3)


def _only_letters_and_digits(value: Any) -> bool:
    """Tell whether a value is a list of texts that need no cleaning: the usual case, at the speed of C."""
    try:
        return isinstance(value, list) and "".join(value).isalnum()
    except TypeError:
        return False


def _amount(text: str) -> float:
    """Find the first amount in a text; NaN when there is none."""
    if len(text) > _LONGEST_PRICE or "{" in text:
        return math.nan
    found = _AMOUNT.search(text)
    if found is None:
        return math.nan
    digits = re.sub(r"[ \u00a0\u202f'’]", "", found[0]).rstrip(".,")
    mark = max(".,", key=digits.rfind)
    whole, _, decimals = digits.rpartition(mark)
    other_mark = bool(set(whole) & (set(".,") - {mark}))
    thousands = len(decimals) == 3 and whole not in ("", "0") and not other_mark
    if mark not in digits or thousands:
        return float(re.sub(r"[.,]", "", digits))
    return float(re.sub(r"[.,]", "", whole) + "." + decimals)


def _number_text(value: Any) -> str:
    """Write a number, date or truth value as text; whole floats without their point, nothing as an empty text."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _written_list(text: str) -> list[Any] | None:
    """Read a text that is a list in JSON or Python; None when it only has brackets around it."""
    for read in (json.loads, ast.literal_eval):
        try:
            listed = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return listed if isinstance(listed, list) else None
    return None
