import numpy as np
import pytest

from clustering.outliers import far_members


def cluster(rng, n, middle):
    rows = middle + rng.normal(size=(n, len(middle))) * 0.1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute(vectors, labels):
    """The same, cluster by cluster."""
    far = np.zeros(len(labels), dtype=bool)
    for label in set(labels.tolist()) - {-1}:
        rows = np.flatnonzero(labels == label)
        if len(rows) < 5:
            continue
        centre = vectors[rows].sum(axis=0)
        cosines = vectors[rows] @ (centre / np.linalg.norm(centre)) / np.linalg.norm(vectors[rows], axis=1)
        spread = np.median(np.abs(cosines - np.median(cosines)))
        far[rows] = cosines < np.median(cosines) - 3 * 1.4826 * max(spread, 0.01)
    return far


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("seed", range(3))
def test_far_members_are_those_of_brute_force(seed, dtype):
    rng = np.random.default_rng(seed)
    vectors = np.concatenate([cluster(rng, n, middle) for n, middle in zip((40, 30, 20, 4), np.eye(4), strict=True)])
    labels = np.repeat([7, 2, 9, 1], [40, 30, 20, 4])
    strangers = rng.choice(94, 10, replace=False)
    labels[strangers] = rng.permutation(labels[strangers])
    labels[:3] = -1
    order = rng.permutation(94)

    found = far_members(vectors[order].astype(dtype), labels[order])

    assert found.tolist() == brute(vectors[order], labels[order]).tolist()
    assert found.any()


def test_a_stranger_among_equals_is_far_and_rounding_is_not():
    vectors = np.tile(np.array([1, 0], np.float32), (9, 1))
    vectors[3] = [0.9999, 0.0141]
    vectors[5] = [0, 1]

    assert np.flatnonzero(far_members(vectors, np.zeros(9, dtype=np.int64))).tolist() == [5]


def test_clusters_of_a_few_and_noise_have_no_far_members():
    vectors = np.eye(6, dtype=np.float32)
    assert not far_members(vectors, np.array([0, 0, 0, 0, -1, -1])).any()
    assert not far_members(vectors, np.full(6, -1)).any()
