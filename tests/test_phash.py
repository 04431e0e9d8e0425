from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.images.phash import perceptual_hash


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
