import numpy as np
import pytest

from clustering.identity import refine_identity
from clustering.pictures import CANDIDATE_BITS, HOLDERS, NATS, Pictures, pairs_sharing_pictures, picture_scores


def pictures(hashes, *, lacking=(), seed=0):
    """Rows of equal hash have equal vectors; other pairs have nearly orthogonal ones."""
    rng = np.random.default_rng(seed)
    of = {value: rng.normal(size=64) for value in dict.fromkeys(hashes)}
    vectors = np.array([of[value] for value in hashes], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[list(lacking)] = np.nan
    return Pictures(np.array(hashes, dtype=np.uint64), vectors)


@pytest.mark.parametrize("seed", range(4))
def test_near_identical_pictures_are_paired_as_brute_force_pairs_them(seed):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(2**63, size=40).tolist()
    for _ in range(120):  # copies with a few bits flipped
        copy = hashes[rng.integers(len(hashes))]
        for bit in rng.choice(64, rng.integers(0, 6), replace=False):
            copy ^= 1 << int(bit)
        hashes.append(copy)
    found = set(zip(*(side.tolist() for side in pairs_sharing_pictures(pictures(hashes))), strict=True))
    expected = {
        (i, j) for j in range(len(hashes)) for i in range(j) if (hashes[i] ^ hashes[j]).bit_count() <= CANDIDATE_BITS
    }
    assert found == expected


def test_rows_without_a_picture_are_never_paired():
    assert [len(side) for side in pairs_sharing_pictures(pictures([5, 5, 5], lacking=[0, 2]))] == [0, 0]
    assert [len(side) for side in pairs_sharing_pictures(pictures([5], lacking=[0]))] == [0, 0]


def test_a_picture_speaks_for_one_product_the_less_the_more_rows_show_it():
    one, other = 0x00FF00FF00FF00FF, 0x0F0F0F0F0F0F0F0F
    shown = pictures([one, one, other, *[~one % 2**64] * HOLDERS, other, other], lacking=[HOLDERS + 4])
    first = np.array([0, 0, 3, HOLDERS + 3])
    second = np.array([1, 2, 4, HOLDERS + 4])
    scores = picture_scores(shown, first, second)
    assert scores[0] == pytest.approx(NATS * (1 - np.log(2) / np.log(HOLDERS)))
    assert scores[1:].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("plain", [0, 2**63])
def test_plain_pictures_say_nothing(plain):
    assert picture_scores(pictures([plain, plain]), np.array([0]), np.array([1])).tolist() == [0.0]


def test_a_hash_without_a_close_vector_says_nothing():
    shown = pictures([0x00FF00FF00FF00FF] * 2)
    shown.vectors[1] = np.roll(shown.vectors[0], 1)
    assert picture_scores(shown, np.array([0]), np.array([1])).tolist() == [0.0]


def test_one_stock_photo_never_joins_what_titles_keep_apart():
    titles = ["acme phone 64gb black", "acme phone 128gb black", "zeta lamp", "", ""]
    vectors = np.eye(5, dtype=np.float32)
    shared = pictures([0x00FF00FF00FF00FF] * 5)
    alone = refine_identity(vectors, titles, np.zeros(5, np.int64))
    assert refine_identity(vectors, titles, np.zeros(5, np.int64), pictures=shared).tolist() == alone.tolist()
    assert len(set(alone.tolist())) == 5


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="1 picture vectors need as many hashes, got 2"):
        Pictures(np.zeros(2, np.uint64), np.ones((1, 3), np.float32))
