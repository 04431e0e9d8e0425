"""Decide which rows are offers of one product: join what is close enough, keep apart what says it is something else.

Pairs that share a rare token or lie close together are scored by evidence for and against, in nats, as record linkage
adds up weights (Fellegi and Sunter 1969); average linkage then turns scores into clusters. The rarest thing that two
titles share decides most: of the d titles that hold a token a handful are offers of one product, so a small d says same
and a large one nothing. Without a shared model code nearly all of the titles must agree, and more than one rare word:
in a small catalogue a brand, and any odd word, is in as few titles as the name of one product.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .attributes import read_attributes
from .candidates import pairs_in_cells, pairs_sharing_tokens, unique_pairs
from .compounds import find_compounds, leading_words
from .linkage import average_linkage
from .pictures import Pictures, pairs_sharing_pictures, picture_scores
from .tokens import IntArray, Kind, Tokens, read_tokens

FloatArray = NDArray[np.float64]

# Weights in nats, the same for every catalogue; chosen on invented and public ones, most of them flat around it.
GROUP = 80.0  # titles that may share a code before it no longer speaks for one product
COPIES = 45  # rows that may share a title to the letter before it names no product
LONG_CODE, LONG_NUMBER = 4, 5  # characters from which a code or number names a product
WORD_DISCOUNT = 1.0  # other tokens must be rarer than such names by this: they describe
BRAND_SHARE = 0.015  # of all titles that may hold a word which titles start with, a brand, before it says nothing
SECOND = 300.0  # titles that may hold the second rarest thing shared: one rare word alone may be chance
SECOND_SHARE = 0.05  # of all titles that may, likewise
SECOND_LEAST = -3.0  # the most that a common one takes away
CODE_OVERLAP = 4.0  # for each unit of overlap (weighted Jaccard) of titles that share a name
WORD_OVERLAP = 6.0  # the same without a name: then nearly everything must agree
HALF = 0.5  # overlap that speaks neither for nor against
TELLING = 120.0  # titles that may hold a word that tells products apart: "zebra", not "puppet"; and the share of all
TELLING_SHARE = 0.03  # titles that may, for in a small catalogue every word is in few
WORD_CONFLICT = 0.8  # for each nat by which such words of one title are rarer, without a name in common
FIGURE_CONFLICT = 2.0  # for each number one title has instead of the other's, without a name in common
CLOSENESS = 2.0  # for each unit of cosine above that of loosely related titles:
LOOSE = 0.5
CODE_CONFLICT = 1.3  # each title has a code that the other lacks, and they share none
CODE_WEIGHT = 0.14  # further, for each nat of rarity of such codes
NUMBER_CONFLICT = 0.3  # for each number one title has instead of the other's, in any case
BRAND_CONFLICT = 8.0  # each names a brand, and they differ
NO_BRAND = ("", "unknown", "generic", "unbranded", "none", "na", "n")  # what catalogues write where they know none
SOURCE_BONUS = 1.0  # with sources known, a wrong partner is mostly kept out by the right one
BOUND = 6.0  # no single pair outvotes a cluster
MISSING = -1.0  # score of a pair that was not worth looking at
NEIGHBOURS = 20  # partners through tokens
NEAR = 5  # partners through vectors
NEARBY_CELLS = 8
MAX_HOLDERS = 100  # titles that may hold a token before it brings no pairs of its own
CHUNK = 50_000  # pairs scored at once; bounds memory


def refine_identity(
    vectors: NDArray[np.float32],
    titles: Sequence[str],
    cells: IntArray,
    *,
    brands: Sequence[str] | None = None,
    sources: IntArray | None = None,
    pictures: Pictures | None = None,
    progress: Callable[[int], object] | None = None,
) -> IntArray:
    """Label every row with the product it is an offer of.

    A row without a title has no evidence of identity and stays alone. Nothing is random: same input, same labels.

    Args:
        vectors: float32 (n, d), text embeddings, rows of length 1.
        titles: n titles; an empty one where the catalogue has none.
        cells: int64 (n,), from 0, the blocks that vectors are compared in, as k-means gives them.
        brands: n brands, empty where unknown; rows of two known brands are hardly one product.
        sources: int64 (n,), who offers the row, -1 where unknown; two rows of one known source are never one product.
        pictures: Of the n rows; near-identical ones speak for one product, but no pair is joined by them alone.
        progress: Called with the number of pairs scored since it was last called.

    Returns:
        Labels int64 (n,), from 0 in order of each product's first row.

    Raises:
        ValueError: If the inputs differ in length.
    """
    n = len(vectors)
    hashes = None if pictures is None else pictures.hashes
    for name, given in (
        ("titles", titles), ("cells", cells), ("brands", brands), ("sources", sources), ("pictures", hashes),
    ):  # fmt: skip
        if given is not None and len(given) != n:
            raise ValueError(f"{name} must have one entry for each of the {n} vectors, got {len(given)}")
    tokens = read_tokens(titles)
    first, second = _candidates(vectors, tokens, cells, pictures)
    shops = np.full(n, -1) if sources is None else sources
    possible = _possible(first, second, shops, _generic_titles(titles))
    first, second = first[possible], second[possible]
    scores = pair_scores(vectors, tokens, first, second, progress=progress)
    scores += SOURCE_BONUS * ((shops[first] >= 0) & (shops[second] >= 0))
    if pictures is not None:
        scores += picture_scores(pictures, first, second)
    if brands is not None:
        makers = _makers(brands)
        scores -= BRAND_CONFLICT * ((makers[first] != makers[second]) & (makers[first] > 0) & (makers[second] > 0))
    return average_linkage(n, first, second, np.clip(scores, -BOUND, BOUND), missing=MISSING, sources=sources)


def _possible(first: IntArray, second: IntArray, shops: IntArray, generic: IntArray) -> NDArray[np.bool_]:
    """Say which pairs may be one product: not two offers of one shop, nor of unknown shops under one generic title."""
    known = (shops[first] >= 0) & (shops[second] >= 0)
    one_generic_title = (generic[first] >= 0) & (generic[first] == generic[second])
    return np.asarray(np.where(known, shops[first] != shops[second], ~one_generic_title), dtype=np.bool_)


def _generic_titles(titles: Sequence[str]) -> IntArray:
    """Number the titles that too many rows share to the letter for it to name one product; -1 for all others."""
    numbers: dict[str, int] = {}
    numbered = np.array([numbers.setdefault(title.casefold(), len(numbers)) for title in titles], dtype=np.int64)
    copies = np.bincount(numbered, minlength=1)
    return np.where(copies[numbered] > COPIES, numbered, -1)


def _makers(brands: Sequence[str]) -> IntArray:
    """Number brands by their first word, "Sony Corp." as "Sony"; 0 where a brand says nothing."""
    numbers = dict.fromkeys(NO_BRAND, 0)
    number_of = {
        brand: numbers.setdefault(re.sub(r"\W.*", "", brand.strip().casefold(), flags=re.DOTALL), len(numbers))
        for brand in dict.fromkeys(brands)
    }
    return np.array([number_of[brand] for brand in brands], dtype=np.int64)


def _candidates(
    vectors: NDArray[np.float32], tokens: Tokens, cells: IntArray, pictures: Pictures | None
) -> tuple[IntArray, IntArray]:
    """Pair the rows worth scoring; rows without a title are left out."""
    titled = np.diff(tokens.matrix.indptr) > 0
    by_token = pairs_sharing_tokens(tokens.matrix, neighbours=NEIGHBOURS, max_holders=MAX_HOLDERS)
    by_vector = pairs_in_cells(vectors, np.where(titled, cells, -1), neighbours=NEAR, nearby=NEARBY_CELLS)
    found = [by_token, by_vector]
    if pictures is not None:
        first, second = pairs_sharing_pictures(pictures)
        both = titled[first] & titled[second]
        found.append((first[both], second[both]))
    first, second = (np.concatenate(side) for side in zip(*found, strict=True))
    return unique_pairs(first, second, len(vectors))


def pair_scores(
    vectors: NDArray[np.float32],
    tokens: Tokens,
    first: IntArray,
    second: IntArray,
    *,
    progress: Callable[[int], object] | None = None,
) -> FloatArray:
    """Weigh the evidence that two rows are one product.

    Args:
        vectors: float32 (n, d), rows of length 1.
        tokens: The n titles' tokens.
        first: int64 (m,), one row of each pair.
        second: int64 (m,), the other row.
        progress: Called with the number of pairs scored since it was last called.

    Returns:
        float64 (m,), in nats: above zero speaks for one product, below against.
    """
    attributes = read_attributes(tokens)
    weigh = _TitleEvidence(tokens)
    scores = np.empty(len(first))
    for start in range(0, len(first), CHUNK):
        a, b = first[start : start + CHUNK], second[start : start + CHUNK]
        cosine = np.einsum("ij,ij->i", vectors[a], vectors[b])
        scores[start : start + CHUNK] = weigh(a, b) + CLOSENESS * (cosine - LOOSE) - attributes.conflict(a, b)
        if progress is not None:
            progress(len(a))
    return scores


class _TitleEvidence:
    """What shared and unshared tokens say, with everything that does not depend on the pair worked out once."""

    def __init__(self, tokens: Tokens) -> None:
        kinds, n = tokens.kinds, tokens.matrix.shape[0]
        lengths = np.array([len(token) for token in tokens.vocabulary], dtype=np.int64)
        holders = np.maximum(np.bincount(tokens.matrix.indices, minlength=len(kinds)), 1)
        code, number = kinds == Kind.CODE, kinds == Kind.NUMBER
        names = (code & (lengths >= LONG_CODE)) | (number & (lengths >= LONG_NUMBER))
        rarity = np.log((n + 1) / holders)
        phrases = find_compounds(tokens)
        words = np.bincount(phrases)[phrases]  # of each token's phrase, which counts once
        most = min(TELLING, TELLING_SHARE * n)
        telling = np.maximum(np.log(np.maximum(most, 1) / holders), 0) * (kinds == Kind.WORD)
        self.matrix = tokens.matrix
        self.naming = np.where(names, np.log(GROUP / holders), -np.inf)
        self.describing = np.where(names, -np.inf, np.log(GROUP / holders) - WORD_DISCOUNT)
        brand = np.log(max(BRAND_SHARE * n, 1) / holders)
        self.describing = np.where(leading_words(tokens, phrases), np.minimum(self.describing, brand), self.describing)
        self.seconding = _one_of_each(phrases, np.log(max(min(SECOND, SECOND_SHARE * n), 1) / holders))
        self.weights = np.stack([rarity**2 / words, telling / words, code, code * rarity, number], axis=1)
        self.totals = tokens.matrix @ self.weights

    def __call__(self, first: IntArray, second: IntArray) -> FloatArray:
        """Weigh the titles of each pair, float64 (m,)."""
        shared = self.matrix[first].multiply(self.matrix[second]).tocsr()
        common = shared @ self.weights
        low, high = np.sort([self.totals[first], self.totals[second]], axis=0)
        overlap = common[:, 0] / np.maximum(low[:, 0] + high[:, 0] - common[:, 0], 1e-9) - HALF
        _, words, codes, code_rarity, numbers = (low - common).T
        by_name = _largest_in_rows(shared, self.naming) + CODE_OVERLAP * overlap
        by_text = _largest_in_rows(shared, self.describing) + WORD_OVERLAP * overlap
        by_text += np.clip(_second_largest_in_rows(shared, self.seconding), SECOND_LEAST, 0)
        by_text -= WORD_CONFLICT * words + FIGURE_CONFLICT * numbers
        no_code = (codes > 0) & (common[:, 2] == 0)
        against = CODE_CONFLICT * no_code + CODE_WEIGHT * code_rarity + NUMBER_CONFLICT * numbers
        return np.asarray(np.maximum(by_name, by_text) - against)


def _largest_in_rows(matrix: sparse.csr_matrix, weights: FloatArray) -> FloatArray:
    """Find the largest weight among the columns each row holds; minus infinity when it holds none."""
    return _largest_entries(matrix, weights[matrix.indices])


def _largest_entries(matrix: sparse.csr_matrix, values: FloatArray) -> FloatArray:
    """Find the largest of the values that stand for each row's entries, likewise."""
    largest = np.full(matrix.shape[0], -np.inf)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled):
        largest[filled] = np.maximum.reduceat(values, matrix.indptr[filled])
    return largest


def _second_largest_in_rows(matrix: sparse.csr_matrix, weights: FloatArray) -> FloatArray:
    """Find the second largest weight, likewise; no two weights may be the same."""
    values = weights[matrix.indices]
    values[values == np.repeat(_largest_in_rows(matrix, weights), np.diff(matrix.indptr))] = -np.inf
    return _largest_entries(matrix, values)


def _one_of_each(phrases: IntArray, weights: FloatArray) -> FloatArray:
    """Leave a weight to the first word of each phrase only, and make no two the same."""
    first = np.unique(phrases, return_index=True)[1]
    left = np.full(len(weights), -np.inf)
    left[first] = weights[first] - 1e-9 * first
    return left
