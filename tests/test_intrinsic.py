from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from clustering import intrinsic, ordered
from clustering.intrinsic import (
    Interval,
    KeptDistances,
    Sizes,
    calinski_harabasz,
    davies_bouldin,
    silhouette,
    silhouette_samples,
    size_figures,
)


def world(seed, *, n=60, k=6, dim=5, unit=False):
    """Random rows around random middles, a few labels wrong, clusters of very different sizes, some of one row."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.minimum(rng.geometric(0.3, n) - 1, k - 1))
    rng.shuffle(labels)
    vectors = 3 + rng.normal(size=(k, dim))[labels] + rng.normal(size=(n, dim)) * 0.5
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    labels[0] = labels.max() + 1
    if unit:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels


@pytest.fixture(params=[2048, 16, 3], ids=["one block", "some blocks", "many blocks"])
def blocks(request, monkeypatch):
    """Blocks that hold all, that hold several clusters, and that cut clusters in pieces."""
    monkeypatch.setattr(intrinsic, "BLOCK", request.param)
    monkeypatch.setattr(ordered, "BLOCK", request.param)
    monkeypatch.setattr(intrinsic, "_CENTRES", min(request.param, 3))


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_score_is_that_of_scikit_learn(seed, unit):
    vectors, labels = world(seed, unit=unit)

    exact = vectors.astype(np.float64)

    assert silhouette_samples(vectors, labels) == pytest.approx(metrics.silhouette_samples(exact, labels), abs=1e-6)
    assert silhouette(vectors, labels, seed=0).value == pytest.approx(metrics.silhouette_score(exact, labels))
    assert davies_bouldin(vectors, labels) == pytest.approx(metrics.davies_bouldin_score(exact, labels))
    assert calinski_harabasz(vectors, labels) == pytest.approx(metrics.calinski_harabasz_score(exact, labels))


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(3))
def test_distances_that_are_kept_score_one_partition_after_another(seed):
    vectors, labels = world(seed)
    rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:20])
    kept = KeptDistances(vectors, rows)
    halves = (np.arange(len(labels)) % 2).astype(np.int64)
    for each in (labels, halves):
        assert kept.silhouettes(each) == pytest.approx(silhouette_samples(vectors, each, rows), abs=1e-6)


@pytest.mark.usefixtures("blocks")
def test_noise_is_left_out_of_every_score():
    vectors, labels = world(4)
    noisy = labels.copy()
    noisy[labels == 1] = -1
    inside = noisy >= 0

    for score in (davies_bouldin, calinski_harabasz, lambda v, each: silhouette(v, each, seed=0).value):
        assert score(vectors, noisy) == score(vectors[inside], noisy[inside])


def test_rows_that_are_all_equal_inside_their_clusters_score_as_scikit_learn_has_it():
    vectors, labels = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0), np.repeat(np.arange(3), 4)

    assert silhouette(vectors, labels, seed=0) == Interval(1.0, 1.0, 1.0, 12)
    assert davies_bouldin(vectors, labels) == metrics.davies_bouldin_score(vectors, labels) == 0.0
    assert calinski_harabasz(vectors, labels) == metrics.calinski_harabasz_score(vectors, labels) == 1.0


def test_clusters_that_all_lie_on_one_another_score_nothing():
    vectors, labels = np.ones((6, 2), dtype=np.float32), np.repeat(np.arange(3), 2)

    assert silhouette(vectors, labels, seed=0).value == 0.0
    assert davies_bouldin(vectors, labels) == metrics.davies_bouldin_score(vectors, labels) == 0.0


def test_a_sample_is_scored_against_all_rows_so_that_its_mean_is_not_biased():
    vectors, labels = world(5, n=300)
    every = silhouette_samples(vectors, labels)

    found = [silhouette(vectors, labels, seed=seed, sample=40) for seed in range(60)]
    rows = np.array([3, 40, 7])

    assert silhouette_samples(vectors, labels, rows) == pytest.approx(every[rows])
    assert np.mean([each.value for each in found]) == pytest.approx(every.mean(), abs=0.01)
    assert all(each.low < each.value < each.high and each.sample == 40 for each in found)
    inside = sum(each.low <= every.mean() <= each.high for each in found)
    assert 53 <= inside <= 60  # 95 % of them should


def test_the_interval_closes_as_the_sample_nears_the_whole():
    vectors, labels = world(6, n=300)

    widths = [(one := silhouette(vectors, labels, seed=0, sample=m)).high - one.low for m in (30, 100, 290, 300)]

    assert widths == sorted(widths, reverse=True)
    assert widths[2] < widths[1] / 4  # by chance alone it would be near two thirds
    assert widths[-1] == 0.0


def test_the_seed_decides_which_rows_are_scored_and_suffices():
    vectors, labels = world(7, n=300)

    first, again, other = (silhouette(vectors, labels, seed=seed, sample=50) for seed in (1, 1, 2))

    assert first == again
    assert first.value != other.value


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [-1, -1, -1], [0, 0, -1]])
@pytest.mark.parametrize("score", [davies_bouldin, calinski_harabasz, silhouette_samples])
def test_what_cannot_be_compared_is_refused_with_the_numbers(score, labels):
    labels = np.array(labels)
    k, n = len(np.unique(labels[labels >= 0])), int((labels >= 0).sum())

    with pytest.raises(ValueError) as refused:
        score(np.eye(3, dtype=np.float32), labels)

    assert str(refused.value) == (
        "clusters can be compared where there are at least 2, and fewer than rows in them, "
        f"got {k} clusters of {n} rows"
    )


def test_a_sample_of_one_row_is_refused():
    vectors, labels = world(0)
    with pytest.raises(ValueError, match=r"^at least 2 rows must be scored for a silhouette, got sample=1$"):
        silhouette(vectors, labels, seed=0, sample=1)


def test_sizes_count_clusters_rows_and_noise():
    labels = np.array([5, 5, 5, 2, 2, 9, -1, -1])

    assert size_figures(labels) == Sizes(3, 3, 2.0, 1, 2, 0.25)
    assert replace(size_figures(labels[labels != 9]), noise_share=0) == Sizes(2, 3, 2.5, 0, 2, 0)
    assert size_figures(np.array([-1])) == Sizes(0, 0, 0.0, 0, 1, 1.0)
    assert size_figures(np.array([], dtype=np.int64)) == Sizes(0, 0, 0.0, 0, 0, 0.0)
