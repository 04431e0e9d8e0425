import shutil

import numpy as np
import pytest
from PIL import Image

from indexer.images import BadPicture, FromFolder
from indexer.imaging import index_images
from indexer.store import open_store
from service.images import KEPT_FILES
from service.push import push


class ColourEmbedder:
    """Embeds a picture as its mean colour."""

    name = "mean colour"

    def __init__(self):
        self.embedded = 0

    def embed(self, pictures):
        self.embedded += len(pictures)
        means = np.array([np.asarray(picture, dtype=np.float32).mean(axis=(0, 1)) + 1 for picture in pictures])
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Pictures of three of five products, one of them broken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (40, 30), "red").save(folder / "P1.png")
    Image.new("RGB", (30, 40), (250, 10, 0)).save(folder / "P2.jpg")
    (folder / "C1.jpg").write_text("<html>not here</html>")
    return folder


def run(store, folder, **options):
    embedder, rejected = ColourEmbedder(), []
    summary = index_images(store, FromFolder(folder), embedder, on_rejected=rejected.append, **options)
    return summary, embedder.embedded, rejected


def test_products_with_a_picture_get_its_vector_and_the_others_none(filled, folder):
    summary, embedded, rejected = run(filled, folder)
    assert (summary.products, summary.embedded, summary.unchanged, summary.without) == (5, 2, 0, 2)
    assert embedded == 2
    assert dict(summary.rejected) == {"no picture, but text/html": 1}
    assert [(each.reason, each.text) for each in rejected] == [("no picture, but text/html", "product_id C1")]
    assert rejected[0].file == str(folder / "C1.jpg")
    block, ids = filled.vectors("image"), filled.take().ids
    assert {i for i, row in zip(ids, block, strict=True) if not np.isnan(row).any()} == {"P1", "P2"}
    assert filled.get(["P1"])["P1"]["picture"] == str(folder / "P1.png")
    assert [hit.product_id for hit in filled.similar(["P1"], by="image")["P1"]] == ["P2"]
    assert filled.records.settings().image_model == "mean colour"
    assert [(each.kind, each.state) for each in filled.records.runs()][-1] == ("images", "done")


def test_a_second_run_embeds_only_what_changed_and_tries_again_what_was_broken(filled, folder):
    run(filled, folder)
    Image.new("RGB", (40, 30), "blue").save(folder / "P1.png")
    Image.new("RGB", (40, 30), "green").save(folder / "C1.jpg")
    summary, embedded, rejected = run(filled, folder)
    assert (summary.embedded, summary.unchanged, embedded, rejected) == (2, 1, 2, [])
    assert filled.similar(["P1"], by="image")["P1"][0].product_id == "C1"


def test_a_picture_that_breaks_takes_its_vector_with_it(filled, folder):
    run(filled, folder)
    (folder / "P2.jpg").write_bytes(b"")
    summary, _, _ = run(filled, folder)
    assert dict(summary.rejected) == {"empty file": 1, "no picture, but text/html": 1}
    assert filled.similar(["P1"], by="image")["P1"] == []
    assert [filled.get(["P2"])["P2"][key] for key in ("picture", "image_hash", "picture_hash")] == ["", "", ""]
    Image.new("RGB", (30, 40), (250, 10, 0)).save(folder / "P2.jpg")
    assert run(filled, folder)[0].embedded == 1


def test_a_picture_that_moved_is_not_embedded_again(filled, folder, tmp_path):
    run(filled, folder)
    moved = shutil.move(folder, tmp_path / "elsewhere")
    summary, embedded, _ = run(filled, moved)
    assert (summary.unchanged, embedded) == (2, 0)
    assert filled.get(["P1"])["P1"]["picture"] == str(moved / "P1.png")
    assert len(filled.similar(["P1"], by="image")["P1"]) == 1


class Unreachable:
    """A source whose every picture cannot be had."""

    def pictures(self, products):
        return ((product["product_id"], BadPicture("timed out")) for product in products)


def test_a_picture_that_cannot_be_had_leaves_the_vector_of_the_one_before(filled, folder):
    run(filled, folder)
    summary = index_images(filled, Unreachable(), ColourEmbedder())
    assert dict(summary.rejected) == {"timed out": 5}
    assert filled.similar(["P1"], by="image")["P1"][0].product_id == "P2"
    assert filled.get(["P1"])["P1"]["picture"] == str(folder / "P1.png")


def test_a_broken_download_is_thrown_away_to_be_fetched_again_and_a_broken_file_of_the_user_is_not(
    filled, folder, monkeypatch
):
    run(filled, folder)
    assert (folder / "C1.jpg").exists()
    monkeypatch.setenv("ASSORT_CACHE", str(folder))
    run(filled, folder)
    assert [file.name for file in sorted(folder.iterdir())] == ["P1.png", "P2.jpg"]


class Broken(ColourEmbedder):
    """Fails, or gives nothing of length 1."""

    def __init__(self, vector=None):
        super().__init__()
        self.vector = vector

    def embed(self, pictures):
        if self.vector is None:
            raise OSError("no model here")
        return np.tile(np.array(self.vector, dtype=np.float32), (len(pictures), 1))


def test_a_run_that_breaks_off_is_recorded_as_failed_and_binds_nobody_to_its_model(filled, folder):
    with pytest.raises(OSError, match="no model here"):
        index_images(filled, FromFolder(folder), Broken())
    assert filled.records.runs()[-1].state == "failed"
    other = ColourEmbedder()
    other.name = "another"
    assert index_images(filled, FromFolder(folder), other).embedded == 2


@pytest.mark.parametrize("vector", [[0, 0, 0], [np.nan, 0, 1]])
def test_a_picture_of_which_the_model_makes_nothing_is_rejected(filled, folder, vector):
    summary = index_images(filled, FromFolder(folder), Broken(vector))
    assert summary.rejected["the model makes no vector of it"] == 2
    assert summary.embedded == 0


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_the_batch_size_changes_nothing(filled, folder, batch_size):
    assert run(filled, folder, batch_size=batch_size)[0].embedded == 2
    assert filled.get(["P2"])["P2"]["picture_hash"] != ""


def test_another_model_or_crop_is_refused(filled, folder):
    run(filled, folder)
    other = ColourEmbedder()
    other.name = "other"
    with pytest.raises(ValueError, match="with image model 'mean colour', got 'other': use --image-model mean colour"):
        index_images(filled, FromFolder(folder), other)
    with pytest.raises(ValueError, match="were embedded with crop 'none', got 'salient': use --crop none"):
        run(filled, folder, crop_by="salient")
    with pytest.raises(ValueError, match="batch size must be at least 1, got 0"):
        run(filled, folder, batch_size=0)


def test_push_takes_pictures_and_fitted_models_along_also_onto_a_copy_made_before_there_were_any(
    filled, folder, tmp_path
):
    model = bytes(range(256)) * 40_000  # more than one part
    with open_store(str(tmp_path / "copy"), create=True) as target:
        push(filled, target)
        run(filled, folder)
        filled.records.save_file(KEPT_FILES[0], model)
        push(filled, target)
        assert target.dims() == {"text": 32, "image": 3}
        assert target.similar(["P1"], by="image")["P1"][0].product_id == "P2"
        assert target.records.settings().image_model == "mean colour"
        assert target.records.file(KEPT_FILES[0]) == model
        assert target.records.file("absent") is None
