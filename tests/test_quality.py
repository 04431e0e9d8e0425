import networkx as nx
import numpy as np
import pytest

from graph.communities import modularity
from graph.edges import Edges
from graph.quality import conductance, coverage


def world(seed, *, n=40, m=90, k=5):
    """A random graph with weights, and random communities."""
    rng = np.random.default_rng(seed)
    pairs = np.unique(np.sort(rng.integers(0, n, (m, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    weight = rng.uniform(0.1, 3, len(pairs)).astype(np.float32)
    return Edges(pairs[:, 0].copy(), pairs[:, 1].copy(), weight), rng.integers(0, k, n)


def as_networkx(edges, n):
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from(
        zip(edges.source.tolist(), edges.target.tolist(), edges.weight.astype(float).tolist(), strict=True)
    )
    return graph


@pytest.mark.parametrize("seed", range(5))
def test_grades_are_those_of_networkx(seed):
    edges, labels = world(seed)
    graph = as_networkx(edges, len(labels))
    communities = [set(np.flatnonzero(labels == label).tolist()) for label in range(5)]

    assert modularity(edges, labels) == pytest.approx(nx.community.modularity(graph, communities))
    inside = sum(graph.subgraph(rows).size(weight="weight") for rows in communities)
    assert coverage(edges, labels) == pytest.approx(inside / graph.size(weight="weight"))
    expected = [nx.conductance(graph, rows, weight="weight") for rows in communities]
    assert conductance(edges, labels) == pytest.approx(expected)


def test_coverage_without_weights_is_that_of_networkx():
    edges, labels = world(9)
    even = Edges(edges.source, edges.target, np.ones(len(edges), np.float32))
    communities = [set(np.flatnonzero(labels == label).tolist()) for label in range(5)]

    expected, _ = nx.community.partition_quality(as_networkx(even, len(labels)), communities)

    assert coverage(even, labels) == pytest.approx(expected)


def test_two_triangles_joined_by_one_edge_have_their_known_grades():
    pairs = np.array([[0, 1], [1, 2], [0, 2], [3, 4], [4, 5], [3, 5], [2, 3]])
    edges = Edges(pairs[:, 0].copy(), pairs[:, 1].copy(), np.ones(7, np.float32))
    labels = np.array([0, 0, 0, 1, 1, 1])

    assert coverage(edges, labels) == pytest.approx(6 / 7)
    assert conductance(edges, labels).tolist() == [1 / 7, 1 / 7]


def test_a_community_without_edges_and_one_that_has_them_all_have_no_conductance():
    edges = Edges(np.array([0]), np.array([1]), np.ones(1, np.float32))

    assert np.isnan(conductance(edges, np.array([0, 0, 2]))).all()
    assert coverage(edges, np.array([0, 0, 2])) == 1.0
    assert coverage(Edges.none(), np.array([0, 1])) == 1.0


def test_an_edge_outside_the_labels_is_refused():
    edges = Edges(np.array([0]), np.array([5]), np.ones(1, np.float32))
    for grade in (coverage, conductance):
        with pytest.raises(ValueError, match=r"^row numbers must be between 0 and 1 in a graph of 2 rows, got 5$"):
            grade(edges, np.array([0, 1]))
