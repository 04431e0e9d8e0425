import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from clustering.evoc import _on_sphere, evoc


def blobs(*, seed, count=4, size=60, dim=12):
    middles = 4 * np.random.default_rng(0).normal(size=(count, dim))
    truth = np.repeat(np.arange(count), size)
    return (middles[truth] + np.random.default_rng(seed).normal(size=(len(truth), dim))).astype(np.float32), truth


@pytest.mark.parametrize("unit", [True, False])
def test_dense_places_are_found_on_the_sphere_and_off_it(unit):
    vectors, truth = blobs(seed=1)
    others, _ = blobs(seed=2)
    if unit:
        vectors, others = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (vectors, others))

    found = evoc(vectors, seed=0, min_cluster_size=30)

    kept = found.labels >= 0
    assert kept.mean() > 0.5
    assert adjusted_rand_score(found.labels[kept], truth[kept]) > 0.9
    assert found.memberships[kept].min() > 0
    assert found.memberships[~kept].max(initial=0) == 0
    assert found.k in found.figures["scales"]
    assert adjusted_rand_score(found.model.predict(others)[0], truth) > 0.5


def test_a_seed_decides_and_suffices():
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)

    first, again, other = (evoc(vectors, seed=seed) for seed in (1, 1, 2))

    assert first.labels.tolist() == again.labels.tolist()
    assert first.memberships.tolist() == again.memberships.tolist()
    assert first.labels.tolist() != other.labels.tolist()


def test_rows_of_any_length_keep_their_nearest_neighbour_on_the_sphere():
    vectors = np.random.default_rng(0).normal(scale=0.3, size=(60, 5)).astype(np.float32)
    unit = _on_sphere(vectors)
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=2) + 99 * np.eye(60)

    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    nearest = (unit @ unit.T - 99 * np.eye(60)).argmax(axis=1)
    assert (nearest == distances.argmin(axis=1)).mean() > 0.8
    assert _on_sphere(unit) is unit


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"noise_level": 1.5}, "noise_level must be between 0 and 1, got 1.5"),
        ({"neighbours": 20}, "EVoC needs more rows than neighbours = 20, got 20: set fewer, or use kmeans"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValueError) as error:
        evoc(np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), seed=0, **options)
    assert str(error.value) == said


@pytest.mark.parametrize("columns", [1, 2])
def test_too_few_columns_are_refused_in_plain_words(columns):
    with pytest.raises(ValueError, match=f"EVoC needs at least 4 columns, got {columns}: use kmeans or hdbscan"):
        evoc(np.random.default_rng(0).normal(size=(50, columns)).astype(np.float32), seed=0)
