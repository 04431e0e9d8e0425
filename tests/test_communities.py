import re

import networkx as nx
import numpy as np
import pytest

from graph.communities import absorb, by_size, leiden, modularity
from graph.edges import Edges, combine


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def edges(pairs: list[tuple[int, int]], weight: float = 1.0) -> Edges:
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T.copy()
    return Edges(source, target, np.full(len(pairs), weight, np.float32))


def clique(rows: range) -> list[tuple[int, int]]:
    return [(i, j) for i in rows for j in rows if i < j]


def random_graph(seed: int) -> tuple[Edges, nx.Graph, int]:
    """Eight planted groups of 15, weighted, with links across."""
    planted = nx.planted_partition_graph(8, 15, 0.5, 0.04, seed=seed)
    pairs = sorted(tuple(sorted(pair)) for pair in planted.edges)
    weight = np.random.default_rng(seed).uniform(0.5, 2, len(pairs)).astype(np.float32)
    source, target = np.array(pairs, np.int64).T.copy()
    planted.add_weighted_edges_from(zip(source.tolist(), target.tolist(), weight.tolist(), strict=True))
    return Edges(source, target, weight), planted, 120


@pytest.mark.parametrize("null_model", ["configuration", "uniform"])
def test_leiden_finds_two_cliques_joined_by_one_edge(null_model):
    graph = edges([*clique(range(5)), *clique(range(5, 11)), (0, 10)])
    assert leiden(graph, 11, seed=0, null_model=null_model).tolist() == [1] * 5 + [0] * 6


def test_a_row_without_edges_is_a_community_of_its_own():
    assert leiden(edges([(1, 2), (1, 4), (2, 4)]), 5, seed=0).tolist() == [1, 0, 0, 2, 0]
    assert leiden(Edges.none(), 3, seed=0).tolist() == [0, 1, 2]
    assert leiden(Edges.none(), 0, seed=0).tolist() == []


def test_labels_are_int64_by_size_and_among_equals_by_first_row():
    assert by_size(np.array([7, 3, 3, 9, 7, 5, 5, 5])).tolist() == [1, 2, 2, 3, 1, 0, 0, 0]
    labels = leiden(edges([*clique(range(4, 8)), *clique(range(4))]), 8, seed=3)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("seed", range(4))
def test_modularity_is_that_of_networkx(seed):
    graph, planted, n = random_graph(seed)
    labels = np.random.default_rng(seed).integers(6, size=n)
    groups = [set(np.flatnonzero(labels == label).tolist()) for label in range(6)]
    for resolution in (0.5, 1.0, 3.0):
        expected = nx.community.modularity(planted, groups, weight="weight", resolution=resolution)
        assert modularity(graph, labels, resolution=resolution) == pytest.approx(expected, abs=1e-6)


def test_modularity_without_edges_is_nothing():
    assert modularity(Edges.none(), np.arange(3)) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_leiden_is_at_least_as_modular_as_louvain_of_networkx(seed):
    graph, planted, n = random_graph(seed)
    louvain = nx.community.louvain_communities(planted, weight="weight", seed=seed)
    theirs = nx.community.modularity(planted, louvain, weight="weight")
    assert modularity(graph, leiden(graph, n, seed=seed)) >= theirs - 0.01


def test_the_uniform_null_model_at_the_density_of_a_group_is_the_constant_potts_model():
    # A clique of 4 whose pairs weigh 1 stays whole while each pair must weigh less than 1, and falls apart beyond.
    graph = edges([*clique(range(4)), *clique(range(4, 8))])
    density = 12 / 28
    assert leiden(graph, 8, seed=0, null_model="uniform", resolution=0.99 / density).max() == 1
    assert leiden(graph, 8, seed=0, null_model="uniform", resolution=1.01 / density).max() == 7


def test_a_seed_suffices_and_matters():
    rng = np.random.default_rng(0)
    source, target = rng.integers(300, size=(2, 900))
    other = source != target
    graph = combine(Edges(source[other], target[other], np.ones(other.sum(), np.float32)), n=300)
    assert (leiden(graph, 300, seed=5) == leiden(graph, 300, seed=5)).all()
    assert len({leiden(graph, 300, seed=seed).tobytes() for seed in range(4)}) > 1


def test_more_resolution_makes_more_communities():
    graph, _, n = random_graph(0)
    counts = [leiden(graph, n, seed=0, resolution=resolution).max() + 1 for resolution in (0.1, 1, 10)]
    assert counts == sorted(set(counts))


def test_rows_of_small_communities_join_where_their_ties_are_densest():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3])
    graph = edges([(7, 0), (7, 4), (8, 7)])
    # Row 7 has one tie to each, and row 4's community is smaller; row 8 knows only row 7 and follows it.
    assert absorb(labels, graph, smallest=3).tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_rows_without_a_way_to_a_large_community_keep_theirs():
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert absorb(labels, edges([(3, 4)]), smallest=3).tolist() == [0, 0, 0, 1, 1, 2]
    assert absorb(np.array([0, 1]), edges([(0, 1)]), smallest=5).tolist() == [0, 1]
    assert absorb(np.empty(0, np.int64), Edges.none(), smallest=5).tolist() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 0.0}, "resolution must be greater than 0, got 0.0"),
        ({"resolution": float("nan")}, "resolution must be greater than 0, got nan"),
        ({"tolerance": 1.0}, "tolerance must be at least 0 and below 1, got 1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=exactly(message)):
        leiden(edges([(0, 1)]), 2, seed=0, **options)


def test_an_edge_outside_the_graph_is_refused():
    message = "row numbers must be between 0 and 1 in a graph of 2 rows, got 2"
    for call in (lambda e: leiden(e, 2, seed=0), lambda e: modularity(e, np.arange(2))):
        with pytest.raises(ValueError, match=exactly(message)):
            call(edges([(0, 2)]))


@pytest.mark.parametrize("null_model", ["configuration", "uniform"])
def test_both_implementations_find_the_same_plain_communities_and_are_repeatable(null_model):
    graph = edges([*clique(range(6)), *clique(range(6, 11)), (0, 6)])
    ours = leiden(graph, 11, seed=0, null_model=null_model)
    theirs = leiden(graph, 11, seed=0, null_model=null_model, implementation="leidenalg")
    assert theirs.tolist() == ours.tolist() == [0] * 6 + [1] * 5


def test_a_smaller_tolerance_finds_no_less_and_none_at_all_ends():
    graph, _, n = random_graph(2)
    found = [modularity(graph, leiden(graph, n, seed=1, tolerance=tolerance)) for tolerance in (0.9, 1e-4, 0)]
    assert found == sorted(found)


def test_networkit_finds_communities_as_modular():
    pytest.importorskip("networkit")
    graph, _, n = random_graph(1)
    theirs = leiden(graph, n, seed=0, implementation="networkit")
    assert modularity(graph, theirs) == pytest.approx(modularity(graph, leiden(graph, n, seed=0)), abs=0.01)
