"""Read titles as the tokens that tell products apart: words, colours, numbers, measures and model codes.

A title is read as Akritidis and Bozanis read it in "UPM" (arXiv:1903.04276): numbers with a unit are attributes,
tokens of letters and digits are model codes, the rest is words. All spellings of one measure or code meet in one token:
"64 gb" is "64gb", "pack of 2" is "2pack", "rf 3111 aw" also counts as "rf3111aw" once some title spells it that way,
and "ue32m5520akxxu" also counts as "ue32m5520" once some title stops there.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Kind(IntEnum):
    """What a token says about a product."""

    WORD = 0
    COLOUR = 1
    NUMBER = 2
    MEASURE = 3
    CODE = 4


UNITS = {
    "gb": "gb gig gigs gigabyte gigabytes go",
    "mb": "mb megabyte megabytes",
    "tb": "tb terabyte terabytes",
    "in": "in inch inches zoll",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "m": "m meter meters metre metres",
    "ft": "ft foot feet",
    "l": "l liter liters litre litres ltr",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "kg": "kg kilo kilos kilogram kilograms",
    "g": "g gram grams",
    "oz": "oz ounce ounces",
    "lb": "lb lbs pound pounds",
    "w": "w watt watts",
    "v": "v volt volts",
    "mp": "mp mpx mpix megapixel megapixels",
    "ghz": "ghz gigahertz",
    "mhz": "mhz megahertz",
    "hz": "hz hertz",
    "rpm": "rpm spin",
    "mah": "mah",
    "pack": "pack packs pk pcs pc piece pieces count ct",
    "core": "core cores",
    "port": "port ports",
    "place": "place places",
    "th": "th st nd rd",
}
UNIT_OF = {spelling: unit for unit, spellings in UNITS.items() for spelling in spellings.split()}
COLOUR_NAMES = """
    beige black blue bronze brown burgundy champagne chrome clear copper coral cream crimson cyan gold golden graphite
    gray green grey indigo ivory khaki lavender lilac lime magenta maroon mint mustard navy olive orange peach pink plum
    purple red rose ruby sapphire scarlet silver tan teal titanium transparent turquoise violet white yellow
"""
COLOURS = frozenset(COLOUR_NAMES.split())
SAME_WORD = {
    "gray": "grey", "golden": "gold", "transparent": "clear", "mens": "men", "womens": "women", "ladies": "women",
}  # fmt: skip

WORD_PATTERN = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+|\n")
MEASURE_PATTERN = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)")
FIGURE_PATTERN = re.compile(r"[\d.]+(?:x[\d.]+)*(?:st|nd|rd|th)?")  # 42, 5.5, 40th, 50x70
INCH_MARK = re.compile(r"(?<=\d)[ ]?(?:\"|''|'|″|”|′)(?!\w)")
PACK_OF = re.compile(r"\b(?:multi[- ]?)?(?:pack|set|box|case|lot) of (\d+)\b")
MIN_CODE, MAX_CODE = 4, 20  # characters of a code that may be spelled with gaps
TITLES = 50_000  # cut into words at once; bounds memory
MIN_STEM = 5  # characters two codes must share before one counts as the other with a suffix


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Which title holds which token.

    Args:
        matrix: Ones, float32 CSR (titles, tokens), indices sorted.
        vocabulary: The tokens' spelling, in column order.
        kinds: int8 (tokens,), the `Kind` of each.
        rows: int64 (words,), the title of each word, in reading order.
        words: int64 (words,), each word's column.
    """

    matrix: sparse.csr_matrix
    vocabulary: list[str]
    kinds: NDArray[np.int8]
    rows: IntArray
    words: IntArray

    def __post_init__(self) -> None:
        columns = self.matrix.shape[1]
        if not columns == len(self.vocabulary) == len(self.kinds):
            raise ValueError(f"{columns} columns for {len(self.vocabulary)} tokens of {len(self.kinds)} kinds")


def read_tokens(titles: Sequence[str]) -> Tokens:
    """Read titles into a table of tokens.

    Args:
        titles: n lines of text; an empty one has no tokens.

    Returns:
        The tokens of every title, each at most once a title.
    """
    ids: dict[str, int] = {}
    rows, words = _join_units(*_words(titles, ids), ids)
    spelling = list(ids)
    kinds = np.array([kind_of(token) for token in spelling], dtype=np.int8)
    starts = np.flatnonzero(_starts_code(spelling, kinds)[words])
    held = [(rows, words), *(_joined(starts, rows, words, width, spelling, kinds, ids) for width in (2, 3))]
    holders, tokens = _add_stems(np.concatenate([r for r, _ in held]), np.concatenate([t for _, t in held]), kinds, ids)
    used = np.flatnonzero(np.bincount(tokens, minlength=len(spelling)))
    column = np.full(len(spelling), -1, np.int64)
    column[used] = np.arange(len(used))
    ones = np.ones(len(tokens), np.float32)
    matrix = sparse.csr_matrix((ones, (holders, column[tokens])), shape=(len(titles), len(used)))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    names = [spelling[token] for token in used]
    return Tokens(matrix, names, kinds[used], rows, column[words])


def kind_of(token: str) -> Kind:
    """Tell what a token, spelled as `read_tokens` spells it, says about a product."""
    if token in COLOURS:
        return Kind.COLOUR
    if token.isalpha():
        return Kind.WORD
    if (measure := MEASURE_PATTERN.fullmatch(token)) and measure[2] in UNITS:
        return Kind.MEASURE
    return Kind.NUMBER if FIGURE_PATTERN.fullmatch(token) else Kind.CODE


def _words(titles: Sequence[str], ids: dict[str, int]) -> tuple[IntArray, IntArray]:
    """Cut titles into words, in order; new canonical spellings are added to `ids`."""
    raw: defaultdict[str, int] = defaultdict(count().__next__)
    end_of_title = raw["\n"]
    rows, words = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(titles), TITLES):
        text = "\n".join(" ".join(title.split()) for title in titles[start : start + TITLES]).lower()
        spelled = WORD_PATTERN.findall(PACK_OF.sub(r"\1 pack", INCH_MARK.sub(" in ", text)))
        found = np.fromiter(map(raw.__getitem__, spelled), np.int64, len(spelled))
        in_title = found != end_of_title
        rows.append(start + np.cumsum(~in_title)[in_title])
        words.append(found[in_title])
    canonical = np.array([ids.setdefault(_canonical(word), len(ids)) if word != "\n" else -1 for word in raw])
    return np.concatenate(rows), canonical[np.concatenate(words)]


def _canonical(word: str) -> str:
    """Spell a word, number or glued measure the one way we keep: "64gigabytes" is "64gb", "5,50" is "5.5"."""
    if word[0].isdigit() and word[-1].isdigit() and not word.isdigit():
        return _number(word)
    if (measure := MEASURE_PATTERN.fullmatch(word)) and measure[2] in UNIT_OF:
        return _number(measure[1]) + UNIT_OF[measure[2]]
    return SAME_WORD.get(word, word)


def _number(digits: str) -> str:
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", digits):
        return digits.replace(",", "")
    if not re.fullmatch(r"\d+[.,]\d+", digits):
        return digits
    return digits.replace(",", ".").rstrip("0").rstrip(".")


def _join_units(rows: IntArray, tokens: IntArray, ids: dict[str, int]) -> tuple[IntArray, IntArray]:
    """Make one token of a number and the unit that follows it."""
    spelling = list(ids)
    number = np.array([token[0].isdigit() and kind_of(token) == Kind.NUMBER for token in spelling], dtype=np.bool_)
    unit = np.array([token in UNIT_OF for token in spelling], dtype=np.bool_)
    at = np.flatnonzero((rows[:-1] == rows[1:]) & number[tokens[:-1]] & unit[tokens[1:]])
    pairs, which = np.unique(tokens[at] * len(spelling) + tokens[at + 1], return_inverse=True)
    measures = [spelling[a] + UNIT_OF[spelling[b]] for a, b in zip(*np.divmod(pairs, len(spelling)), strict=True)]
    joined = np.array([ids.setdefault(measure, len(ids)) for measure in measures], dtype=np.int64)
    tokens = tokens.copy()
    tokens[at] = joined[which]
    rest = np.ones(len(rows), np.bool_)
    rest[at + 1] = False
    return rows[rest], tokens[rest]


def _joined(
    starts: IntArray,
    rows: IntArray,
    tokens: IntArray,
    width: int,
    spelling: list[str],
    kinds: NDArray[np.int8],
    ids: dict[str, int],
) -> tuple[IntArray, IntArray]:
    """Find `width` neighbouring tokens, from one of `starts` on, that another title spells as one code."""
    length = np.array([len(token) for token in spelling], dtype=np.int64)
    at = starts[starts <= len(rows) - width]
    at = at[rows[at] == rows[at + width - 1]]
    parts = np.stack([tokens[at + place] for place in range(width)])
    worth = (length[parts].sum(0) <= MAX_CODE) & (kinds[parts] >= Kind.NUMBER).any(0)
    at, parts = at[worth], parts[:, worth]
    group = np.zeros(len(at), np.int64)  # numbers runs of the same tokens
    for part in parts:
        group = np.unique(group * len(spelling) + part, return_inverse=True)[1]
    one_of = np.unique(group, return_index=True)[1]
    runs = ("".join([spelling[part] for part in run]) for run in parts[:, one_of].T.tolist())
    codes = np.array([ids.get(run, -1) for run in runs], dtype=np.int64)
    codes[(length[codes] < MIN_CODE) | (kinds[codes] != Kind.CODE)] = -1
    found = codes[group]
    return rows[at][found >= 0], found[found >= 0]


def _starts_code(spelling: list[str], kinds: NDArray[np.int8]) -> BoolArray:
    """Say which tokens some longer code starts with."""
    codes = sorted(spelling[token] for token in np.flatnonzero(kinds == Kind.CODE))
    codes.append("")  # nothing starts with a token that sorts behind all codes
    return np.array(
        [codes[bisect_right(codes, token, hi=len(codes) - 1)].startswith(token) for token in spelling], bool
    )


def _add_stems(
    rows: IntArray, tokens: IntArray, kinds: NDArray[np.int8], ids: dict[str, int]
) -> tuple[IntArray, IntArray]:
    """Add to every code the shorter codes it starts with."""
    is_code = (kinds == Kind.CODE).tolist()
    codes = {spelled: token for spelled, token in ids.items() if is_code[token]}
    stem = np.full(len(ids), -1, np.int64)
    for spelled, token in codes.items():
        shorter = (codes.get(spelled[:length], -1) for length in range(len(spelled) - 1, MIN_STEM - 1, -1))
        stem[token] = next((code for code in shorter if code >= 0), -1)
    all_rows, all_tokens = [rows], [tokens]
    while len(rows):
        has_stem = stem[tokens] >= 0
        rows, tokens = rows[has_stem], stem[tokens[has_stem]]
        all_rows.append(rows)
        all_tokens.append(tokens)
    return np.concatenate(all_rows), np.concatenate(all_tokens)
