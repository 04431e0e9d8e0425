import numpy as np
import pytest

from graph.edges import Edges
from graph.hierarchy import split


def ring_of_cliques(cliques=6, size=6, pairs=((0, 1), (2, 3), (4, 5)), *, between=0.5):
    """Cliques, of which pairs are tied by several weak edges, and all in a ring by one each."""
    source, target, weight = [], [], []
    for clique in range(cliques):
        rows = range(clique * size, (clique + 1) * size)
        for a in rows:
            for b in rows:
                if a < b:
                    source.append(a), target.append(b), weight.append(1.0)
        source.append(clique * size), target.append(((clique + 1) % cliques) * size + 1), weight.append(0.1)
    for a, b in pairs:
        for row in range(2, size):
            source.append(a * size + row), target.append(b * size + row), weight.append(between)
    return Edges(np.array(source), np.array(target), np.array(weight, np.float32)), cliques * size


def same_partition(first, second):
    together = np.unique(np.stack([first, second]), axis=1).shape[1]
    return together == len(np.unique(first)) == len(np.unique(second))


def nothing(n):
    return np.zeros(n, dtype=np.int64)


def test_low_resolutions_find_pairs_of_cliques_and_high_ones_inside_them_the_cliques():
    edges, n = ring_of_cliques(between=2.0)
    pairs = split(edges, nothing(n), resolution=0.5, seed=0)
    cliques = split(edges, pairs, resolution=3.0, seed=0)
    assert same_partition(pairs, np.arange(n) // 12)
    assert same_partition(cliques, np.arange(n) // 6)


def test_no_community_reaches_out_of_its_cluster_even_where_the_graph_would_join_them():
    edges, n = ring_of_cliques()
    across = np.arange(n) % 2
    found = split(edges, across, resolution=0.01, seed=0)
    assert len(np.unique(np.stack([found, across]), axis=1).T) == len(np.unique(found))


def test_the_first_level_is_modularity_as_leiden_knows_it():
    from graph.communities import leiden, modularity

    rng = np.random.default_rng(1)
    source, target = np.triu_indices(60, 1)
    same = source // 15 == target // 15
    kept = rng.random(len(source)) < np.where(same, 0.5, 0.05)
    edges = Edges(source[kept], target[kept], rng.uniform(0.5, 1.5, kept.sum()).astype(np.float32))
    ours = split(edges, nothing(60), resolution=1.0, seed=0, passes=10)
    theirs = leiden(edges, 60, seed=0, tolerance=0)
    assert modularity(edges, ours) == pytest.approx(modularity(edges, theirs), abs=0.01)


def test_a_seed_suffices():
    edges, n = ring_of_cliques(between=0.3)
    first, second = (split(edges, nothing(n), resolution=1.0, seed=4) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_rows_without_edges_inside_their_cluster_stay_alone():
    edges = Edges(np.array([0, 1]), np.array([1, 2]), np.ones(2, np.float32))
    assert len(set(split(edges, np.array([0, 0, 1]), resolution=0.1, seed=0).tolist())) == 2
    assert split(Edges.none(), nothing(3), resolution=1, seed=0).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"resolution": 0}, "resolution must be greater than 0, got 0"),
        ({"resolution": 1, "passes": 0}, "passes must be at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, error):
    edges, n = ring_of_cliques()
    with pytest.raises(ValueError) as refused:
        split(edges, nothing(n), seed=0, **options)
    assert str(refused.value) == error
