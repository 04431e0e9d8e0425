import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from clustering import mixture as module
from clustering.mixture import Mixture, mixture

SHAPES = ["full", "tied", "diag", "spherical"]


def world(*, seed, size=80):
    """Three Gaussians of different widths: k-means would cut the wide one."""
    rng = np.random.default_rng(seed)
    middles, widths = np.array([[0, 0], [0, 3], [14, 0]]), np.array([[2.0, 0.2], [2.0, 0.2], [1.0, 1.0]])
    truth = np.repeat(np.arange(3), size)
    return (middles[truth] + widths[truth] * rng.normal(size=(3 * size, 2))).astype(np.float32), truth


@pytest.mark.parametrize("seed", [0, 2, 5])  # a search of one start finds a fourth with one seed in three
def test_bic_finds_how_many_gaussians_there_are(seed):
    vectors, truth = world(seed=seed)

    found = mixture(vectors, seed=seed, k_most=6)

    assert found.k == 3
    assert adjusted_rand_score(found.labels, truth) > 0.95
    assert list(found.figures["bic"]) == ["1", "2", "3", "4", "5", "6"]
    assert min(found.figures["bic"], key=found.figures["bic"].get) == "3"
    assert (found.figures["covariance"], found.figures["converged"]) == ("full", True)


def test_k_is_searched_on_some_rows_with_one_start_until_bic_no_longer_falls(monkeypatch):
    vectors, truth = world(seed=0)
    asked, told, fit = [], [], GaussianMixture.fit
    monkeypatch.setattr(module, "SEARCHED", 200)
    monkeypatch.setattr(
        GaussianMixture,
        "fit",
        lambda self, rows: asked.append((self.n_components, self.n_init, len(rows))) or fit(self, rows),
    )

    found, again = (mixture(vectors, seed=0, starts=5, progress=told.append) for _ in range(2))

    assert asked[: len(asked) // 2] == [*((k, 1, 200) for k in range(1, 8)), (3, 5, 240)]
    assert found.figures["k_chosen"] == "k = 3 has the lowest BIC of 1 to 7, on 200 of 240 rows"
    assert adjusted_rand_score(found.labels, truth) > 0.95
    assert found.labels.tolist() == again.labels.tolist()
    assert (told[:2], sum(told)) == ([6, 6], 480)
    assert "k_chosen" not in mixture(vectors, seed=0, k=3).figures


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussians_are_as_likely_as_scikit_learns_best_of_ten(shape):
    vectors, _ = world(seed=0)
    theirs = GaussianMixture(3, covariance_type=shape, n_init=10, random_state=0).fit(vectors)

    found = mixture(vectors, seed=0, k=3, covariance=shape, starts=10)

    assert list(found.figures["bic"]) == ["3"]
    assert found.figures["bic"]["3"] < 1.02 * theirs.bic(vectors)
    assert found.model.covariance == shape


@pytest.mark.parametrize("shape", SHAPES)
def test_memberships_are_the_posterior_and_new_rows_have_one_too(shape):
    vectors, _ = world(seed=1)

    found = mixture(vectors, seed=0, k=4, covariance=shape)
    labels, memberships = found.model.predict(vectors)

    assert labels.tolist() == found.labels.tolist()
    assert memberships.tolist() == found.memberships.tolist()
    assert 1 / 4 <= memberships.min() < 0.99 < memberships.max() <= 1


def test_a_posterior_is_what_bayes_says():
    model = Mixture(np.array([0.75, 0.25]), np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]), "diag")

    labels, memberships = model.predict(np.array([[0.0], [1.0], [9.0]], dtype=np.float32))

    assert labels.tolist() == [0, 0, 1]
    np.testing.assert_allclose(memberships[:2], [3 / (3 + np.exp(-2)), 0.75], rtol=1e-6)


def test_many_rows_are_placed_block_by_block(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    model = mixture(vectors, seed=0, k=3).model
    labels, memberships = model.predict(vectors)
    asked = []
    posterior = GaussianMixture.predict_proba
    monkeypatch.setattr(module, "BLOCK", 20)
    monkeypatch.setattr(
        GaussianMixture, "predict_proba", lambda self, rows: asked.append(len(rows)) or posterior(self, rows)
    )

    again = model.predict(vectors)

    assert asked == [20, 20, 10]
    assert again[0].tolist() == labels.tolist()
    np.testing.assert_allclose(again[1], memberships, rtol=1e-6)


def test_a_seed_decides_and_suffices():
    vectors = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)

    first, again, other = (mixture(vectors, seed=seed, k=6) for seed in (1, 1, 2))

    assert first.labels.tolist() == again.labels.tolist()
    assert first.labels.tolist() != other.labels.tolist()


def test_constant_columns_and_copies_of_rows_do_no_harm():
    vectors = np.repeat(np.eye(4, dtype=np.float32)[:3], 20, axis=0)

    found = mixture(vectors, seed=0, k=3)

    assert found.sizes.tolist() == [20, 20, 20]
    assert found.memberships.min() > 0.99


def test_a_gaussian_without_rows_is_left_out():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)

    found = mixture(vectors, seed=0, k=5)

    assert found.k == len(found.model.weights) == 2
    assert found.model.weights.sum() == pytest.approx(1)


def test_wide_rows_get_gaussians_along_the_axes():
    vectors = np.random.default_rng(0).normal(size=(100, 65)).astype(np.float32)
    assert mixture(vectors, seed=0, k=2).figures["covariance"] == "diag"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 7}, "k must be between 1 and 6 for 6 vectors, got 7"),
        ({"k_least": 9}, "k must be between 1 and 6 for 6 vectors, got 9"),
        ({"k_least": 5, "k_most": 4}, "k_least must be between 1 and k_most = 4, got 5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, said):
    with pytest.raises(ValueError) as error:
        mixture(np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32), seed=0, **options)
    assert str(error.value) == said
