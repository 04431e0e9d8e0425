import re

import networkx as nx
import numpy as np
import pytest

from graph.edges import Edges
from graph.shoppers import Links, attach, lift_edges, linked_rows, shopper_edges, view_edges


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def links(*pairs: tuple[int, int]) -> Links:
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T.copy()
    return Links(source, target)


def weights(edges: Edges) -> dict[tuple[int, int], float]:
    return dict(zip(zip(edges.source.tolist(), edges.target.tolist(), strict=True), edges.weight.tolist(), strict=True))


def test_links_both_ways_twice_and_to_oneself_make_one_edge():
    assert weights(view_edges(links((2, 0), (0, 2), (2, 0), (1, 1)), 3)) == {(0, 2): 1.0}


def test_a_link_matrix_keeps_the_direction():
    assert links((2, 0), (2, 0), (1, 1), (0, 1)).matrix(3).toarray().tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_lift_compares_a_link_with_what_degrees_predict(seed):
    pairs = np.random.default_rng(seed).integers(30, size=(120, 2))
    graph = nx.Graph([(i, j) for i, j in pairs.tolist() if i != j])
    raw = {
        (min(i, j), max(i, j)): np.log1p(2 * graph.number_of_edges() / (graph.degree[i] * graph.degree[j]))
        for i, j in graph.edges
    }
    mean = np.mean(list(raw.values()))
    found = weights(lift_edges(links(*map(tuple, pairs.tolist())), 30))
    assert found == pytest.approx({pair: weight / mean for pair, weight in raw.items()}, rel=1e-5)


def test_a_best_sellers_links_say_less_than_a_niche_products():
    hub = [(0, other) for other in range(1, 9)]
    found = weights(lift_edges(links(*hub, (1, 2), (9, 10)), 11))
    assert found[9, 10] > found[1, 2] > found[0, 3]


def test_a_basket_adds_to_also_buy_and_also_view_counts_less():
    found = weights(shopper_edges(links((0, 1), (2, 3)), links((4, 5)), links((2, 3)), 6))
    assert found == pytest.approx({(0, 1): 1.0, (2, 3): 1.5, (4, 5): 0.3})


def test_a_catalogue_without_links_has_no_edges():
    assert len(shopper_edges(Links.none(), Links.none(), Links.none(), 3)) == 0


def test_products_without_links_are_joined_to_linked_neighbours_only():
    likeness = Edges(np.array([0, 2, 2, 1]), np.array([1, 3, 0, 2]), np.array([1.0, 1.0, 0.5, 0.8], np.float32))
    shoppers = Edges(np.array([0]), np.array([1]), np.ones(1, np.float32))
    assert weights(attach(shoppers, likeness, 4)) == pytest.approx({(0, 1): 1.0, (0, 2): 0.05, (1, 2): 0.08})


def test_without_any_link_likeness_is_all_there_is():
    likeness = Edges(np.array([0]), np.array([1]), np.ones(1, np.float32))
    assert weights(attach(Edges.none(), likeness, 4)) == {(0, 1): 1.0}


def test_a_product_is_linked_when_it_lists_another_or_is_listed():
    assert linked_rows(links((0, 1), (2, 2)), links((4, 0)), n=6).tolist() == [True, True, False, False, True, False]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros(1), np.zeros(1, np.int64), "source must be int64 (m,), got float64 (1,)"),
        (np.zeros(2, np.int64), np.zeros(1, np.int64), "source and target must have one length, got 2 and 1"),
        (np.zeros(1, np.int64), np.array([-1]), "row numbers must be 0 or more, got -1"),
    ],
)
def test_wrong_links_are_refused_by_name(source, target, message):
    with pytest.raises(ValueError, match=exactly(message)):
        Links(source, target)


def test_a_link_outside_the_catalogue_is_refused():
    with pytest.raises(ValueError, match=exactly("row numbers must be between 0 and 4 in a graph of 5 rows, got 7")):
        lift_edges(links((0, 7)), 5)
