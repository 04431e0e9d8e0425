import numpy as np
import pytest

from clustering.fused import expected_cosine, fused_cosines
from service.fusion import LEAST, grade, shares_of, similar_fused, tuned


def direction(*numbers):
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


# By picture C2 is P1's nearest; P3 has no picture.
PICTURES = {"P1": direction(1, 0, 0), "P2": direction(0, 1, 0), "C1": direction(0, 0.2, 1), "C2": direction(1, 0.1, 0)}


@pytest.fixture
def pictured(filled):
    filled.set_vectors("image", PICTURES, {})
    return filled


def test_fused_scores_are_those_of_brute_force(pictured):
    shares = {"text": 0.3, "image": 0.7}
    ids = pictured.take().ids
    kinds = [pictured.vectors(name) for name in shares]
    expected = [expected_cosine(vectors) for vectors in kinds]
    scores = fused_cosines([vectors @ vectors.T for vectors in kinds], expected, list(shares.values()))
    for product_id in ids:
        row = ids.index(product_id)
        others = {i: round(float(scores[row, k]), 4) for k, i in enumerate(ids) if i != product_id}
        found = similar_fused(pictured, [product_id], shares)[product_id]
        assert {hit.product_id: round(hit.score, 4) for hit in found} == pytest.approx(others, abs=2e-4)
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_all_weight_on_one_kind_is_that_kind_alone_and_texts_decide_where_a_picture_is_missing(pictured):
    only = shares_of(pictured, {"image": 1.0})
    assert similar_fused(pictured, ["P1"], only)["P1"][0].product_id == "C2"
    for shares in (only, {"text": 0.5, "image": 0.5}):
        fused = [hit.product_id for hit in similar_fused(pictured, ["P3"], shares)["P3"]]
        assert fused == [hit.product_id for hit in pictured.similar(["P3"])["P3"]]


def test_weights_are_those_asked_for_then_those_kept_then_alike(pictured):
    assert shares_of(pictured) == {"text": 0.5, "image": 0.5}
    assert shares_of(pictured, {"text": 1.0, "image": 3.0}) == {"text": 0.25, "image": 0.75}
    assert shares_of(pictured, {"text": 0.3}) == pytest.approx({"text": 0.3, "image": 0.7})
    assert shares_of(pictured, {"text": 2.0, "image": 0.0}) == {"text": 1.0, "image": LEAST}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"sound": 1.0}, "there is no vector 'sound' to weigh, only image, text"),
        ({"text": -1.0}, "a weight must be 0 or more and finite, got text=-1.0"),
        ({"text": float("nan")}, "a weight must be 0 or more and finite, got text=nan"),
        ({"text": 0.0, "image": 0.0}, "at least one weight must be above 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(pictured, weights, message):
    with pytest.raises(ValueError, match=message):
        shares_of(pictured, weights)


def test_a_collection_without_pictures_says_what_to_do(filled):
    with pytest.raises(LookupError, match="has no pictures to fuse with its texts: run `assort index CATALOGUE"):
        shares_of(filled)


def test_tuning_finds_the_kind_that_tells_the_truth_and_keeps_it(pictured):
    ids = pictured.take().ids
    truth = ["red" if i in ("P1", "C2") else "green" if i in ("P2", "C1") else None for i in ids]
    grades = grade(pictured, ids, truth, seed=0)
    assert [round(each.text + each.image, 6) for each in grades] == [1.0] * 21
    assert (grades[0].text, grades[-1].image) == (1.0, 1.0)
    with pytest.raises(LookupError, match="no field 'colour' to grade by, only year, tone, brand, categories, source"):
        tuned(pictured, "colour", seed=0)
    found, best = tuned(pictured, "brand", seed=0)
    assert best in found
    assert pictured.records.settings().weights == {"text": best.text, "image": best.image}
    assert shares_of(pictured) == pytest.approx({"text": best.text, "image": best.image}, abs=LEAST)


def test_products_that_cannot_be_compared_do_not_agree(filled):
    ids = filled.take().ids
    filled.set_vectors("image", {i: direction(1, 0.01 * k, 0) for k, i in enumerate(ids[:2])}, {})
    grades = grade(filled, ids, ["same"] * 5, seed=0)
    assert grades[0].agreement == 1.0
    assert grades[-1].agreement == pytest.approx(2 / (5 * 4))  # one neighbour of four, for two products of five
