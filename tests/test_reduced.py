import numpy as np
import pytest

from clustering import reduced as module
from clustering.centroids import Centroids
from clustering.density import Density
from clustering.models import from_bytes, to_bytes
from clustering.reduced import Reduced

LINE = np.array([[0.0], [10.0]], dtype=np.float32)


def test_a_new_row_lies_among_its_nearest_weighted_by_the_inverse_square_of_distance():
    rows = np.array([[0, 0], [4, 0], [100, 0]], dtype=np.float16)
    places = np.array([[0.0], [10.0], [500.0]], dtype=np.float32)
    model = Reduced(rows, places, Centroids(LINE, spherical=False), near=2)

    placed = model.place(np.array([[1, 0], [2, 0]], dtype=np.float32))

    np.testing.assert_allclose(placed, [[1.0], [5.0]], rtol=1e-6)  # weights 1 and 1/9, then 1/4 and 1/4
    assert model.predict(np.array([[1, 0], [3, 0]], dtype=np.float32))[0].tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_row_that_was_kept_lies_where_it_lay(seed):
    rng = np.random.default_rng(seed)
    vectors, places = rng.normal(size=(50, 6)).astype(np.float32), rng.normal(size=(50, 2)).astype(np.float32)
    inner = Centroids(places[:3], spherical=False)

    model = Reduced.of(vectors, places, np.zeros(50, np.int64), inner, seed=0)

    np.testing.assert_allclose(model.place(vectors), places, atol=1e-3)


def test_few_rows_are_kept_with_their_own_places(monkeypatch):
    monkeypatch.setattr(module, "ROWS_KEPT", 10)
    vectors = np.arange(40, dtype=np.float32)[:, None]

    model = Reduced.of(vectors, 2 * vectors, np.repeat([0, 1], 20), Centroids(LINE, spherical=False), seed=0)

    assert len(model.rows) == 10
    assert model.places.tolist() == (2 * model.rows.astype(np.float32)).tolist()


def test_the_inner_model_is_kept_with_it_whatever_its_kind():
    places = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    ones = np.ones(1, np.float32)
    inner = Density(places, np.array([0, 0, -1]), np.ones(3, np.float32), ones * 0.1, ones, reach=1)
    model = Reduced(np.eye(3, dtype=np.float16), places, inner)

    again, _ = from_bytes(to_bytes(model, {}))

    assert isinstance(again, Reduced)
    assert isinstance(again.inner, Density)
    assert to_bytes(again, {}) == to_bytes(model, {})
    assert again.settings() == {"near": 15, "inner": {"kind": "density", "settings": {"reach": 1}}}
