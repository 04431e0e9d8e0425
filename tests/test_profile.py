from itertools import combinations

import numpy as np
import pytest

from graph.communities import leiden
from graph.edges import Edges
from graph.knn import knn_edges
from graph.profile import Plateau, Point, Profile, resolution_profile, resolutions_around


def ring_of_cliques(cliques, size):
    pairs = [
        (start + a, start + b) for start in range(0, cliques * size, size) for a, b in combinations(range(size), 2)
    ]
    pairs += [(start + size - 1, (start + size) % (cliques * size)) for start in range(0, cliques * size, size)]
    source, target = np.array(pairs).T
    return Edges(np.minimum(source, target), np.maximum(source, target), np.ones(len(pairs), np.float32))


def cut_of(edges, n, **options):
    return lambda resolution, seed: leiden(edges, n, seed=seed, resolution=resolution, **options)


@pytest.mark.parametrize("null_model", ["configuration", "uniform"])
def test_a_ring_of_cliques_has_its_plateau_at_the_cliques(null_model):
    cut = cut_of(ring_of_cliques(10, 8), 80, null_model=null_model)
    found = resolution_profile(cut, resolutions_around(1.0), seed=0)
    assert found.clear
    assert found.plateaus[0].clusters == (10, 10)
    assert found.plateaus[0].stability == 1.0
    assert len(np.unique(cut(found.resolution, 99))) == 10
    assert found.reason.startswith("10 clusters from resolution ")


def test_cliques_of_cliques_have_a_plateau_at_each_level_and_a_range_picks_one():
    rng = np.random.default_rng(0)
    level = np.arange(120) // 10 // 4
    chance = np.where(np.equal.outer(level, level), 0.25, 0.004)
    chance[np.equal.outer(np.arange(120) // 10, np.arange(120) // 10)] = 1
    source, target = np.nonzero(np.triu(rng.uniform(size=chance.shape) < chance, 1))
    cut = cut_of(Edges(source, target, np.ones(len(source), np.float32)), 120)
    found = resolution_profile(cut, resolutions_around(1.0), seed=0)
    assert {plateau.clusters for plateau in found.plateaus} == {(3, 3), (12, 12)}
    for clusters in ((2, 5), (6, 30)):
        wanted = resolution_profile(cut, resolutions_around(1.0), seed=0, clusters=clusters)
        assert len(np.unique(cut(wanted.resolution, 7))) == {5: 3, 30: 12}[clusters[1]]


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_has_no_plateau(seed):
    rows = np.random.default_rng(seed).normal(size=(300, 20)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = resolution_profile(cut_of(knn_edges(rows, 10), 300), resolutions_around(1.0, 11), seed=seed)
    assert (found.clear, found.plateaus) == (False, ())
    assert found.reason.startswith("no plateau: the number of clusters depends on the resolution throughout; at ")


def scripted(partitions):
    """Cut as told: resolution -> labels, whatever the seed; a list gives one a seed."""

    def cut(resolution, seed):
        told = partitions[resolution]
        return np.array(told[seed] if isinstance(told[0], list) else told)

    return cut


HALVES, QUARTERS = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3]


def test_points_tell_clusters_sizes_and_agreement():
    other = [0, 0, 0, 1, 1, 1, 1, 1]
    cut = scripted({1.0: [0] * 8, 2.0: HALVES, 4.0: HALVES, 8.0: HALVES, 16.0: [HALVES, other]})
    found = resolution_profile(cut, [1.0, 2.0, 4.0, 8.0, 16.0], seed=0, seeds=2)
    assert found.points[:4] == (
        Point(1.0, 1, 1.0, 1.0, 0.0),
        Point(2.0, 2, 0.5, 1.0, 1.0),
        Point(4.0, 2, 0.5, 1.0, 1.0),
        Point(8.0, 2, 0.5, 1.0, pytest.approx(0.75, abs=0.05)),
    )
    assert (found.points[4].largest, found.points[4].carried) == (0.5625, None)
    assert found.plateaus == (Plateau(2.0, 8.0, (2, 2), 1.0),)
    assert found.resolution == pytest.approx(4.0)
    assert (
        found.reason
        == "2 clusters from resolution 2 to 8, 1 plateau found; agreement between seeds and neighbours 1.00"
    )


def test_one_single_cluster_is_no_plateau_however_long():
    cut = scripted({**dict.fromkeys([1.0, 2.0, 4.0, 8.0, 16.0], [0] * 8), 32.0: HALVES, 64.0: HALVES, 128.0: HALVES})
    found = resolution_profile(cut, [2.0**power for power in range(8)], seed=0)
    assert found.plateaus == (Plateau(32.0, 128.0, (2, 2), 1.0),)


def test_as_many_clusters_of_other_members_are_no_plateau():
    crossed = [0, 1, 0, 1, 0, 1, 0, 1]
    cut = scripted({1.0: HALVES, 2.0: crossed, 4.0: HALVES})
    assert resolution_profile(cut, [1.0, 2.0, 4.0], seed=0).plateaus == ()


def test_the_longer_plateau_comes_first():
    at = {1.0: HALVES, 1.5: HALVES, 2.0: HALVES, 3.0: QUARTERS, 9.0: QUARTERS, 27.0: QUARTERS}
    found = resolution_profile(scripted(at), list(at), seed=0)
    assert [plateau.clusters for plateau in found.plateaus] == [(4, 4), (2, 2)]
    assert found.resolution == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("clusters", "resolution", "reason"),
    [
        (
            (6, 30),
            4.0,
            "no resolution from 1 to 4 makes 6 to 30 clusters, they make 2 to 4; at 4 it is 4: ask for another range, "
            "or set a resolution by hand",
        ),
        (
            (3, 3),
            1.0,
            "no resolution from 1 to 4 makes 3 clusters, they make 2 to 4; at 1 it is 2: ask for another range, or set "
            "a resolution by hand",
        ),
    ],
)
def test_where_no_resolution_makes_a_number_that_is_wanted_the_reason_says_so(clusters, resolution, reason):
    cut = scripted({1.0: HALVES, 2.0: HALVES, 4.0: QUARTERS})
    found = resolution_profile(cut, [1.0, 2.0, 4.0], seed=0, clusters=clusters)
    assert (found.resolution, found.clear, found.plateaus, found.reason) == (resolution, False, (), reason)


def test_where_there_is_but_one_cluster_the_reason_says_so():
    found = resolution_profile(scripted({1.0: [0] * 8, 2.0: [0] * 8}), [1.0, 2.0], seed=0)
    assert found.reason == (
        "no resolution from 1 to 2 makes 2 or more clusters, they make 1 to 1; at 1 it is 1: try other vectors, or set "
        "a resolution by hand"
    )


def test_the_seed_suffices_and_matters():
    rows = np.random.default_rng(0).normal(size=(150, 9)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cut = cut_of(knn_edges(rows, 8), 150)
    first, again, other = (resolution_profile(cut, [0.5, 1.0, 2.0], seed=seed) for seed in (1, 1, 50))
    assert isinstance(first, Profile)
    assert first == again
    assert first != other


def test_every_cut_is_told():
    told = []
    resolution_profile(scripted({1.0: HALVES, 2.0: HALVES}), [1.0, 2.0], seed=0, seeds=4, progress=told.append)
    assert told == [1] * 8


def test_resolutions_lie_around_the_usual_one():
    assert resolutions_around(4.5, 3) == pytest.approx([0.45, 4.5, 45])


@pytest.mark.parametrize(
    ("resolutions", "seeds", "message"),
    [
        ([1.0], 3, "resolutions must be at least 2, above 0 and rising, got [1.0]"),
        ([2.0, 1.0], 3, "resolutions must be at least 2, above 0 and rising, got [2.0, 1.0]"),
        ([0.0, 1.0], 3, "resolutions must be at least 2, above 0 and rising, got [0.0, 1.0]"),
        ([1.0, 2.0], 1, "stability takes at least 2 seeds, got 1"),
    ],
)
def test_a_profile_needs_resolutions_and_seeds(resolutions, seeds, message):
    with pytest.raises(ValueError) as error:
        resolution_profile(scripted({}), resolutions, seed=0, seeds=seeds)
    assert str(error.value) == message


def test_a_cluster_for_each_row_is_no_finding():
    def cut(resolution, seed):
        return np.arange(12) if resolution > 1 else np.arange(12) // 4

    profile = resolution_profile(cut, [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0], seed=0)

    assert profile.clear
    assert profile.resolution <= 1
    assert "3 clusters" in profile.reason
