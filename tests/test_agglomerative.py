import numpy as np
import pytest
from scipy.cluster import hierarchy
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from clustering.agglomerative import agglomerative, cut, dendrogram

LINKAGES = ["ward", "average", "complete"]


def rows(*, seed, n=120, dim=5):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("seed", range(3))
def test_clusters_by_count_are_those_of_scikit_learn(seed, linkage):
    vectors = rows(seed=seed)
    theirs = AgglomerativeClustering(7, linkage=linkage).fit(vectors)

    found = agglomerative(vectors, seed=0, k=7, linkage=linkage)

    assert found.k == 7
    assert adjusted_rand_score(found.labels, theirs.labels_) == 1


@pytest.mark.parametrize("linkage", LINKAGES)
def test_clusters_by_distance_are_those_of_scikit_learn(linkage):
    vectors = rows(seed=1)
    theirs = AgglomerativeClustering(None, distance_threshold=3.0, linkage=linkage).fit(vectors)

    found = agglomerative(vectors, seed=0, threshold=3.0, linkage=linkage)

    assert found.k == theirs.n_clusters_
    assert adjusted_rand_score(found.labels, theirs.labels_) == 1
    assert found.figures["linkage"] == linkage
    assert found.figures["cut"] > 3.0


def test_the_tree_of_three_rows():
    merges = dendrogram(np.array([[0.0], [1.0], [5.0]], dtype=np.float32), "average")

    assert merges.tolist() == [[0, 1, 1, 2], [2, 3, 4.5, 3]]
    assert cut(merges, 0).tolist() == [0, 1, 2]
    assert cut(merges, 1).tolist() == [0, 0, 1]
    assert cut(merges, 2).tolist() == [0, 0, 0]


def test_any_number_of_merges_cuts_as_scipy_does():
    merges = dendrogram(rows(seed=2, n=40), "ward")

    for made in range(40):
        expected = hierarchy.cut_tree(merges, n_clusters=40 - made).ravel()
        assert adjusted_rand_score(cut(merges, made), expected) == 1


def test_one_cluster_and_every_row_its_own():
    vectors = rows(seed=0, n=9)

    assert agglomerative(vectors, seed=0, k=1).figures == {"linkage": "ward", "cut": None}
    assert agglomerative(vectors, seed=0, k=1).labels.tolist() == [0] * 9
    assert sorted(agglomerative(vectors, seed=0, k=9).labels.tolist()) == list(range(9))
    assert agglomerative(np.repeat(vectors[:2], 4, axis=0), seed=0, threshold=0.0).sizes.tolist() == [4, 4]


def test_new_rows_go_where_their_neighbours_are():
    vectors = rows(seed=0) + np.repeat([[0], [20], [40]], 40, axis=0).astype(np.float32)
    found = agglomerative(vectors, seed=0, k=3)

    assert found.model.predict(vectors + np.float32(0.1))[0].tolist() == found.labels.tolist()


@pytest.mark.parametrize("k", [50, 119])
def test_rows_keep_their_labels_when_they_come_again_in_clusters_of_one_or_two(k):
    found = agglomerative(rows(seed=0), seed=0, k=k)

    assert found.model.predict(rows(seed=0))[0].tolist() == found.labels.tolist()


@pytest.mark.parametrize("options", [{}, {"k": 2, "threshold": 1.0}])
def test_it_is_cut_by_one_of_two(options):
    with pytest.raises(ValueError) as error:
        agglomerative(rows(seed=0), seed=0, **options)
    assert str(error.value) == (
        "agglomerative is cut by k or by threshold, set one of the two; `assort choose-k` finds a k"
    )


def test_a_k_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"^k must be between 1 and 120 for 120 vectors, got 121$"):
        agglomerative(rows(seed=0), seed=0, k=121)


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
def test_the_tree_above_the_cut_joins_clusters_as_the_whole_tree_does(linkage):
    vectors = np.random.default_rng(4).normal(size=(60, 5)).astype(np.float32)

    found = agglomerative(vectors, seed=0, k=7, linkage=linkage)
    tree, whole = np.array(found.figures["tree"]), dendrogram(vectors, linkage)

    assert tree[:, 2].tolist() == whole[-6:, 2].tolist()
    assert tree[-1, 3] == 7
    for fewer in range(2, 7):  # cut anywhere, both trees part the rows alike
        leaves = cut(tree, 7 - fewer)
        assert adjusted_rand_score(leaves[found.labels], cut(whole, 60 - fewer)) == 1.0
