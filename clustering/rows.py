"""What methods ask of rows before they group them, and which rows each group has."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

UNIT = 1e-3  # by which the length of a row may differ from 1
LARGEST = 1e15  # either side of 0: squares of such values still add up to float32 numbers


def check_rows(vectors: FloatArray) -> None:
    """Refuse rows that no method can group.

    Args:
        vectors: float32 (n, d).

    Raises:
        ValueError: If there are fewer than two, they are empty or all identical, or a value is no finite number or past
            `LARGEST`.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise ValueError(f"rows need at least 1 value each, got an array of shape {vectors.shape}: give rows of values")
    if len(vectors) < 2:
        raise ValueError(f"clusters need at least 2 rows, got {len(vectors)}: index more products")
    check_values(vectors)
    if (vectors == vectors[0]).all():
        raise ValueError(
            f"all {len(vectors):,} rows are identical, there is nothing to tell apart: choose other vectors"
        )


def check_values(vectors: FloatArray) -> None:
    """Refuse values that distances cannot be measured with.

    Args:
        vectors: float32 (n, d).

    Raises:
        ValueError: If a value is no finite number, or past `LARGEST`.
    """
    largest = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
    wrong = np.flatnonzero(~np.isfinite(largest))
    if len(wrong):
        raise ValueError(
            f"{len(wrong):,} rows hold a value that is no finite number, the first is row {wrong[0]}: "
            "fill in or leave out such rows first"
        )
    wrong = np.flatnonzero(largest > LARGEST)
    if len(wrong):
        raise ValueError(
            f"values must be between -{LARGEST:g} and {LARGEST:g}, got {largest[wrong[0]]:g} in row {wrong[0]}, and "
            f"{len(wrong):,} such rows: scale the columns, or leave out such rows first"
        )


def check_sample(drawn: FloatArray) -> None:
    """Refuse a sample of rows that differ, where all that were drawn are the same.

    Args:
        drawn: float32 (sample, d), at least 1.

    Raises:
        ValueError: If they are.
    """
    if (drawn == drawn[0]).all():
        raise ValueError(f"all {len(drawn):,} rows of the sample are identical: set a larger sample")


def of_length_one(vectors: FloatArray) -> bool:
    """Say whether all rows, float32 (n, d), have length 1, so that their directions are all there is to them."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return bool((np.abs(lengths - 1) <= UNIT).all())


def members_of(labels: IntArray, k: int) -> sparse.csr_matrix:
    """Give the rows of each cluster, those of -1 left out: float32 (k, n), 1 where a row is in a cluster."""
    rows = np.flatnonzero(labels >= 0)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (labels[rows], rows)), shape=(k, len(labels)))
