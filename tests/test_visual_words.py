import json
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from indexer.embedders.colours import colour_histogram
from indexer.embedders.looks import look_at
from indexer.embedders.patches import gradient_cells, learn_words
from indexer.embedders.visual_words import VisualWords, fit_visual_words
from indexer.images.foreground import bounds, foreground, lab

COLOURS = {"red": (200, 30, 40), "green": (30, 140, 60), "blue": (40, 60, 190), "brown": (120, 80, 50)}
KINDS = ("bag", "shoe", "watch", "shirt")


def drawn(kind, colour, seed, size=(96, 96)):
    """Draw a product on white, a little different for each seed; a shoe points left or right."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (100, 100), "white")
    pen = ImageDraw.Draw(picture)
    x, y, s = (float(random.uniform(*limits)) for limits in ((-6, 6), (-6, 6), (0.85, 1.1)))

    def at(*points):
        return [(50 + x + (px - 50) * s, 50 + y + (py - 50) * s) for px, py in points]

    if kind == "bag":
        pen.arc(at((32, 18), (68, 60)), 180, 360, fill=colour, width=4)
        pen.rectangle(at((22, 40), (78, 82)), fill=colour)
    elif kind == "shoe":
        pen.polygon(at((15, 40), (35, 38), (55, 55), (85, 62), (88, 74), (15, 74)), fill=colour)
        pen.rectangle(at((15, 74), (88, 79)), fill="black")
    elif kind == "watch":
        pen.rectangle(at((40, 5), (60, 95)), fill=colour)
        pen.ellipse(at((28, 28), (72, 72)), fill=colour, outline="black", width=4)
    else:
        pen.polygon(at((35, 15), (65, 15), (90, 35), (80, 48), (70, 40), (70, 85), (30, 85), (30, 40)), fill=colour)
        pen.line(at((50, 15), (50, 85)), fill="white", width=2)
    picture = ImageOps.mirror(picture) if kind == "shoe" and seed % 2 else picture
    return picture.resize(size)


def catalogue(seeds, size=(96, 96)):
    kinds = list(product(KINDS, COLOURS, seeds))
    return kinds, [drawn(kind, COLOURS[name], 100 * i + seed, size) for i, (kind, name, seed) in enumerate(kinds)]


@pytest.fixture(scope="module")
def words():
    return fit_visual_words(iter(catalogue(range(3))[1]), seed=0)


@pytest.fixture(scope="module")
def cells():
    return look_at(catalogue(range(1))[1]).thing


def test_pictures_never_seen_are_nearest_to_those_of_their_kind_and_colour(words):
    kinds, pictures = catalogue(range(3, 6))
    vectors = words.embed(pictures)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    nearest = [kinds[row][:2] for row in cosines.argmax(axis=1)]
    assert nearest == [kind[:2] for kind in kinds]


def test_vectors_have_length_one_and_depend_neither_on_company_nor_on_size(words):
    _, pictures = catalogue(range(3, 5))
    vectors = words.embed(pictures)
    assert vectors.shape == (32, words.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(32), abs=1e-5)
    assert words.embed(pictures[7:8]) == pytest.approx(vectors[7:8], abs=1e-5)
    large = words.embed(catalogue(range(3, 5), size=(400, 400))[1])
    assert (large @ vectors.T).argmax(axis=1).tolist() == list(range(32))
    assert words.embed([]).shape == (0, words.dim)


def test_the_seed_decides_and_suffices(words):
    pictures = catalogue(range(3))[1]
    assert fit_visual_words(pictures, seed=0).name == words.name
    other = fit_visual_words(pictures, seed=1)
    assert other.name != words.name
    assert other.name.startswith("visual-words-")


def test_what_was_saved_embeds_as_what_was_learned(words, tmp_path):
    words.save(tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["visual_words.json", "visual_words.npz"]
    facts = json.loads((tmp_path / "model" / "visual_words.json").read_text())
    assert facts == {"version": 1, "name": words.name, "dim": words.dim, "pictures": 48}
    again = VisualWords.load(tmp_path / "model")
    pictures = catalogue(range(3, 4))[1]
    assert again.name == words.name
    assert np.array_equal(again.embed(pictures), words.embed(pictures))


def test_loading_says_what_is_wrong(words, tmp_path):
    with pytest.raises(LookupError) as missing:
        VisualWords.load(tmp_path)
    assert str(missing.value) == (f"'{tmp_path}' holds no visual words: learn them again from the catalogue's pictures")
    damaged = f"the visual words in '{tmp_path}' are damaged or of another version: learn them again"
    words.save(tmp_path)
    whole = (tmp_path / "visual_words.npz").read_bytes()
    facts = (tmp_path / "visual_words.json").read_text()
    for arrays, text in (
        (whole[: len(whole) // 2], facts),
        (b"", facts),
        (whole, facts.replace('"version": 1', '"version": 9')),
        (whole, facts.replace("visual-words-", "visual-birds-")),
        (whole, "{"),
        (whole, "[]"),
    ):
        (tmp_path / "visual_words.npz").write_bytes(arrays)
        (tmp_path / "visual_words.json").write_text(text)
        with pytest.raises(ValueError) as wrong:
            VisualWords.load(tmp_path)
        assert str(wrong.value) == damaged


@pytest.mark.parametrize("count", [0, 1, 20])
def test_pictures_that_do_not_differ_teach_nothing(count):
    with pytest.raises(ValueError) as wrong:
        fit_visual_words([drawn("bag", "red", 0)] * count, seed=0)
    assert str(wrong.value) == (
        f"visual words are learned from pictures that differ, got {count} that do not: index more pictures, "
        "or use a model with weights (--image-model openai/clip-vit-base-patch32)"
    )


def test_plain_swatches_are_told_apart_by_colour_alone():
    names = ["red", "darkred", "navy", "blue", "green", "darkgreen"]
    words = fit_visual_words([Image.new("RGB", (20, 20), name) for name in names], seed=0)
    vectors = words.embed([Image.new("RGB", (33, 21), name) for name in ["crimson", *names, "white"]])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    assert names[int((vectors[1:7] @ vectors[0]).argmax())] in ("red", "darkred")


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (900, 3), (3, 3), (64, 63)])
def test_pictures_of_any_size_get_a_vector(words, size):
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    vectors = words.embed([noise, Image.new("RGB", size, "white")])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)


def test_neighbours_are_added_as_plainly_counted(words):
    random = np.random.default_rng(0)
    known = random.normal(size=(60, 8)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    gathered = VisualWords({**words._learned, "shapes": known.astype(np.float16)})
    rows = known[:5] + np.float32(0.1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    known = known.astype(np.float16).astype(np.float32)
    for row, got in zip(rows, gathered._with_neighbours(rows), strict=True):
        near = sorted(range(60), key=lambda i: -float(known[i] @ row))[:3]  # one in 20 of 60
        weights = np.array([float(known[i] @ row) ** 3 for i in near])
        expected = row + 2 * (weights / weights.sum()) @ known[near]
        assert got == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


# --- patches -------------------------------------------------------------------------------------------------------


def test_gradients_are_counted_as_plainly_pixel_by_pixel():
    grey = np.random.default_rng(1).uniform(0, 255, (32, 32)).astype(np.float32)
    expected = np.zeros((16, 16, 12))
    for y, x in product(range(32), range(32)):
        down = grey[y + 1, x] - grey[y - 1, x] if 0 < y < 31 else 0
        right = grey[y, x + 1] - grey[y, x - 1] if 0 < x < 31 else 0
        turn = np.degrees(np.arctan2(down, right)) % 360 / 30
        low, share = int(turn), turn % 1
        expected[y // 2, x // 2, low % 12] += np.hypot(down, right) * (1 - share) / 4
        expected[y // 2, x // 2, (low + 1) % 12] += np.hypot(down, right) * share / 4
    assert gradient_cells(grey[None])[0] == pytest.approx(expected, abs=0.01)


def test_words_are_counted_as_plainly_patch_by_patch(cells):
    book = learn_words(cells, seed=0)
    picture = cells[3]
    expected = np.zeros((4, 4, len(book.words)))
    inverted = np.roll(picture, 6, axis=-1)
    mirrored, both = (each[:, ::-1, [6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7]] for each in (picture, inverted))
    for each in (picture, mirrored, inverted, both):
        for y, x in product(range(13), range(13)):
            patch = each[y : y + 4, x : x + 4].transpose(2, 0, 1).ravel().astype(float)
            patch = np.minimum(patch / (np.linalg.norm(patch) + 10), 0.2)
            patch = np.sqrt(patch / max(np.linalg.norm(patch), 0.3))
            apart = np.linalg.norm((patch - book.mean) @ book.whitening - book.words, axis=1)
            pool = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
            expected[pool[y], pool[x]] += np.maximum(apart.mean() - apart, 0)
    assert book.encode(picture[None])[0] == pytest.approx(np.sqrt(expected).ravel(), abs=0.02)


def test_a_mirrored_picture_and_its_negative_have_the_same_words(cells):
    book = learn_words(cells, seed=0)
    greys = np.stack([np.asarray(each.convert("L").resize((64, 64)), np.float32) for each in catalogue([0])[1]])
    encoded = book.encode(gradient_cells(greys))
    assert book.encode(gradient_cells(greys[:, :, ::-1])) == pytest.approx(encoded, abs=0.02)
    assert book.encode(gradient_cells(255 - greys)) == pytest.approx(encoded, abs=0.02)
    assert not np.allclose(book.encode(gradient_cells(greys[:, ::-1])), encoded, atol=0.5)


# --- colours and foreground ----------------------------------------------------------------------------------------


def test_lab_agrees_with_published_values():
    """Golden: the sRGB primaries under D65, as given by B. Lindbloom's calculator."""
    colours = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert lab(colours) == pytest.approx(np.array(expected), abs=0.02)


def test_the_background_is_what_looks_like_the_border_and_reaches_it():
    picture = Image.new("RGB", (40, 30), (250, 250, 250))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((10, 5, 29, 24), fill="white", outline=(200, 200, 200))  # a white thing with a grey outline
    mask = foreground(lab(np.asarray(picture)))
    assert bounds(mask) == (10, 5, 30, 25)
    assert mask.sum() == 20 * 20


def test_a_picture_of_hardly_anything_is_all_thing():
    picture = Image.new("RGB", (40, 30), "white")
    picture.putpixel((7, 7), (0, 0, 0))
    assert foreground(lab(np.asarray(picture))).all()


def test_colours_are_counted_where_they_are_and_only_on_the_thing():
    colours = np.zeros((9, 9, 3), np.float32)  # black on the left, white on the right, a page of red around it
    colours[:, 5:] = (100, 0, 0)
    thing = np.zeros((9, 9), bool)
    thing[1:7, 2:8] = True
    thing[3:5, 2:4] = False  # a hole in the left
    colours[~thing] = (50, 70, 60)
    counts = colour_histogram(colours, thing, (2, 1, 8, 7)).reshape(3, 3, 8, 9, 9) ** 2
    assert counts.sum() == pytest.approx(1)
    assert counts[:, 0, 0, 4, 4].sum() == pytest.approx(counts[:, 0].sum())
    assert counts[:, 2, 7, 4, 4].sum() == pytest.approx(counts[:, 2].sum())
    assert counts[:, 1, 0, 4, 4].sum() == pytest.approx(counts[:, 1].sum() / 2)
    assert counts[1, 1].sum() == pytest.approx(counts.max(axis=(2, 3, 4)).max() * 2)


def test_a_colour_between_bins_counts_to_those_around_it():
    colours = np.full((3, 3, 3), (100 / 14, 0, 0), np.float32)
    counts = colour_histogram(colours, np.ones((3, 3), bool), (0, 0, 3, 3)).reshape(9, 8, 9, 9) ** 2
    assert counts.sum(axis=0)[[0, 1], 4, 4] == pytest.approx([0.5, 0.5], abs=1e-5)
