import io
import shutil

import numpy as np
import pytest
from PIL import Image

from indexer.images import BadPicture, Downloads, FirstOf, FromFolder, FromUrls, Kept
from indexer.images.kept import digest, kept_file, write_whole
from indexer.imaging import index_images
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.images import VISUAL_WORDS
from service.memory import HELD, Size, clustering_bytes
from service.push import push
from service.runs import size_of


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


@pytest.fixture
def cache(tmp_path):
    """What a run downloaded before: a is cut short, b and c are pictures, d is an error page."""

    def kept(url, content):
        write_whole(kept_file(tmp_path / "cache", digest(f"http://x/{url}".encode())), content)

    for url, colour in (("b", "red"), ("c", "blue")):
        kept(url, png(colour))
    kept("a", png("green")[:60])
    kept("d", b"<html>not here</html>")
    return tmp_path / "cache"


def png(colour):
    with io.BytesIO() as file:
        Image.new("RGB", (40, 30), colour).save(file, "PNG")
        return file.getvalue()


def listing(store, embedder, **urls):
    """Index products again with the addresses that they list."""
    products = [
        Product(i, title=f"phone {i}", image_urls=tuple(f"http://x/{url}" for url in of)) for i, of in urls.items()
    ]
    index_products(products, store, embedder)


def downloaded(store, cache, colours=None):
    """Run with downloads of which all but those in the cache fail."""
    colours = colours or ColourEmbedder()
    source = FirstOf([Kept(cache), FromUrls(Downloads(cache, private=True, tries=1))])
    return index_images(store, source, colours)


@pytest.mark.parametrize("urls", ["ab", "dab", "db"])
def test_where_the_first_picture_does_not_decode_the_next_one_counts(filled, embedder, cache, urls):
    listing(filled, embedder, P1=urls, P2=urls, C1="c")
    summary = downloaded(filled, cache)
    assert (summary.embedded, dict(summary.rejected)) == (3, {})
    expected = str(kept_file(cache, digest(b"http://x/b")))
    assert [filled.get([i])[i]["picture"] for i in ("P1", "P2")] == [expected] * 2
    again = downloaded(filled, cache)
    assert (again.unchanged, again.embedded) == (3, 0)


def test_a_broken_download_is_thrown_away_to_be_fetched_again(filled, embedder, cache):
    listing(filled, embedder, P1="a", P2="ad")
    assert dict(downloaded(filled, cache).rejected) == {"truncated picture": 1, "no picture, but text/html": 1}
    there = {file.name for file in cache.glob("*/*")}
    assert there == {digest(f"http://x/{url}".encode()) for url in "bc"}


def test_a_broken_file_of_the_user_is_left_alone(filled, folder):
    run(filled, folder)
    run(filled, folder)
    assert (folder / "C1.jpg").exists()


def test_a_picture_that_the_record_lists_no_more_goes_with_its_vector(filled, embedder, cache):
    listing(filled, embedder, P1="b", P2="c")
    downloaded(filled, cache)
    listing(filled, embedder, P1="")
    summary = downloaded(filled, cache)
    assert (summary.withdrawn, summary.without, summary.unchanged, summary.embedded) == (1, 4, 1, 0)
    assert filled.get(["P1"])["P1"]["picture"] == ""
    assert filled.similar(["P2"], by="image")["P2"] == []
    assert downloaded(filled, cache).withdrawn == 0


def test_a_file_that_is_taken_from_the_folder_takes_its_vector_along(filled, folder):
    run(filled, folder)
    (folder / "P1.png").unlink()
    done = []
    summary = run(filled, folder, progress=done.append)[0]
    assert (summary.withdrawn, summary.without, summary.unchanged) == (1, 3, 1)
    assert sum(done) == 5
    assert (
        filled.get(["P1"])["P1"] | {"picture": "", "image_hash": "", "picture_hash": "", "picture_box": []}
        == (filled.get(["P1"])["P1"])
    )
    assert filled.similar(["P2"], by="image")["P2"] == []


def test_a_picture_that_came_from_elsewhere_is_not_withdrawn(filled, folder, cache, tmp_path):
    run(filled, folder)
    assert downloaded(filled, cache).withdrawn == 0
    other = tmp_path / "others"
    other.mkdir()
    Image.new("RGB", (9, 9)).save(other / "P3.png")
    assert run(filled, other)[0].withdrawn == 0
    for file in folder.iterdir():
        file.unlink()
    assert run(filled, folder)[0].withdrawn == 0  # an empty folder may be a disk that is not there
    assert len(filled.similar(["P1"], by="image")["P1"]) == 2


def test_the_part_that_was_embedded_is_kept_for_whoever_shows_it(filled, folder):
    picture = Image.new("RGB", (100, 60), "white")
    picture.paste("red", (40, 20, 60, 40))
    picture.save(folder / "P1.png")
    run(filled, folder, crop_by="salient")
    found = filled.get(["P1", "P2"])
    left, top, right, bottom = found["P1"]["picture_box"]
    assert 30 <= left <= 40 < 60 <= right <= 70
    assert 10 <= top <= 20 < 40 <= bottom <= 50
    assert found["P2"]["picture_box"] == []


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
        filled.records.save_file(VISUAL_WORDS, model)
        push(filled, target)
        assert target.dims() == {"text": 32, "image": 3}
        assert target.similar(["P1"], by="image")["P1"][0].product_id == "P2"
        assert target.records.settings().image_model == "mean colour"
        assert target.records.file(VISUAL_WORDS) == model
        assert target.records.file("absent") is None


def test_push_takes_away_what_the_copy_has_and_the_source_has_not(filled, tmp_path):
    with open_store(str(tmp_path / "copy"), create=True) as target:
        push(filled, target)
        target.records.save_file("model shelf", b"another")
        target.records.names("shelf").edit(0, "Another")
        settings = target.records.settings()
        push(filled, target)
        assert target.records.file("model shelf") is None
        assert target.records.names("shelf").edited() == {}
        assert [run.run_id for run in target.records.runs()] == [run.run_id for run in filled.records.runs()]
        assert target.records.settings() == settings


def test_memory_is_reckoned_with_image_vectors_too(filled, folder):
    before = size_of(filled, 15)
    run(filled, folder)
    after = size_of(filled, 15)
    assert (before.dim, before.image_dim, after.dim, after.image_dim) == (32, 0, 32, 3)
    whole, mapped = (clustering_bytes(after, ["identity"], mapped=mapped) for mapped in (False, True))
    assert whole == clustering_bytes(before, ["identity"]) + 5 * 3 * 4
    assert mapped == clustering_bytes(before, ["identity"], mapped=True)


def test_pictures_neighbours_copy_the_vectors_that_there_are():
    texts, both = Size(100_000, 384, 0, 15), Size(100_000, 384, 0, 15, image_dim=512)
    step = clustering_bytes(both, ["similarity"], mapped=True) - HELD.bytes(both)
    assert step == 100_000 * (760 + 220 * 15 + 4 * 512)
    assert step > clustering_bytes(texts, ["similarity"], mapped=True) - HELD.bytes(texts)
