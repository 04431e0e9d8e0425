"""Pictures through the command line: from a folder, a bare folder, a table of bytes, and asked in every way."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from service.cli import main

COLOURS = {"A": "red", "B": (250, 10, 10), "C": "blue", "D": (10, 10, 240)}


@pytest.fixture(autouse=True)
def words(monkeypatch, embedder, tmp_path):
    monkeypatch.setattr("service.cli.index.TextEmbedder", lambda name, on_load: embedder)
    monkeypatch.setattr("service.lookup.TextEmbedder", lambda name: embedder)
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def clip(checkpoints):
    return str(checkpoints["clip"])


def assort(*arguments, code=0):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr


def painted(colour, seed=0):
    """A picture of one colour with a pattern of its own."""
    noise = np.random.default_rng(seed).integers(-9, 10, (48, 48, 3))
    plain = np.asarray(Image.new("RGB", (48, 48), colour), dtype=np.int64)
    return Image.fromarray(np.clip(plain + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for product_id, colour in COLOURS.items():
        painted(colour).save(folder / f"{product_id}.png")
    (folder / "E.jpg").write_bytes(b"")
    return folder


@pytest.fixture
def catalogue(tmp_path):
    lines = [{"product_id": i, "title": f"shirt number {i}", "brand": "red" if i in "AB" else "blue"} for i in "ABCDEF"]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return "shop.jsonl"


def test_a_folder_of_photos_is_embedded_beside_the_texts_and_asked_in_every_way(catalogue, folder, clip, tmp_path):
    made = assort("index", catalogue, "--images", folder, "--image-model", clip, "--json")["images"]
    assert made == {
        "products": 6,
        "embedded": 4,
        "unchanged": 0,
        "without": 1,
        "withdrawn": 0,
        "rejected": {"empty file": 1},
    }
    rejects = (tmp_path / "store" / "products.rejects.jsonl").read_text()
    assert json.loads(rejects)["reason"] == "empty file"
    assert assort("similar", "A", "--by", "image", "--json")[0]["product_id"] == "B"
    assert assort("similar", "C", "--by", "fused", "--weights", "image=1", "--json")[0]["product_id"] == "D"
    painted("red", seed=5).save("query.png")
    assert {hit["product_id"] for hit in assort("search", "--image", "query.png", "--limit", 2, "--json")} == {"A", "B"}
    assert len(assort("search", "red shoe", "--by", "image", "--json")) == 4
    assert "image 0.50 is the default from now on" in assort("tune-fusion", "--truth", "brand")
    again = assort("index", catalogue, "--images", folder, "--json")["images"]
    assert (again["embedded"], again["unchanged"]) == (0, 4)
    assort("cluster", "all")
    assert "4 of 6 products have one" in assort("cluster", "similarity")
    fused = assort("cluster", "identity", "--on", "fused", "--weights", "image=1", "--k", 2, "--json")
    assert fused["identity"]["k"] == 2
    cells = {p["product_id"]: p["identity_cell"] for p in assort("products", "--json")}
    assert cells["A"] == cells["B"] != cells["C"] == cells["D"]
    drawn = assort("grids", "similarity", "--json")
    assert drawn["pictures"] == 4


def test_a_column_names_each_file_of_the_folder(folder, clip, tmp_path):
    rows = "\n".join(f"{i.lower()},shirt,{i}.png" for i in COLOURS)
    (tmp_path / "shop.csv").write_text(f"id,title,photo\n{rows}\n")
    options = ("--images", folder, "--image-model", clip, "--json")
    assert assort("index", "shop.csv", "--image-column", "photo", *options)["images"]["embedded"] == 4
    assert assort("similar", "a", "--by", "image", "--json")[0]["product_id"] == "b"


def test_another_model_or_crop_is_refused_before_texts_are_embedded(catalogue, folder, clip, checkpoints, embedder):
    assort("index", catalogue, "--images", folder, "--image-model", clip, "--crop", "salient")
    done = len(embedder.embedded)
    for option in (["--image-model", str(checkpoints["vit"])], ["--crop", "none"], ["--image-model", "visual-words"]):
        assert "or index into another --collection" in assort("index", catalogue, "--images", folder, *option, code=1)
    assert len(embedder.embedded) == done
    assert "4 unchanged" in assort("index", catalogue, "--images", folder)


def test_pictures_are_cropped_by_a_segment_anything_from_a_folder_while_it_stays_the_same(
    catalogue, folder, clip, tiny_sam, tmp_path
):
    model = shutil.copytree(tiny_sam, tmp_path / "sam")
    how = ("index", catalogue, "--images", folder, "--image-model", clip)
    assert assort(*how, "--crop", f"sam:{model.name}", "--json")["images"]["embedded"] == 4
    assert assort(*how, "--json")["images"]["unchanged"] == 4
    assert assort("search", "--image", f"{folder}/A.png", "--json")[0]["product_id"] == "A"
    (model / "notes.txt").write_text("other weights")
    assert f"model folder '{model}' holds other files than when the pictures" in assort(*how, code=1)


@pytest.mark.parametrize("how", ["tight", "sam:", ""])
def test_an_unknown_way_to_crop_is_wrong_usage(catalogue, folder, clip, how):
    said = assort("index", catalogue, "--images", folder, "--image-model", clip, "--crop", how, code=2)
    assert f"a crop is none, salient, sam or sam:MODEL, a name or a folder, got '{how}'" in said.replace("\n", " ")


def test_a_bare_folder_of_pictures_is_a_catalogue(folder, clip):
    made = assort("index", folder, "--format", "images", "--image-model", clip, "--json")
    assert (made["new"], made["images"]["embedded"]) == (5, 4)
    assert assort("similar", "A", "--by", "image", "--json")[0]["product_id"] == "B"


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2", "dinov2", "dinov2_with_registers", "vit"])
def test_every_architecture_goes_through_the_same_command(folder, checkpoints, name):
    made = assort("index", folder, "--format", "images", "--image-model", checkpoints[name], "--json")
    assert made["images"]["embedded"] == 4
    assert assort("info", "--json")["image_model"] == str(checkpoints[name])
    assert assort("similar", "A", "--by", "image", "--json")[0]["product_id"] == "B"
    knows_words = name in ("clip", "siglip", "siglip2")
    said = assort("search", "red", "--by", "image", code=0 if knows_words else 1)
    assert knows_words or "knows no words" in said


def test_pictures_that_a_table_holds_as_bytes_are_embedded(clip):
    def packed(colour):
        with io.BytesIO() as content:
            painted(colour).save(content, "PNG")
            return {"bytes": content.getvalue(), "path": None}

    rows = [{"id": i, "title": f"shirt {i}", "image": packed(colour)} for i, colour in COLOURS.items()]
    pd.DataFrame(rows).to_parquet("shop.parquet")
    made = assort("index", "shop.parquet", "--images", "download", "--image-model", clip, "--json")
    assert made["images"]["embedded"] == 4
    assert assort("similar", "C", "--by", "image", "--json")[0]["product_id"] == "D"


def test_visual_words_need_no_weights_and_are_kept_with_the_collection(catalogue, folder):
    for number in range(40):  # enough to learn from
        painted(["red", "blue"][number % 2], seed=number).save(folder / f"more{number}.png")
    assort("index", folder, "--format", "images", "--image-model", "visual-words", "--json")
    painted("red", seed=99).save("query.png")
    nearest = assort("search", "--image", "query.png", "--limit", 1, "--json")[0]
    assert nearest["product_id"] in {"A", "B", *(f"more{n}" for n in range(0, 40, 2))}
    assert "knows no words" in assort("search", "red", "--by", "image", code=1)
    assert assort("index", folder, "--format", "images", "--json")["images"]["unchanged"] == 44


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["index", "shop.jsonl", "--images", "nowhere"], "'nowhere' is neither download, none nor a folder"),
        (["index", "shop.jsonl", "--image-column", "file"], "--image-column names files in a folder"),
        (["index", "shop.jsonl", "--image-model", "visual-words"], "are for --images download or a folder"),
        (["search"], "give a TEXT or --image FILE, one of them"),
        (["similar", "A", "--by", "fused", "--weights", "text"], "'text' is not KIND=NUMBER"),
        (["similar", "A", "--weights", "text=1"], "--weights are for --by fused"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_two(catalogue, arguments, message):
    assert message in assort(*arguments, code=2)


def test_questions_by_picture_without_pictures_say_what_to_do(catalogue, clip):
    assort("index", catalogue)
    Image.new("RGB", (9, 9)).save("query.png")
    for question in (
        ["search", "--image", "query.png"],
        ["search", "red", "--by", "image"],
        ["similar", "A", "--by", "image"],
        ["tune-fusion", "--truth", "brand"],
    ):
        assert "run `assort index CATALOGUE --images download`" in assort(*question, code=1)


def test_a_picture_that_cannot_be_used_is_named(catalogue, folder, clip):
    assort("index", catalogue, "--images", folder, "--image-model", clip)
    message = assort("search", "--image", folder / "E.jpg", code=1)
    assert f"'{folder / 'E.jpg'}' cannot be used: empty file" in message


def test_where_no_picture_is_usable_the_run_says_of_each_why(catalogue, folder):
    for product_id in COLOURS:
        (folder / f"{product_id}.png").write_text("not a picture")
    said = assort("index", catalogue, "--images", folder, "--image-model", "visual-words", code=1)
    assert "rejected, no picture, but text/plain: 4\n  rejected, empty file: 1\n" in said
    assert said.endswith(
        "Error: the products are in the store, but none of their pictures: 5 were rejected, 1 products name none. In "
        f"'{folder}' they are looked for as <product id>.jpg, or as --image-column says\n"
    )
    assert "no pictures" in assort("search", "--image", folder / "A.png", code=1)


def test_a_model_that_is_not_there_is_told_before_texts_are_embedded(catalogue, folder, embedder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    for model in ([], ["--image-model", "google/siglip2-base-patch16-224"], ["--image-model", "no/such"]):
        said = assort("index", catalogue, "--images", folder, *model, code=1)
        assert "is not on this machine and HF_HUB_OFFLINE forbids asking the Hugging Face hub" in said
        assert "take --image-model visual-words, which needs no weights" in said
    assert "there is no model folder './nowhere'" in assort(
        "index", catalogue, "--images", folder, "--image-model", "./nowhere", code=1
    )
    assert embedder.embedded == []


def test_the_part_that_was_embedded_is_drawn_and_a_photo_that_is_gone_is_said(catalogue, folder, clip, monkeypatch):
    page = Image.new("RGB", (90, 60), "white")
    page.paste("red", (60, 20, 80, 40))
    page.save(folder / "A.png")
    assort("index", catalogue, "--images", folder, "--image-model", clip, "--crop", "salient")
    left, top, right, bottom = assort("show", "A", "--json")["picture_box"]
    assert 50 <= left <= 60 < 80 <= right
    assert 10 <= top <= 20 < 40 <= bottom
    assort("cluster", "similarity")
    monkeypatch.setattr("indexer.images.crop.salient_box", None)  # nothing is looked for again
    assert assort("grids", "similarity", "--json")["pictures"] == 4
    (folder / "A.png").unlink()
    assert "1 pictures removed that are no longer there" in assort("index", catalogue, "--images", folder)


def test_own_fields_and_the_picture_are_exported(folder, clip, tmp_path):
    rows = "\n".join(
        f"{i},shirt {i},{tone},{size},x{i}" for i, tone, size in zip("ABCDEF", "rrbb b", range(6), strict=True)
    )
    (tmp_path / "shop.csv").write_text(f"id,title,tone,size,cost\n{rows}\n")
    maps = ("--map", "tone=tone", "--map", "size=size", "--map", "similarity_cluster=cost")
    assort("index", "shop.csv", *maps, "--images", folder, "--image-model", clip)
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        assort("export", f"all{ending}")
        table = read(f"all{ending}").set_index("product_id").sort_index()
        assert list(table.columns[-4:]) == ["picture", "tone", "size", "fields.similarity_cluster"]
        assert table.loc["A", ["picture", "tone", "size"]].tolist() == [str(folder / "A.png"), "r", 0.0]
        assert table["size"].tolist() == list(range(6))
        assert table["fields.similarity_cluster"].tolist() == [f"x{i}" for i in "ABCDEF"]


def test_a_model_folder_goes_by_its_place_and_is_refused_once_it_holds_another_model(
    catalogue, folder, clip, tmp_path, monkeypatch
):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine").symlink_to(clip, target_is_directory=True)
    assort("index", catalogue, "--images", folder, "--image-model", "models/mine")
    monkeypatch.chdir(folder)
    store = ["--store", tmp_path / "store"]
    assert assort("search", "red", "--by", "image", "--json", *store)
    painted("green").save(folder / "F.png")
    again = [tmp_path / catalogue, "--images", folder, "--rejects", tmp_path / "rejects"]
    made = assort("index", *again, "--image-model", clip, "--json", *store)["images"]
    assert (made["embedded"], made["unchanged"]) == (1, 4)
    weights = next(Path(clip).glob("*.safetensors"))
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-4] + b"\0\0\0\0")
        said = assort("index", *again, *store, code=1)
        assert "holds other files than when the pictures of collection 'products' were embedded" in said
        assert "put the former ones back, or index into another --collection" in said
    finally:
        weights.write_bytes(kept)


def test_a_model_without_its_weights_is_told_before_texts_are_embedded(catalogue, folder, clip, embedder, tmp_path):
    (tmp_path / "bare").mkdir()
    for file in Path(clip).iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / "bare" / file.name).write_bytes(file.read_bytes())
    said = assort("index", catalogue, "--images", folder, "--image-model", tmp_path / "bare", code=1)
    assert "does not load" in said
    assert embedder.embedded == []


def test_rejects_call_a_picture_what_the_catalogue_calls_it(folder, clip, tmp_path):
    (folder / "deep").mkdir()
    painted("red").save(folder / "deep" / "one.jpg")
    (tmp_path / "named.jsonl").write_text(
        "\n".join(
            json.dumps({"product_id": i, "title": f"shirt {i}", "file": file})
            for i, file in {"1": "one.jpg", "2": "two.jpg", "3": "ONE.JPG", "4": "../x.jpg"}.items()
        )
    )
    options = ["--images", folder, "--image-column", "file", "--image-model", clip, "--rejects", tmp_path / "rejects"]
    made = assort("index", "named.jsonl", *options, "--json")["images"]
    assert (made["embedded"], made["rejected"]) == (2, {"no such file": 1, "path leads out of the folder": 1})
    told = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert {each["text"]: each["file"] for each in told} == {"product_id 2": "two.jpg", "product_id 4": "../x.jpg"}


def test_what_cannot_be_meant_is_wrong_usage(catalogue, folder, clip):
    assort("index", catalogue, "--images", folder, "--image-model", clip)
    assert "the text to search for is empty" in assort("search", " ", "--by", "image", code=1)
    assert "gives text twice" in assort("similar", "A", "--by", "fused", "--weights", "text=1,text=2", code=2)
    assert "leave --images none away" in assort("index", folder, "--format", "images", "--images", "none", code=2)
