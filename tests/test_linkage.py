import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering

from clustering.linkage import average_linkage


def random_pairs(n, count, rng):
    first, second = np.triu_indices(n, 1)
    chosen = rng.choice(len(first), count, replace=False)
    return first[chosen], second[chosen], rng.normal(size=count)


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@pytest.mark.parametrize("seed", range(10))
def test_on_all_pairs_it_is_average_linkage_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    n = 40
    first, second, scores = random_pairs(n, n * (n - 1) // 2, rng)
    distances = np.zeros((n, n))
    distances[first, second] = distances[second, first] = -scores

    expected = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=0).fit_predict(
        distances
    )

    assert same_partition(average_linkage(n, first, second, scores, missing=-1), expected)


def merge_one_by_one(n, first, second, scores, *, missing, sources):
    """The same by the book: merge the best allowed pair of clusters until none is above zero."""
    table = np.full((n, n), float(missing))
    table[first, second] = table[second, first] = scores
    clusters = [[row] for row in range(n)]
    while True:
        best, pair = 0.0, None
        for b in range(len(clusters)):
            for a in range(b):
                held = [sources[row] for row in clusters[a] + clusters[b] if sources[row] >= 0]
                mean = table[np.ix_(clusters[a], clusters[b])].mean()
                if mean > best and len(held) == len(set(held)):
                    best, pair = mean, (a, b)
        if pair is None:
            break
        clusters[pair[0]] += clusters.pop(pair[1])
    labels = np.empty(n, int)
    for label, rows in enumerate(clusters):
        labels[rows] = label
    return labels


@pytest.mark.parametrize("seed", range(10))
def test_a_sparse_graph_gives_what_merging_one_pair_at_a_time_gives(seed):
    rng = np.random.default_rng(seed)
    first, second, scores = random_pairs(25, 90, rng)

    expected = merge_one_by_one(25, first, second, scores, missing=-0.3, sources=np.full(25, -1))

    assert same_partition(average_linkage(25, first, second, scores, missing=-0.3), expected)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_two_rows_of_one_source_never_share_a_cluster(seed, n, shops):
    rng = np.random.default_rng(seed)
    first, second, scores = random_pairs(n, n * (n - 1) // 2, rng)
    sources = rng.integers(-1, shops, n)

    labels = average_linkage(n, first, second, scores + 1, missing=0, sources=sources)

    held = [(label, source) for label, source in zip(labels, sources, strict=True) if source >= 0]
    assert len(held) == len(set(held))
    together = nx.Graph([(a, b) for a, b, s in zip(first, second, scores + 1, strict=True) if s > 0])
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label).tolist()
        assert len(rows) == 1 or nx.is_connected(together.subgraph(rows))


def test_a_strong_pair_keeps_a_second_offer_of_the_same_source_out():
    first, second = np.array([0, 1]), np.array([1, 2])
    scores, sources = np.array([1.0, 2.0]), np.array([7, 8, 7])

    assert average_linkage(3, first, second, scores, missing=0, sources=sources).tolist() == [0, 1, 1]
    assert average_linkage(3, first, second, scores, missing=0).tolist() == [0, 0, 0]


def test_missing_pairs_speak_against_a_chain():
    first, second, scores = np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([2.0, 1.0, 2.0])

    assert average_linkage(4, first, second, scores, missing=-1).tolist() == [0, 0, 1, 1]
    assert average_linkage(4, first, second, scores, missing=0).tolist() == [0, 0, 0, 0]


def test_ties_all_around_a_ring_still_come_to_an_end():
    rows = np.arange(6)

    labels = average_linkage(6, rows, (rows + 1) % 6, np.ones(6), missing=0)

    assert labels.tolist() == [0] * 6


def test_no_pairs_leave_every_row_alone():
    none = np.empty(0, np.int64)

    assert average_linkage(3, none, none, np.empty(0), missing=-1).tolist() == [0, 1, 2]
    assert average_linkage(0, none, none, np.empty(0), missing=-1).tolist() == []


def test_unknown_sources_forbid_nothing():
    labels = average_linkage(2, np.array([0]), np.array([1]), np.ones(1), missing=-1, sources=np.array([-1, -1]))

    assert labels.tolist() == [0, 0]


def test_a_missing_score_above_zero_is_refused():
    none = np.empty(0, np.int64)

    with pytest.raises(ValueError, match=r"^missing must not be above 0, or unrelated rows would merge, got 0.5$"):
        average_linkage(2, none, none, np.empty(0), missing=0.5)
