"""The phrases that may name a group of products: runs of words in titles, and whole category names."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .tokens import COLOURS, UNIT_OF, Kind, kind_of

LONGEST = 4  # words of a phrase
WORD = re.compile(r"[^\W_]+(?:['’&.-][^\W_]+)*|[^\s\w]|_")

STOP_TEXT = """
    a about all also an and any are as at be best by can de der die do each easy ever extra for from get great has
    have high his her how i if in into is it its la le les more most much new no not now of off official on one only
    or other our out over own pack pcs per piece plus pro quality real set size so some such than that the their
    them these this those to too und unisex up us use very via was we what when which who will with without x you
    your
"""
STOP_WORDS = frozenset(STOP_TEXT.split())
"""Words that say nothing alone; inside a phrase they may stand: "cases for phones"."""


@dataclass(frozen=True, slots=True, eq=False)
class Phrases:
    """Which product holds which phrase.

    Args:
        matrix: Ones, float32 CSR (n, phrases).
        spellings: The phrases as they are compared: lower case, singular.
        leading: float32 (phrases,), the share of a phrase's titles that begin with it, 0 for category names.
    """

    matrix: sparse.csr_matrix
    spellings: list[str]
    leading: NDArray[np.float32]


def read_phrases(titles: Sequence[str], categories: Sequence[Sequence[str]] = (), *, fewest: int = 2) -> Phrases:
    """Read the phrases of titles and categories.

    Args:
        titles: n lines of text.
        categories: n lists of names; none for none at all.
        fewest: Products a phrase is in, at least; others name nothing.
    """
    ids: dict[str, int] = {}
    columns, ends, first = [], [0], Counter[int]()
    for row, title in enumerate(titles):
        held = {ids.setdefault(phrase, len(ids)): begins for phrase, begins in _phrases(title)}
        first.update(column for column, begins in held.items() if begins)
        for name in categories[row] if categories else ():
            if spelling := " ".join(fold(word) for word in words_of(name)):
                held.setdefault(ids.setdefault(spelling, len(ids)), False)
        columns.extend(sorted(held))
        ends.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, columns, ends), shape=(len(titles), len(ids)))
    count = np.bincount(columns, minlength=len(ids)) if ids else np.empty(0, dtype=np.int64)
    kept = np.flatnonzero(count >= fewest)
    spellings = list(ids)
    leading = np.array([first[column] / count[column] for column in kept.tolist()], dtype=np.float32)
    return Phrases(matrix[:, kept].tocsr(), [spellings[column] for column in kept], leading)


def words_of(text: str) -> list[str]:
    """Cut a text into words as written; punctuation between words stands alone."""
    return WORD.findall(text)


def fold(word: str) -> str:
    """Spell a word the one way it is compared: lower case, without a plural or a possessive s."""
    folded = word.lower().replace("’", "'").removesuffix("'s")
    if len(folded) > 3 and folded.endswith("s") and not folded.endswith(("ss", "us", "is")):
        folded = folded[:-1]
    return folded


def is_model(word: str) -> bool:
    """Say whether a word is a number or holds one: a model, a size, a count."""
    return any(letter.isdigit() for letter in word)


def is_colour(word: str) -> bool:
    """Say whether a word is a colour."""
    return word in COLOURS


def common_form(spelling: str, titles: Iterable[str], categories: Iterable[str] = ()) -> str:
    """Write a phrase the way most of these titles and category names write it."""
    wanted = spelling.split()
    forms: Counter[str] = Counter()
    for text in (*titles, *categories):
        words = words_of(text)
        folded = [fold(word) for word in words]
        for at in range(len(words) - len(wanted) + 1):
            if folded[at : at + len(wanted)] == wanted:
                forms[" ".join(words[at : at + len(wanted)])] += 1
    best = max(forms, key=lambda form: (forms[form], form), default=spelling)
    return _readable(best)


def _readable(form: str) -> str:
    """Begin the words of a phrase with capitals; what is written with capitals inside stays: iPhone, XR."""
    if form.isupper() and len(form) > 4:
        form = form.lower()
    words = [word.capitalize() if word.islower() else word for word in form.split()]
    return " ".join(word.lower() if word.lower() in STOP_WORDS and at else word for at, word in enumerate(words))


def _phrases(title: str) -> Iterator[tuple[str, bool]]:
    """Give the phrases of a title, each with whether the title begins with it; later ones of a spelling win."""
    folded = [fold(word) for word in words_of(title)]
    around = ["", *folded, ""]
    usable = [_is_usable(*around[at : at + 3]) for at in range(len(folded))]
    for end in range(len(folded) - 1, -1, -1):
        if not usable[end] or folded[end] in STOP_WORDS:
            continue
        for start in range(end, max(-1, end - LONGEST), -1):
            if not usable[start]:
                break
            if folded[start] not in STOP_WORDS and not (is_model(folded[start]) and start < end):
                yield " ".join(folded[start : end + 1]), start == 0


def _is_usable(before: str, word: str, after: str) -> bool:
    """Say whether a word may stand in a phrase: no punctuation, no lone letter, no measure, no unit, no count."""
    if not any(letter.isalnum() for letter in word) or (len(word) == 1 and not word.isdigit()):
        return False
    if is_model(word):
        return before != "of" and after not in UNIT_OF and kind_of(word) in (Kind.CODE, Kind.NUMBER)
    return not (word in UNIT_OF and is_model(before))
