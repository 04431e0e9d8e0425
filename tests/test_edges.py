import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.edges import Edges, combine, from_matrix


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def edges(*triples: tuple[int, int, float]) -> Edges:
    source, target, weight = zip(*triples, strict=True)
    return Edges(np.array(source, np.int64), np.array(target, np.int64), np.array(weight, np.float32))


def triples(of: Edges) -> list[tuple[int, int, float]]:
    return list(zip(of.source.tolist(), of.target.tolist(), of.weight.tolist(), strict=True))


def test_parallel_edges_are_summed_whichever_way_they_point():
    combined = combine(edges((2, 0, 0.5), (0, 1, 1.0)), edges((0, 2, 0.25), (2, 0, 0.25)), n=3)
    assert triples(combined) == [(0, 1, 1.0), (0, 2, 1.0)]


def test_combining_nothing_gives_no_edges():
    assert triples(combine(n=4)) == []
    assert triples(combine(Edges.none(), Edges.none(), n=0)) == []


def test_the_matrix_is_symmetric_with_an_empty_diagonal():
    assert edges((0, 1, 2.0), (2, 1, 3.0)).matrix(3).toarray().tolist() == [[0, 2, 0], [2, 0, 3], [0, 3, 0]]


def test_scaling_multiplies_every_weight():
    assert triples(edges((0, 1, 2.0), (2, 1, 3.0)).scaled(0.5)) == [(0, 1, 1.0), (2, 1, 1.5)]


def pair() -> st.SearchStrategy[tuple[int, int, float]]:
    row = st.integers(0, 5)
    return st.tuples(row, row, st.integers(1, 8).map(float)).filter(lambda triple: triple[0] != triple[1])


@given(st.lists(st.lists(pair(), min_size=1), max_size=3))
def test_combine_equals_a_dictionary_of_sums(lists):
    sums: dict[tuple[int, int], float] = {}
    for source, target, weight in (triple for each in lists for triple in each):
        key = (min(source, target), max(source, target))
        sums[key] = sums.get(key, 0) + weight
    combined = combine(*(edges(*each) for each in lists), n=6)
    assert triples(combined) == [(*key, sums[key]) for key in sorted(sums)]
    assert triples(from_matrix(combined.matrix(6))) == triples(combined)


ROW, ROWS, WEIGHT = np.zeros(1, np.int64), np.ones(2, np.int64), np.ones(1, np.float32)


@pytest.mark.parametrize(
    ("source", "target", "weight", "message"),
    [
        (np.zeros(1, np.int32), ROW + 1, WEIGHT, "source must be int64 (m,), got int32 (1,)"),
        (ROW, np.ones((1, 1), np.int64), WEIGHT, "target must be int64 (m,), got int64 (1, 1)"),
        (ROW, ROW + 1, np.ones(1), "weight must be float32 (m,), got float64 (1,)"),
        (ROW, ROWS, WEIGHT, "source, target and weight must have one length, got 1, 2 and 1"),
        (ROW - 3, ROW, WEIGHT, "row numbers must be 0 or more, got -3"),
        (ROW + 4, ROW + 4, WEIGHT, "an edge must join two different rows, got row 4 with itself"),
        (ROW, ROW + 1, WEIGHT * 0, "weights must be finite and greater than 0, got 0.0"),
        (ROW, ROW + 1, WEIGHT * np.nan, "weights must be finite and greater than 0, got nan"),
    ],
)
def test_wrong_edges_are_refused_by_name(source, target, weight, message):
    with pytest.raises(ValueError, match=exactly(message)):
        Edges(source, target, weight)


def test_an_edge_outside_the_graph_is_refused():
    with pytest.raises(ValueError, match=exactly("row numbers must be between 0 and 2 in a graph of 3 rows, got 3")):
        combine(edges((0, 3, 1.0)), n=3)
