from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from indexer.images.phash import distances, near_pairs, perceptual_hash


def drawn(seed, size=(200, 160)):
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(random.integers(200, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        w, h = random.integers(20, 90, 2)
        pen.ellipse((x, y, x + w, y + h), fill=tuple(random.integers(0, 256, 3).tolist()))
    return picture


def compressed(picture, quality):
    content = BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def differing(one, other):
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def plain_dct(grey):
    n = np.arange(32)
    waves = 2 * np.cos(np.pi * np.outer(np.arange(8), 2 * n + 1) / 64)
    return waves @ grey @ waves.T


def plain_pairs(hashes, within):
    return [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= within
    ]


def planted(n, copies, flips, seed):
    """Random hashes, and after them copies of some of them with so many bits flipped."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, n, dtype=np.uint64)
    turned = [
        np.bitwise_xor.reduce(np.uint64(1) << random.permutation(64)[:flips].astype(np.uint64)) for _ in range(copies)
    ]
    return np.concatenate([hashes, hashes[:copies] ^ np.array(turned, np.uint64)])


def test_a_hash_is_the_signs_of_the_lowest_frequencies_against_their_median():
    picture = drawn(0)
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS, reducing_gap=3.0), float)
    lowest = plain_dct(grey).ravel()
    assert f"{perceptual_hash(picture):064b}" == "".join("01"[int(each > np.median(lowest))] for each in lowest)


@pytest.mark.parametrize("seed", range(5))
def test_a_photo_keeps_its_hash_when_scaled_and_compressed_and_others_have_another(seed):
    picture = drawn(seed)
    assert differing(picture, picture.resize((90, 72))) <= 4
    assert differing(picture, compressed(picture, 40)) <= 4
    assert differing(picture, compressed(picture.resize((500, 400)), 60)) <= 4
    assert differing(picture, drawn(seed + 100)) >= 16


def test_all_plain_pictures_have_one_hash():
    plain = [perceptual_hash(Image.new("RGB", size, colour)) for size, colour in [((1, 1), "red"), ((300, 20), "navy")]]
    assert plain == [2**63, 2**63]
    assert perceptual_hash(Image.new("RGB", (9, 9), "black")) == 0


def test_distances_count_differing_bits():
    hashes = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    assert distances(hashes, 0).tolist() == [0, 1, 1, 64]
    assert distances(hashes, hashes[::-1]).tolist() == [64, 2, 2, 64]
    assert distances(hashes, 2**63).dtype == np.int64


@pytest.mark.parametrize("within", [0, 1, 3, 8, 16])
@pytest.mark.parametrize("seed", range(3))
def test_near_pairs_agree_with_comparing_each_with_each(within, seed):
    hashes = np.concatenate([planted(40, 10, flips, seed + flips) for flips in (1, 3, 4, 8, 9, 16, 17)])
    assert list(map(tuple, near_pairs(hashes, within).tolist())) == plain_pairs(hashes, within)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30, unique=True), st.integers(0, 16))
def test_near_pairs_of_any_different_hashes_are_all_found(hashes, within):
    hashes = np.array(hashes, np.uint64)
    assert list(map(tuple, near_pairs(hashes, within).tolist())) == plain_pairs(hashes, within)


def test_many_rows_are_told_apart_by_more_bands():
    hashes = planted(50_000, 300, 6, 0)
    pairs = near_pairs(hashes, 6)
    assert pairs.tolist() == [[row, 50_000 + row] for row in range(300)]


def test_a_photo_of_many_products_is_paired_with_its_first_alone():
    hashes = np.array([7, 2**40, 7, 7, 6, 2**40], np.uint64)
    assert near_pairs(hashes, 2).tolist() == [[0, 2], [0, 3], [0, 4], [1, 5]]
    assert near_pairs(np.zeros(10_000, np.uint64), 4).tolist() == [[0, row] for row in range(1, 10_000)]


def test_nothing_is_near_nothing():
    assert near_pairs(np.empty(0, np.uint64), 4).shape == (0, 2)
    assert near_pairs(np.array([5], np.uint64), 4).shape == (0, 2)


@pytest.mark.parametrize("within", [-1, 17])
def test_a_limit_out_of_range_is_refused(within):
    with pytest.raises(ValueError) as wrong:
        near_pairs(np.empty(0, np.uint64), within)
    assert str(wrong.value) == f"hashes may differ in 0 to 16 bits, got {within}: give a smaller limit"
