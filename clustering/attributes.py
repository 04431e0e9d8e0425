"""Find the attributes that two titles state differently: 64 GB or 128 GB, black or blue, iPhone 7 or iPhone 8.

An attribute is a slot and its values: a unit and its numbers, "colour" and its names, whom the product is for, or a
word and the numbers or codes that follow it. Two titles conflict in a slot when both fill it and share none of its
values; a title that leaves the slot out conflicts with no one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .tokens import MEASURE_PATTERN, IntArray, Kind, Tokens

VARIANT_UNITS = frozenset({"gb", "tb", "mb", "pack", "ml", "oz", "lb", "g", "mah", "ft", "m", "port", "th"})
VARIANT_WEIGHT = 8.0  # the units products are sold by: a difference is another product
MEASURE_WEIGHT = 3.0  # other units are rounded and measured in many ways
COLOUR_WEIGHT = 5.0  # and that of audiences
AUDIENCES = frozenset({"men", "women", "boys", "girls"})  # whom a product is made for
FOLLOWING_WEIGHT = 1.0  # a number after a word names a model ("galaxy s8") or is just a figure


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """What each title says in which slot.

    Args:
        slots: Ones, CSR (titles, slots).
        values: Ones, CSR (titles, values); every value belongs to one slot.
        slot_of: Ones, CSR (values, slots).
        weights: float64 (slots,), how much a conflict counts, in nats.
    """

    slots: sparse.csr_matrix
    values: sparse.csr_matrix
    slot_of: sparse.csr_matrix
    weights: NDArray[np.float64]

    def conflict(self, first: IntArray, second: IntArray) -> NDArray[np.float64]:
        """Weigh the slots that both titles of each pair fill with nothing in common."""
        both = self.slots[first].multiply(self.slots[second]).tocsr()
        agreed = (self.values[first].multiply(self.values[second]).tocsr() @ self.slot_of).sign()
        return np.asarray((both - agreed) @ self.weights, dtype=np.float64)


def read_attributes(tokens: Tokens) -> Attributes:
    """Collect the attributes in a table of tokens."""
    width = len(tokens.vocabulary)
    units = [match[2] if (match := MEASURE_PATTERN.fullmatch(token)) else "" for token in tokens.vocabulary]
    names, unit = np.unique(units, return_inverse=True) if width else (np.empty(0, str), np.empty(0, np.int64))
    audience = np.array([token in AUDIENCES for token in tokens.vocabulary], dtype=np.bool_)
    # Columns of slots: a word before a number by its own token, then the units, then colour, then audience.
    slot = np.where(tokens.kinds == Kind.MEASURE, width + unit, width + len(names) + audience)
    weights = np.full(width + len(names) + 2, FOLLOWING_WEIGHT)
    weights[width:-2] = np.where(np.isin(names, list(VARIANT_UNITS)), VARIANT_WEIGHT, MEASURE_WEIGHT)
    weights[-2:] = COLOUR_WEIGHT
    kinds = tokens.kinds[tokens.words]
    own = np.flatnonzero((kinds == Kind.MEASURE) | (kinds == Kind.COLOUR) | audience[tokens.words])
    after = np.flatnonzero((tokens.rows[1:] == tokens.rows[:-1]) & (kinds[:-1] == Kind.WORD)) + 1
    after = after[np.isin(kinds[after], (Kind.NUMBER, Kind.CODE))]
    rows = np.concatenate([tokens.rows[own], tokens.rows[after]])
    slots = np.concatenate([slot[tokens.words[own]], tokens.words[after - 1]])
    told = np.concatenate([tokens.words[own], tokens.words[after]])
    keys, values = np.unique(slots * max(width, 1) + told, return_inverse=True)
    n = tokens.matrix.shape[0]
    return Attributes(
        _ones(rows, slots, (n, len(weights))),
        _ones(rows, values, (n, len(keys))),
        _ones(np.arange(len(keys)), keys // max(width, 1), (len(keys), len(weights))),
        weights,
    )


def _ones(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
