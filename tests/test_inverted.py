import numpy as np
import pytest

from graph import inverted
from graph.exact import exact_search
from graph.inverted import filed


def clustered(n: int, seed: int) -> np.ndarray:
    """Rows around 40 centres, as embedded texts lie around their subjects."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 24))[rng.integers(40, size=n)] + 0.4 * rng.normal(size=(n, 24))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_every_row_is_filed_once_in_a_cell_whose_members_it_is_among():
    vectors = clustered(3000, 0)
    file = filed(vectors, seed=1)
    assert sorted(file.members.tolist()) == list(range(3000))
    assert file.starts[0] == 0
    assert file.starts[-1] == 3000
    assert len(file.starts) == len(file.centres) + 1
    assert file.groups[-1] == len(file.centres)
    assert (file.reach[:, 0] == np.arange(len(file.centres))).all()


@pytest.mark.parametrize("seed", range(3))
def test_looking_into_every_cell_finds_what_comparing_every_pair_does(seed, monkeypatch):
    monkeypatch.setattr(inverted, "CELL", 60)
    base, queries = clustered(2000, seed), clustered(300, seed + 10)
    cosines, rows = filed(base, seed=seed).search(queries, 7, recall=1.0)
    expected, nearest = exact_search(queries, base, 7)
    assert (rows == nearest).all()
    np.testing.assert_allclose(cosines, expected, atol=1e-5)


def test_blocks_are_searched_apart_and_put_together(monkeypatch):
    base = clustered(3000, 4)
    whole = filed(base, seed=0).search(base, 5, recall=0.9)
    monkeypatch.setattr(inverted, "BLOCK", 700)
    parts = filed(base, seed=0).search(base, 5, recall=0.9)
    assert (whole[1] == parts[1]).all()
    np.testing.assert_allclose(whole[0], parts[0], atol=1e-6)  # a product of other matrices may round otherwise


def test_more_recall_is_asked_for_and_more_is_found():
    base = clustered(6000, 5)
    truth = exact_search(base, base, 10)[1]
    file = filed(base, seed=0)
    found = []
    for recall in (0.5, 0.9, 0.99):
        rows = file.search(base, 10, recall=recall)[1]
        found.append(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(rows, truth, strict=True)]))
        assert found[-1] >= recall - 0.02
    assert found == sorted(found)


def test_rows_fewer_than_asked_for_are_padded(monkeypatch):
    monkeypatch.setattr(inverted, "CELL", 20)
    monkeypatch.setattr(inverted, "MOST", 1)
    base = clustered(400, 6)
    cosines, rows = filed(base, seed=0).search(base, 60, recall=0.9)
    missing = rows < 0
    assert missing.any()
    assert np.isneginf(cosines[missing]).all()
    assert (np.diff(missing.astype(int), axis=1) >= 0).all()
    assert (cosines[:, 0] > 0.999).mean() > 0.9


@pytest.mark.parametrize("opposite", [1, 40])
def test_rows_nearly_all_the_same_are_filed_and_found(opposite, monkeypatch):
    monkeypatch.setattr(inverted, "PAIRS", 5000)
    base = np.repeat(np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]], np.float32), [4000 - opposite, opposite], axis=0)
    file = filed(base, seed=0)
    assert sorted(file.members.tolist()) == list(range(4000))
    cosines, _ = file.search(base, 3, recall=0.9)
    assert (cosines[: 4000 - opposite] == 1).all()
    assert (cosines[4000 - opposite :, 0] == 1).all()


def test_a_seed_suffices_and_matters():
    base = clustered(3000, 7)
    same = [filed(base, seed=3).members for _ in range(2)]
    assert (same[0] == same[1]).all()
    assert (filed(base, seed=4).members != same[0]).any()
