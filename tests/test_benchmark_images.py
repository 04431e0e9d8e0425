import importlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, as its siblings do."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name="": importlib.import_module(f"benchmark_images{name and '_'}{name}")


def noise(seed, size=(64, 64)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def test_neighbours_are_the_nearest_others_by_cosine(script, monkeypatch):
    monkeypatch.setattr(script(), "_BLOCK", 7)
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    found = script().neighbours(vectors, 3)
    for row, near in enumerate(found):
        others = sorted(set(range(40)) - {row}, key=lambda other: -cosines[row, other])
        assert set(near.tolist()) == set(others[:3])


def test_agreement_is_the_share_of_neighbours_with_the_same_label(script):
    vectors = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1]] * 2, np.float32)
    truth = np.array(["a", "a", "a", "b", "b", "b"] * 2, object)
    assert script()._agreements(vectors, {"kind": truth}) == {"kind": 1.0}
    assert script()._agreements(vectors, {"kind": np.arange(12).astype(object)}) == {"kind": 0.0}


def test_gradients_know_no_colour_and_colours_no_place(script):
    picture = noise(0)
    described = script("baselines").baselines([picture, picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)])
    assert {name: rows.shape for name, rows in described.items()} == {
        "HOG": (2, 49 * 36),
        "HSV histogram": (2, 512),
        "both": (2, 49 * 36 + 512),
    }
    assert described["HSV histogram"][0] == pytest.approx(described["HSV histogram"][1])
    assert np.linalg.norm(described["both"], axis=1) == pytest.approx([2**0.5] * 2, abs=1e-5)
    turned = script("baselines").hog(Image.fromarray(np.asarray(picture.convert("L").convert("RGB"))))
    assert turned == pytest.approx(script("baselines").hog(picture), abs=0.05)


def test_the_page_says_what_is_met(script):
    from benchmark_quality_cases import Case

    scores = {
        "visual words": {"articleType": 0.83, "baseColour": 0.5, "pictures/s, one thread": 150},
        "HOG": {"articleType": 0.77, "baseColour": 0.221},
    }
    case = Case("fashion_words", "Fashion", "What was done.", scores)
    page = script("table").markdown([case], {"seed": "0"})
    assert page.endswith(
        "2 of 3 targets met.\n\nMade with: seed 0.\n\n## Fashion\n\nWhat was done.\n\n"
        "| method | articleType | baseColour | pictures/s, one thread |\n| --- | ---: | ---: | ---: |\n"
        "| visual words | .830 | .500 | 150 |\n| HOG | .770 | .221 |  |\n"
        "| target | ≥ .820 | ≥ .530 | ≥ 100 |\n| met | yes | **no** | yes |\n"
    )
    assert script("table").missed([case]) == ["fashion_words: baseColour is .500, target ≥ .530"]


def test_it_says_where_it_looked_for_catalogues(script, tmp_path, capsys):
    assert script().main(["--data", str(tmp_path / "none")]) == 1
    assert (
        capsys.readouterr().err == f"there are no catalogues at '{tmp_path / 'none'}': say with --data where they are\n"
    )
