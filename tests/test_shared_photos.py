"""Stock photos that the sample plants on different products: pictures may help to know a product, never mislead."""

import csv

import numpy as np
import pytest

from clustering.identity import refine_identity
from clustering.metrics import pairwise
from clustering.pictures import Pictures
from indexer.catalogue import read_catalogue
from indexer.images import BadPicture
from indexer.images.viewing import view
from indexer.products import Product
from indexer.sample import write_sample


def seen(file):
    """Look at a picture as 8 x 8 colours."""
    try:
        picture, perceptual, _ = view(file, "none")
    except (BadPicture, OSError):
        return np.full(192, np.nan, dtype=np.float32), 0
    small = np.asarray(picture.resize((8, 8)), dtype=np.float32).ravel() - 128
    return small / np.linalg.norm(small), perceptual


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pictures_join_more_offers_of_one_product_and_no_more_of_different_ones(tmp_path, embedder, seed):
    write_sample(tmp_path, products=600, seed=seed, pictures=True)
    products = {p.product_id: p for p in read_catalogue(tmp_path / "catalogue.jsonl.gz") if isinstance(p, Product)}
    with (tmp_path / "truth.csv").open() as file:
        truth = {row["product_id"]: int(row["identity"]) for row in csv.DictReader(file)}
    ids = [i for i in truth if i in products]
    titles, vectors = [products[i].title for i in ids], embedder.embed([products[i].title or "none" for i in ids])
    looks = [seen(tmp_path / "pictures" / f"{i}.jpg") for i in ids]
    pictures = Pictures(np.array([h for _, h in looks], dtype=np.uint64), np.stack([v for v, _ in looks]))
    brands, true = [products[i].brand for i in ids], np.array([truth[i] for i in ids])
    cells = np.zeros(len(ids), dtype=np.int64)
    without = pairwise(refine_identity(vectors, titles, cells, brands=brands), true)
    with_pictures = pairwise(refine_identity(vectors, titles, cells, brands=brands, pictures=pictures), true)
    assert with_pictures.precision >= without.precision - 0.005
    assert with_pictures.recall > without.recall
