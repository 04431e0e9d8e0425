import json

import numpy as np
import pytest
from safetensors.numpy import save

from clustering.centroids import Centroids
from clustering.models import KINDS, from_bytes, to_bytes


def test_a_model_comes_back_with_what_is_known_of_it():
    model = Centroids(np.eye(3, dtype=np.float32)[:2], spherical=True)

    again, about = from_bytes(to_bytes(model, {"method": "kmeans", "numbers": [4, 7]}))

    assert isinstance(again, Centroids)
    assert again.centroids.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert again.spherical is True
    assert about == {"method": "kmeans", "numbers": [4, 7]}


def test_the_same_model_makes_the_same_file():
    model = Centroids(np.eye(3, dtype=np.float32), spherical=False)
    assert to_bytes(model, {"a": 1}) == to_bytes(from_bytes(to_bytes(model, {"a": 1}))[0], {"a": 1})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", save({"x": np.zeros(2)})])
def test_a_file_of_another_kind_is_refused(content):
    with pytest.raises(ValueError, match=r"^this is no model that assort wrote: "):
        from_bytes(content)


def parts(**header):
    """Write a file with a header of ours and one array."""
    return save({"centroids": np.eye(2, dtype=np.float32)}, metadata={"assort": json.dumps(header)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (parts(settings={}, about={}), "it has no 'kind'"),
        (parts(kind="centroids", about={}), "it has no 'settings'"),
        (parts(kind="centroids", settings={"spherical": True}), "it has no 'about'"),
        (parts(kind="centroids", settings={}, about={}), "it has no 'spherical'"),
        (parts(kind="neighbours", settings={"voters": 5, "radius": None}, about={}), "it has no 'rows'"),
        (parts(kind="centroids", settings=None, about={}), "'NoneType' object is not subscriptable"),
        (save({"x": np.zeros(2)}, metadata={"assort": "{"}), "Expecting property name enclosed in double quotes"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(content, said):
    with pytest.raises(ValueError) as error:
        from_bytes(content)
    assert str(error.value).startswith(f"this is no model that assort wrote: {said}")
    assert str(error.value).endswith("; `assort model export` writes one")


def test_a_model_of_a_later_version_is_refused():
    class Oracle(Centroids):
        kind = "oracle"

    content = to_bytes(Oracle(np.eye(2, dtype=np.float32), spherical=False), {})

    with pytest.raises(ValueError) as error:
        from_bytes(content)
    assert str(error.value) == (f"a model of kind 'oracle' is not known, only {', '.join(KINDS)}: update assort")
