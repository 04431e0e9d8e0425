"""What two pictures say about identity: evidence for one product, never alone, for one stock photo serves several."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .candidates import IntArray, unique_pairs

Hashes = NDArray[np.uint64]

BITS = 6  # of 64 in which the perceptual hashes of one photograph differ at most: scaled, compressed again, framed
CANDIDATE_BITS = 3  # the same for pairs that nothing else brought together
CLOSE = 0.9  # least cosine: a hash alone takes two plain shapes for one
NATS = 1.0  # what a photograph of its own says for one product: a title's model code outvotes it
HOLDERS = 80  # rows that may show a photograph before it says nothing
PLAIN = 16  # bits of a hash that are set at least where a picture shows anything; in most half of them are
_BANDS = 4  # parts of a hash: of two that differ in fewer bits than there are parts, one part is the same


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The pictures of n rows.

    Args:
        hashes: uint64 (n,), 64-bit perceptual hashes (Zauner 2010); anything where a row has no picture.
        vectors: float32 (n, dim), rows of length 1, NaN where a row has no picture.

    Raises:
        ValueError: If their lengths differ.
    """

    hashes: Hashes
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.hashes) != len(self.vectors):
            raise ValueError(f"{len(self.vectors)} picture vectors need as many hashes, got {len(self.hashes)}")


def pairs_sharing_pictures(pictures: Pictures) -> tuple[IntArray, IntArray]:
    """Pair the rows whose pictures are nearly identical, where few enough rows show them to say anything.

    Args:
        pictures: Of n rows.

    Returns:
        Rows int64 (m,) and int64 (m,), the first below the second, no pair twice.
    """
    rows = np.flatnonzero(~np.isnan(pictures.vectors[:, 0]))
    hashes = pictures.hashes[rows]
    nothing = np.empty(0, dtype=np.int64)
    found = [_pairs_in_groups(hashes >> np.uint64(16 * band) & np.uint64(0xFFFF)) for band in range(_BANDS)]
    first = np.concatenate([nothing, *(a for a, _ in found)])
    second = np.concatenate([nothing, *(b for _, b in found)])
    close = np.bitwise_count(hashes[first] ^ hashes[second]) <= CANDIDATE_BITS
    return unique_pairs(rows[first[close]], rows[second[close]], len(pictures.hashes))


def _pairs_in_groups(values: Hashes) -> tuple[IntArray, IntArray]:
    """Pair all rows of one value with each other, for values that at most `HOLDERS` rows have."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] ^ np.uint64(1)))
    sizes = np.diff(np.append(starts, len(ordered)))
    place = np.arange(len(ordered)) - np.repeat(starts, sizes)
    behind = np.where(np.repeat(sizes, sizes) <= HOLDERS, np.repeat(sizes, sizes) - place - 1, 0)
    first = np.repeat(np.arange(len(ordered)), behind)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(behind) - behind, behind)
    return order[first], order[second]


def picture_scores(pictures: Pictures, first: IntArray, second: IntArray) -> NDArray[np.float64]:
    """Weigh what pictures say for pairs of rows being one product.

    Args:
        pictures: Of n rows.
        first: int64 (m,), one row of each pair.
        second: int64 (m,), the other row.

    Returns:
        float64 (m,), in nats, 0 or more: near-identical pictures speak for one product, the less the more rows show
        them, plain ones nothing, and different ones not against it.
    """
    _, inverse, counts = np.unique(pictures.hashes, return_inverse=True, return_counts=True)
    holders = counts[inverse]
    close = np.bitwise_count(pictures.hashes[first] ^ pictures.hashes[second]) <= BITS
    close &= np.bitwise_count(pictures.hashes[first]) >= PLAIN
    cosine = np.full(len(first), -1.0)
    cosine[close] = np.einsum("ij,ij->i", pictures.vectors[first[close]], pictures.vectors[second[close]])
    telling = 1 - np.log(np.maximum(holders[first], holders[second])) / np.log(HOLDERS)
    return np.where(cosine >= CLOSE, NATS * np.maximum(telling, 0), 0.0)  # NaN, for no picture, is no cosine
