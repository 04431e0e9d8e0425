import numpy as np
import pytest

from clustering.fused import expected_cosine, fused_cosines, fused_vectors, has_vector


def directions(n, dim, seed, *, lean=0.0):
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    vectors[:, 0] += lean
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def lacking(vectors, *rows):
    vectors = vectors.copy()
    vectors[list(rows)] = np.nan
    return vectors


@pytest.mark.parametrize("lean", [0.0, 5.0])
def test_the_expected_cosine_is_that_of_random_pairs(lean):
    vectors = directions(2000, 16, 0, lean=lean)
    one, other = vectors[:1000], vectors[1000:]
    measured = float(np.einsum("ij,ij->i", one, other).mean())
    assert expected_cosine(vectors) == pytest.approx(measured, abs=0.02)
    assert expected_cosine(lacking(vectors, *range(10))) == pytest.approx(measured, abs=0.02)
    assert expected_cosine(lacking(vectors, *range(1999))) == 0.0
    assert expected_cosine(vectors[[0, 0, 0]]) == 0.999


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cosines_of_fused_vectors_are_the_weighted_sums_of_the_centred_ones(seed):
    text, image = directions(50, 8, seed, lean=1.0), directions(50, 5, seed + 10)
    fused = fused_vectors([text, image], [0.3, 0.7])
    expected = 0
    for vectors, share in ((text, 0.3), (image, 0.7)):
        centred = vectors - vectors.mean(axis=0)
        centred /= np.linalg.norm(centred, axis=1, keepdims=True)
        expected = expected + share * centred @ centred.T
    assert np.allclose(fused @ fused.T, expected, atol=1e-5)
    assert fused.dtype == np.float32


def test_a_row_that_lacks_a_kind_has_length_one_by_the_other_and_one_that_lacks_all_has_none():
    text, image = lacking(directions(20, 8, 0), 4), lacking(directions(20, 5, 1), 3, 4)
    fused = fused_vectors([text, image], [0.5, 0.5])
    assert np.isnan(fused[4]).all()
    assert np.linalg.norm(fused[3]) == pytest.approx(1)
    assert (fused[3, 8:] == 0).all()
    assert has_vector(fused).tolist() == [row != 4 for row in range(20)]


def test_late_fusion_counts_from_chance_and_leaves_out_what_is_missing():
    text = np.array([1.0, 0.2, 0.6, np.nan], dtype=np.float32)
    image = np.array([1.0, 0.6, np.nan, np.nan], dtype=np.float32)
    fused = fused_cosines([text, image], [0.2, 0.6], [0.25, 0.75])
    assert fused[:3].tolist() == pytest.approx([1.0, 0.0, 0.5])
    assert np.isnan(fused[3])


@pytest.mark.parametrize(
    ("shares", "message"),
    [([1.0], "2 kinds of one length"), ([-1.0, 2.0], "shares must be 0 or more"), ([0.0, 0.0], "not all 0")],
)
def test_shares_out_of_range_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        fused_vectors([directions(4, 3, 0), directions(4, 3, 1)], shares)
