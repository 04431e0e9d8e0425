import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from clustering.depict import Depict, depict, standardised
from clustering.depict_network import Network, hidden_units, sharpened, student_t
from clustering.depict_training import Plan, Trainer
from clustering.models import from_bytes, to_bytes

SHORT = {"pretraining": 8, "epochs": 8, "patience": 8}


def blobs(count, size, *, seed, dims=12, spread=0.3):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(count, dims))
    truth = np.repeat(np.arange(count), size)
    return (centres[truth] + spread * rng.normal(size=(len(truth), dims)) + 5).astype(np.float32), truth


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def found():
    vectors, _ = blobs(4, 50, seed=3)
    return vectors, depict(vectors, 4, seed=3, **SHORT)


@pytest.fixture(scope="module")
def digits():
    rows, truth = load_digits(return_X_y=True)
    return rows.astype(np.float32), truth


@pytest.mark.parametrize("seed", range(3))
def test_depict_knows_digits_better_than_k_means_does(digits, seed):
    vectors, truth = digits
    plain = KMeans(10, n_init=10, random_state=seed).fit_predict(vectors)

    deep = depict(vectors, 10, seed=seed, pretraining=20, epochs=25, learning_rate=2e-3)

    assert deep.k == 10
    grades = [normalized_mutual_info_score(truth, labels) for labels in (plain, deep.labels)]
    assert grades[1] > grades[0] + 0.03


@pytest.mark.parametrize("rows", [lambda vectors: vectors, unit], ids=["any length", "length 1"])
def test_depict_finds_well_separated_blobs(rows):
    vectors, truth = blobs(3, 60, seed=1)

    deep = depict(rows(vectors), 3, seed=1, **SHORT)

    assert adjusted_rand_score(truth, deep.labels) == 1
    assert deep.memberships.dtype == np.float32
    assert deep.memberships.min() > 1 / 3
    assert deep.memberships.max() <= 1


def test_a_seed_decides_and_suffices_whatever_the_process_drew_before():
    vectors = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)

    torch.manual_seed(1)
    first = depict(vectors, 9, seed=4, **SHORT)
    torch.manual_seed(2)
    again, other = depict(vectors, 9, seed=4, **SHORT), depict(vectors, 9, seed=5, **SHORT)

    assert to_bytes(first.model, {}) == to_bytes(again.model, {})
    assert np.array_equal(first.labels, again.labels)
    assert first.figures == again.figures
    assert adjusted_rand_score(first.labels, other.labels) < 0.99


def test_the_process_keeps_its_random_numbers_and_threads():
    vectors, _ = blobs(2, 20, seed=0)
    before = torch.get_rng_state(), np.random.get_state()[1], torch.get_num_threads()  # noqa: NPY002

    depict(vectors, 2, seed=0, pretraining=1, epochs=1)

    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == torch.get_num_threads()


def test_predict_gives_the_rows_it_was_fitted_on_their_labels_and_memberships(found):
    vectors, deep = found

    labels, memberships = deep.model.predict(vectors)

    assert np.array_equal(labels, deep.labels)
    assert np.array_equal(memberships, deep.memberships)


def test_new_rows_go_where_their_like_are(found):
    vectors, deep = found
    near = vectors + np.random.default_rng(0).normal(scale=0.1, size=vectors.shape).astype(np.float32)

    assert np.array_equal(deep.model.predict(near)[0], deep.labels)


def test_a_model_survives_its_file_bit_for_bit(found):
    vectors, deep = found

    content = to_bytes(deep.model, {"on": "features"})
    model, about = from_bytes(content)

    assert about == {"on": "features"}
    assert isinstance(model, Depict)
    assert to_bytes(model, about) == content
    for ours, theirs in zip(deep.model.predict(vectors), model.predict(vectors), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_model_encodes_as_the_network_it_was_made_of():
    network = Network(7, 3, 32, seed=1, device="cpu")
    rows = np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)
    model = Depict(np.zeros(7, np.float32), 1.0, tuple(network.weights()), np.eye(3, dtype=np.float32))

    with torch.no_grad():
        expected = network.means(torch.from_numpy(rows))
        shares = student_t(expected, torch.eye(3))

    np.testing.assert_allclose(model.encode(rows), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.predict(rows)[1], shares.numpy().max(axis=1), atol=1e-5)


def test_losses_fall_and_are_kept_an_epoch(found):
    _, deep = found
    losses = deep.figures["losses"]
    first = [losses["pretraining_reconstruction"], losses["pretraining_prior"]]
    second = [losses["reconstruction"], losses["prior"], losses["clustering"]]

    assert len(losses) == 5
    assert {len(values) for values in first} == {deep.figures["pretraining_epochs"]}
    assert {len(values) for values in second} == {deep.figures["epochs"]}
    assert first[0][-1] < 0.8 * first[0][0]
    assert second[0][-1] < first[0][-1]
    assert second[2][-1] < max(second[2])
    assert deep.figures["device"] in {"cpu", "cuda"}


def test_training_stops_once_rows_stay_where_they_are():
    vectors, _ = blobs(3, 40, seed=2)

    deep = depict(vectors, 3, seed=2, pretraining=10, epochs=50, patience=2)

    assert deep.figures["stopped_early"]
    assert 2 <= deep.figures["epochs"] < 50


def test_training_goes_back_an_epoch_and_stops_when_clusters_lose_all_their_rows():
    vectors = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)

    deep = depict(vectors, 40, seed=0, pretraining=10, epochs=60, clustering_weight=10.0)

    assert deep.figures["stopped_for_empty_clusters"]
    assert deep.figures["stopped_early"]
    assert deep.figures["epochs"] < 60
    assert 38 <= deep.k == 40 - deep.figures["empty_clusters"]


def test_pretraining_stops_once_its_loss_falls_no_more():
    vectors, _ = blobs(2, 20, seed=2)

    deep = depict(vectors, 2, seed=2, pretraining=40, epochs=1, patience=2, learning_rate=1e-9)

    assert deep.figures["pretraining_stopped_early"]
    assert deep.figures["pretraining_epochs"] < 40
    assert not deep.figures["stopped_early"]


@pytest.mark.parametrize(("limit", "share"), [(1e-3, 1.0), (1e6, 0.0)])
def test_gradients_longer_than_the_limit_are_clipped_to_it(limit, share):
    vectors, _ = blobs(2, 40, seed=0)
    network = Network(12, 3, 32, seed=0, device="cpu")
    plan = Plan(32, 1e-3, limit, 5, 0.2, 0.01, 3.0)
    trainer = Trainer(network, lambda rows: vectors[rows], len(vectors), plan, seed=0, done=lambda: None)

    course = trainer.pretrain(2)

    length = float(torch.cat([part.grad.ravel() for part in network.parameters]).norm())
    assert length <= 1.001 * limit
    assert (length > 0.99 * limit) == bool(share)
    assert course.clipped / course.steps == share


@pytest.mark.parametrize("phases", [{"pretraining": 3, "epochs": 1}, {"pretraining": 0, "epochs": 2}])
def test_training_that_diverges_blames_the_learning_rate(phases):
    vectors, _ = blobs(2, 20, seed=0)

    with pytest.raises(ValueError) as error:
        depict(vectors, 2, seed=0, learning_rate=1e6, **phases)
    assert str(error.value) == "training diverged at learning_rate=1e+06: set a smaller one"


def test_figures_tell_how_many_steps_were_clipped():
    vectors, _ = blobs(2, 20, seed=0)

    clipped = [
        depict(vectors, 2, seed=0, pretraining=2, epochs=1, gradient_norm=norm).figures["clipped"]
        for norm in (1e-6, 1e6)
    ]

    assert clipped == [1.0, 0.0]


def test_clusters_that_no_row_is_in_are_left_out_and_counted():
    different, _ = blobs(5, 1, seed=0)
    vectors = np.repeat(different, 30, axis=0)

    deep = depict(vectors, 8, seed=0, **SHORT)

    assert deep.k <= 5
    assert np.array_equal(np.unique(deep.labels), np.arange(deep.k))
    assert deep.figures["empty_clusters"] == 8 - deep.k
    assert len(deep.model.centres) == deep.k


def test_rows_that_are_all_identical_are_one_cluster():
    deep = depict(np.ones((40, 5), np.float32), 2, seed=0, pretraining=1, epochs=1)

    assert deep.labels.tolist() == [0] * 40


def test_rows_are_standardised_by_one_scale_and_constant_columns_do_no_harm():
    vectors, truth = blobs(3, 40, seed=5)
    vectors = np.column_stack([vectors, np.full(len(vectors), 7, np.float32)])

    deep = depict(vectors, 3, seed=5, **SHORT)

    rows = standardised(vectors, deep.model.mean, deep.model.scale)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    assert rows.var(axis=0).mean() == pytest.approx(1, rel=1e-4)
    assert adjusted_rand_score(truth, deep.labels) == 1


def test_progress_counts_every_row_once_even_when_training_stops_early():
    vectors, _ = blobs(2, 30, seed=0)
    told = []

    depict(vectors, 2, seed=0, pretraining=3, epochs=30, patience=1, progress=told.append)

    assert sum(told) == 60
    assert min(told) > 0


@pytest.mark.parametrize("k", [1, 11])
def test_too_few_and_too_many_clusters_are_refused(k):
    with pytest.raises(ValueError) as refused:
        depict(np.eye(10, dtype=np.float32), k, seed=0)
    assert str(refused.value) == f"k must be between 2 and 10 for 10 vectors, got {k}"


def test_hiding_every_value_is_refused():
    with pytest.raises(ValueError) as refused:
        depict(np.eye(10, dtype=np.float32), 2, seed=0, noise=1.0)
    assert str(refused.value) == "noise must be at least 0 and below 1, got 1.0"


def test_rows_of_another_width_are_refused(found):
    _, deep = found
    with pytest.raises(ValueError, match="the model knows rows of 12 values"):
        deep.model.predict(np.zeros((2, 5), np.float32))


def test_student_t_and_targets_are_those_of_the_paper():
    rng = np.random.default_rng(0)
    latents, centres = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))
    q = 1 / (1 + cdist(latents, centres, "sqeuclidean"))
    q /= q.sum(axis=1, keepdims=True)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)

    shares = student_t(torch.tensor(latents), torch.tensor(centres))
    targets = sharpened(shares, shares.sum(dim=0))

    np.testing.assert_allclose(shares.numpy(), q, atol=1e-9)
    np.testing.assert_allclose(targets.numpy(), p, atol=1e-9)


@pytest.mark.parametrize(("n", "dims", "units"), [(10_000, 384, 256), (10_000, 11, 64), (300, 384, 128), (20, 4, 32)])
def test_the_network_is_as_wide_as_rows_and_their_number_allow(n, dims, units):
    assert hidden_units(n, dims) == units
