"""Find words that titles use only together, and words that titles start with: one name, and mostly the maker's.

"United Colors of Benetton" is one piece of evidence, not four; and it says who made a product, not which it is.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .tokens import IntArray, Kind, Tokens

TOGETHER = 0.8  # share of the more frequent word's titles in which the other stands beside it
LEADING = 0.5  # share of a word's titles that start with it


def find_compounds(tokens: Tokens) -> IntArray:
    """Number the phrases: words that are hardly ever without each other, side by side.

    Args:
        tokens: The titles' tokens.

    Returns:
        int64 (tokens,), the phrase of each token, from 0; a token that keeps no such company is a phrase of its own.
    """
    width = len(tokens.vocabulary)
    holders = np.bincount(tokens.matrix.indices, minlength=width)
    is_word = tokens.kinds[tokens.words] == Kind.WORD
    beside = (tokens.rows[1:] == tokens.rows[:-1]) & is_word[1:] & is_word[:-1]
    keys, times = np.unique(tokens.words[:-1][beside] * width + tokens.words[1:][beside], return_counts=True)
    left, right = np.divmod(keys, max(width, 1))
    bound = times >= TOGETHER * np.maximum(holders[left], holders[right])
    links = sparse.coo_matrix((np.ones(bound.sum()), (left[bound], right[bound])), shape=(width, width))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def leading_words(tokens: Tokens, phrases: IntArray) -> NDArray[np.bool_]:
    """Say which words titles mostly start with, and the words of one phrase with them.

    Args:
        tokens: The titles' tokens.
        phrases: int64 (tokens,), the phrase of each, as `find_compounds` numbers them.

    Returns:
        Booleans (tokens,).
    """
    width = len(tokens.vocabulary)
    holders = np.bincount(tokens.matrix.indices, minlength=width)
    first = tokens.words[np.diff(tokens.rows, prepend=-1) > 0]
    leads = (np.bincount(first, minlength=width) >= LEADING * holders) & (tokens.kinds == Kind.WORD)
    return np.asarray(np.bincount(phrases, weights=leads, minlength=width)[phrases] > 0, dtype=np.bool_)
