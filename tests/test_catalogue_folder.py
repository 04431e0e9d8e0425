"""A bare folder of pictures, and pictures inside Parquet files, as catalogues."""

import gc
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from indexer.catalogue import CatalogueError, Catalogues, estimate_lines, read_catalogue
from indexer.images import KEPT, FromFolder, Kept, keep_bytes
from indexer.products import Product, Rejected

REAL = Path(__file__).parents[2] / "shared" / "data"


def png(colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def folder_of(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"what is in it shows when it is decoded")
    return root


def read(path, **options):
    return list(read_catalogue(path, format="images", **options))


def error_of(path, **options):
    with pytest.raises(CatalogueError) as caught:
        list(read_catalogue(path, **options))
    return str(caught.value).removeprefix(str(caught.value.path))


def test_each_picture_of_a_folder_is_a_product(tmp_path):
    folder_of(tmp_path, "alfa-romeo.jpg", "shoes/red/nike_air.PNG", "shoes/2019/tennis.webp", "---.gif")
    assert read(tmp_path) == [
        Product("---", title="---"),
        Product("alfa-romeo", title="alfa romeo"),
        Product("tennis", title="tennis", fields={"folder": "shoes/2019"}),
        Product("nike_air", title="nike air", fields={"folder": "shoes/red"}),
    ]


def test_files_called_the_same_go_by_their_path_and_the_picture_is_found_by_it(tmp_path):
    names = ["new/audi.jpg", "old/audi.jpg", "old/bmw.jpg", "old/bmw.png", "only.jpg", "old/fiat.jpg.png", "fiat.jpg"]
    folder_of(tmp_path, *names)
    ids = {product.product_id for product in read(tmp_path)}
    assert ids == {"new/audi", "old/audi", "old/bmw.jpg", "old/bmw.png", "only", "fiat.jpg", "fiat"}
    found = dict(FromFolder(tmp_path).pictures([{"product_id": product_id} for product_id in ids]))
    assert {product_id: path.relative_to(tmp_path).as_posix() for product_id, path in found.items()} == {
        "new/audi": "new/audi.jpg",
        "old/audi": "old/audi.jpg",
        "old/bmw.jpg": "old/bmw.jpg",
        "old/bmw.png": "old/bmw.png",
        "only": "only.jpg",
        "fiat.jpg": "old/fiat.jpg.png",
        "fiat": "fiat.jpg",
    }


def test_other_files_are_rejected_by_name_and_hidden_ones_passed_over(tmp_path):
    folder_of(tmp_path, "a.jpg", "b/notes.txt", ".DS_Store", ".thumbnails/a.jpg")
    items = read(tmp_path)
    assert items == [
        Product("a", title="a"),
        Rejected(2, "not a picture file", str(tmp_path), "b/notes.txt"),
    ]
    assert [(item.file, item.line) for item in items] == [(str(tmp_path), 1), (str(tmp_path), 2)]
    assert estimate_lines(tmp_path) == 2


def test_fields_can_be_mapped_and_set_and_reading_can_be_limited(tmp_path):
    folder_of(tmp_path, "shoes/a.jpg", "shoes/b.jpg")
    mapping = {"categories": "folder", "folder": "folder"}
    assert read(tmp_path, mapping=mapping, constants={"source": "us"}, limit=1) == [
        Product("a", title="a", categories=("shoes",), source="us", fields={"folder": "shoes"})
    ]
    assert error_of(tmp_path, format="images", mapping={"title": "name"}) == (
        ", line 1: there is no column 'name' for title, there are 'product_id', 'title', 'folder': "
        "correct `--map title=COLUMN`"
    )


def test_several_folders_are_one_catalogue(tmp_path):
    paths = (folder_of(tmp_path / "x", "a.jpg"), folder_of(tmp_path / "y", "b.jpg"))
    catalogues = Catalogues(paths, {"format": "images"})
    assert [item.product_id for item in catalogues] == ["a", "b"]
    assert catalogues.bytes() > 0


def test_what_is_no_folder_of_pictures_is_said(tmp_path):
    folder = folder_of(tmp_path / "pictures", "a.jpg", "b.png")
    texts = folder_of(tmp_path / "texts", "a.txt")
    none = "holds no pictures: name the folder they are in, or leave `--format images` away"
    assert error_of(texts, format="images") == f": {none}"
    for wrong, path, options in (
        (": does not exist: check the path", tmp_path / "absent", {"format": "images"}),
        (": is a file: `--format images` reads a folder of pictures", folder / "a.jpg", {"format": "images"}),
        (": is a folder of pictures: add `--format images`", folder, {}),
        (": is a directory: name a file in it, such as 'a.txt'", texts, {}),
    ):
        with pytest.raises(CatalogueError) as caught:
            read_catalogue(path, **options)  # at once
        assert str(caught.value) == f"{path}{wrong}"


@pytest.mark.skipif(not REAL.exists(), reason="the real catalogues are not here")
def test_two_renditions_of_real_logos_are_told_apart():
    folder = REAL / "car_logos"
    products = read(folder)
    assert {product.fields["folder"] for product in products} == {"original_256", "thumb_256"}
    assert len({product.product_id for product in products}) == len(products) > 700
    source = FromFolder(folder)
    found = dict(source.pictures([{"product_id": product.product_id} for product in products]))
    assert all(found[product.product_id].stem == product.product_id.rpartition("/")[2] for product in products)


def parquet(path, columns, schema=None):
    pq.write_table(pa.table(columns, schema=schema), path)
    return path


def test_pictures_in_parquet_are_kept_and_listed_without_any_mapping(tmp_path):
    images = [{"bytes": png("red"), "path": "r.png"}, {"bytes": png("blue"), "path": None}, None]
    path = parquet(tmp_path / "a.parquet", {"id": ["1", "2", "3"], "image": images})
    items = list(read_catalogue(path, pictures=tmp_path / "cache"))
    red, blue = (KEPT + keep_bytes(png(colour), tmp_path / "cache").name for colour in ("red", "blue"))
    assert items == [Product("1", image_urls=(red,)), Product("2", image_urls=(blue,)), Product("3")]
    found = dict(Kept(tmp_path / "cache").pictures([{"product_id": "1", "image_urls": [red]}]))
    assert found["1"].read_bytes() == png("red")


def test_without_a_place_to_keep_them_pictures_in_parquet_are_left_out(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "image": [{"bytes": png(), "path": "r.png"}]})
    assert list(read_catalogue(path)) == [Product("1")]
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_picture_outside_the_parquet_file_is_listed_by_its_path(tmp_path):
    rows = [{"bytes": None, "path": "http://shop.example/a.jpg"}, {"bytes": png(), "path": "b"}]
    path = parquet(tmp_path / "a.parquet", {"id": ["1", "2"], "image": rows})
    first, _ = read_catalogue(path, pictures=tmp_path)
    assert first == Product("1", image_urls=("http://shop.example/a.jpg",))


def test_a_data_set_without_ids_goes_by_the_paths_of_its_pictures(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"image": [{"bytes": png(), "path": "r.png"}], "label": [3]})
    mapping = {"product_id": "image.path", "label": "label", "name": "image.path"}
    (item,) = read_catalogue(path, mapping=mapping, pictures=tmp_path)
    kept = KEPT + keep_bytes(png(), tmp_path).name
    assert item == Product("r.png", image_urls=(kept,), fields={"label": 3, "name": "r.png"})


def test_bytes_alone_lists_of_them_and_nested_ones_are_pictures_too(tmp_path):
    columns = {
        "id": ["1"],
        "a": [png("red")],
        "b": [[{"bytes": png("blue"), "path": None}, {"bytes": png("red"), "path": None}]],
        "c": [{"photo": png("green"), "bytes": b"\xff", "by": "us"}],
        "d": pa.array([png("white")], pa.large_binary()),
    }
    path = parquet(tmp_path / "a.parquet", columns)
    mapping = {"image_urls": ["a", "b", "c.photo", "d"], "by": "c.by"}
    (item,) = read_catalogue(path, mapping=mapping, pictures=tmp_path)
    kept = {colour: KEPT + keep_bytes(png(colour), tmp_path).name for colour in ("red", "blue", "green", "white")}
    assert item == Product("1", image_urls=tuple(kept.values()), fields={"by": "us"})


def test_broken_pictures_are_kept_too_so_that_their_reason_can_be_told(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "image": [{"bytes": b"<html>", "path": None}]})
    (item,) = read_catalogue(path, pictures=tmp_path)
    assert item == Product("1", image_urls=(KEPT + keep_bytes(b"<html>", tmp_path).name,))


def test_texts_that_were_written_as_bytes_are_texts(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"id": [b"1"], "title": ["Schuhe, größer".encode()]})
    assert list(read_catalogue(path)) == [Product("1", title="Schuhe, größer")]


def test_a_picture_whose_bytes_could_be_text_is_a_picture(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "BMP")
    dark = file.getvalue()[:38] + bytes(8) + file.getvalue()[46:]  # without its dots an inch
    assert dark.isascii()
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "image": [dark]})
    kept = KEPT + keep_bytes(dark, tmp_path).name
    assert list(read_catalogue(path, pictures=tmp_path)) == [Product("1", image_urls=(kept,))]


def test_columns_that_are_not_asked_for_are_not_kept(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "scan": [png()]})
    assert list(read_catalogue(path, pictures=tmp_path / "cache")) == [Product("1")]
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_stops_reading_with_its_own_reason(tmp_path):
    (tmp_path / "taken").touch()
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "image": [{"bytes": png(), "path": None}]})
    assert error_of(path, pictures=tmp_path / "taken") == (
        f", line 1: the picture cache '{tmp_path / 'taken'}' cannot be written (Not a directory): "
        "give ASSORT_CACHE a folder that you may write to, with room for the pictures"
    )


def test_a_reader_that_stops_early_leaves_no_parquet_file_open(tmp_path):
    rows = [{"bytes": png(), "path": str(n)} for n in range(100)]
    path = parquet(tmp_path / "a.parquet", {"id": list(map(str, range(100))), "image": rows})
    assert len(list(read_catalogue(path, pictures=tmp_path, limit=40))) == 40
    next(iter(read_catalogue(path, pictures=tmp_path)))
    gc.collect()
