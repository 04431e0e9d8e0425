import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from graph.ridge import Reach, conjugate_gradient, largest

N = 30


def world(seed: int) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """Rows of a sparse matrix, some of them to explain, and up to 6 others for each."""
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((N, N), density=0.2, rng=rng, format="csr", dtype=np.float32)
    rows = rng.permutation(N)[:9]
    others = np.stack([rng.permutation(np.setdiff1d(np.arange(N), [row]))[:6] for row in rows])
    others[rng.random(others.shape) < 0.3] = -1
    return matrix, rows, others


def nothing(rows: int) -> sparse.csr_array:
    return sparse.csr_array((rows, N), dtype=np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ridge", [0.1, 50.0])
def test_fitted_rows_are_those_of_a_ridge_regression_on_the_others(seed, ridge):
    matrix, rows, others = world(seed)
    reach = Reach(matrix, rows, others, nothing(len(rows)))
    fitted = np.zeros((len(rows), N), np.float32)
    fitted[reach.row, reach.column] = reach.fitted(ridge)
    dense = matrix.toarray()
    for place, row in enumerate(rows):
        some = dense[others[place][others[place] >= 0]]
        weights = Ridge(alpha=ridge, fit_intercept=False).fit(some.T, dense[row]).coef_ if len(some) else np.zeros(0)
        assert fitted[place] == pytest.approx(weights @ some, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_columns_in_reach_are_the_products_its_others_and_those_besides(seed):
    matrix, rows, others = world(seed)
    besides = sparse.random_array((len(rows), N), density=0.05, rng=seed, format="csr", dtype=np.float32)
    reach = Reach(matrix, rows, others, besides)
    dense = matrix.toarray()
    for place, row in enumerate(rows):
        linked = dense[[row, *others[place][others[place] >= 0]]].any(axis=0) | (besides.toarray()[place] > 0)
        assert reach.column[reach.row == place].tolist() == np.flatnonzero(linked).tolist()
    assert (reach.at(besides) == besides.toarray()[reach.row, reach.column]).all()


def test_a_product_is_fitted_the_same_to_the_last_bit_alone_and_in_company():
    matrix, rows, others = world(0)
    together = Reach(matrix, rows, others, nothing(len(rows)))
    fitted = together.fitted(0.1)
    for place in range(len(rows)):
        alone = Reach(matrix, rows[[place]], others[[place]], nothing(1)).fitted(0.1)
        assert alone.tolist() == fitted[together.row == place].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_conjugate_gradient_solves_each_system_as_lapack_does(seed):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(7, 20, 20))
    systems = (half @ half.transpose(0, 2, 1) + 10 * np.eye(20)).astype(np.float32)
    wanted = rng.normal(size=(7, 20)).astype(np.float32)
    wanted[3] = 0
    solved = conjugate_gradient(lambda vectors: np.einsum("bij,bj->bi", systems, vectors), wanted)
    assert solved == pytest.approx(np.linalg.solve(systems, wanted[:, :, None])[:, :, 0], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_largest_first_is_a_stable_sort_of_each_row(seed):
    rng = np.random.default_rng(seed)
    row = np.sort(rng.integers(8, size=200))
    values = rng.choice(np.array([1e-30, 0.1, 0.5, 2, 3e30], np.float32), 200)
    assert largest(row, values).tolist() == np.lexsort((np.arange(200), -values, row)).tolist()


def test_nothing_to_order_is_no_order():
    assert largest(np.empty(0, np.int64), np.empty(0, np.float32)).tolist() == []
