import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.embedders.models import ModelUnavailable
from indexer.images import segment
from indexer.images.crop import CROPS, checked_crop, crop, crop_box, salient_box, segmenter, with_context
from indexer.images.foreground import enlarged
from indexer.images.segment import segmented_box


def page(size, colour="white"):
    picture = Image.new("RGB", size, colour)
    return picture, ImageDraw.Draw(picture)


def invoice():
    """A page of text with a logo on top."""
    picture, pen = page((600, 800))
    for y in range(250, 760, 24):
        pen.text((60, y), "Item description quantity price total " * 2, fill="black")
    pen.rectangle((340, 40, 489, 129), fill=(200, 30, 40))
    pen.ellipse((380, 50, 450, 120), fill=(250, 220, 20))
    return picture, (340, 40, 490, 130)


def ring():
    """A ring on a wooden table."""
    grain = np.sin(np.arange(400) / 5)[:, None, None] * 10 + np.random.default_rng(0).normal(0, 6, (400, 500, 3))
    picture = Image.fromarray(np.clip(grain + np.array([150, 110, 70]), 0, 255).astype(np.uint8))
    ImageDraw.Draw(picture).ellipse((130, 210, 209, 289), outline=(240, 210, 90), width=12)
    return picture, (130, 210, 210, 290)


def trousers():
    """Cut off at the lower edge, as on a model."""
    picture, pen = page((300, 500), (240, 240, 238))
    pen.polygon([(100, 200), (199, 200), (239, 499), (60, 499)], fill=(30, 60, 160))
    return picture, (60, 200, 240, 500)


def white_shoe():
    """Pale, with a dark lining."""
    picture, pen = page((224, 224))
    pen.polygon([(20, 90), (90, 85), (130, 120), (200, 130), (200, 150), (20, 150)], fill=(232, 232, 230))
    pen.ellipse((30, 86, 80, 100), fill=(20, 20, 20))
    return picture, (20, 85, 201, 151)


def pair():
    """Two earrings, one turned away."""
    picture, pen = page((200, 200), "black")
    for x, width in ((40, 30), (130, 20)):
        pen.ellipse((x, 80, x + width - 1, 119), fill=(200, 200, 210))
    return picture, (40, 80, 150, 120)


def mug():
    """A mug on a table, which is what there is below."""
    picture, pen = page((300, 300), (225, 228, 230))
    pen.rectangle((0, 200, 299, 299), fill=(150, 110, 70))
    pen.rectangle((110, 130, 189, 229), fill=(20, 110, 140))
    return picture, (110, 130, 190, 230)


SCENES = (invoice, ring, trousers, white_shoe, pair, mug)


def overlap(one, other):
    left, top = np.maximum(one[:2], other[:2])
    right, bottom = np.minimum(one[2:], other[2:])
    common = max(0, right - left) * max(0, bottom - top)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common)


@pytest.mark.parametrize("scene", SCENES)
def test_the_thing_is_found_on_its_page(scene):
    picture, box = scene()
    assert overlap(salient_box(picture), box) > 0.8


@pytest.mark.parametrize("scene", SCENES)
def test_a_crop_holds_the_thing_and_is_as_square_as_the_picture_allows(scene):
    picture, box = scene()
    found = with_context(salient_box(picture), picture.size)
    cropped = crop(picture, "salient")
    assert cropped.size == (found[2] - found[0], found[3] - found[1])
    assert found[0] <= box[0] + 7
    assert found[1] <= box[1] + 7
    assert found[2] >= box[2] - 7
    assert found[3] >= box[3] - 7
    short = int(cropped.width > cropped.height)  # the axis along which a square would not fit
    assert cropped.width == cropped.height or cropped.size[short] == picture.size[short]


def test_without_cropping_the_picture_itself_comes_back():
    picture, _ = ring()
    assert crop(picture, "none") is picture


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (700, 2), (3, 3), (97, 96)])
def test_a_picture_of_nothing_is_kept_whole(size):
    assert salient_box(Image.new("RGB", size, "teal")) == (0, 0, *size)
    assert crop(Image.new("RGB", size, "teal"), "salient").size == size


@pytest.mark.parametrize("seed", range(8))
def test_a_crop_is_never_empty_and_never_outside(seed):
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 60, 2)
    picture = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
    left, top, right, bottom = salient_box(picture)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert min(crop(picture, "salient").size) >= 1


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((40, 40, 60, 60), (100, 100), (38, 38, 61, 61)),  # a margin of 8 %, rounded
        ((40, 45, 60, 55), (100, 100), (38, 38, 61, 61)),  # to a square
        ((0, 40, 20, 60), (100, 100), (0, 38, 23, 61)),  # at the edge: the other side gets it
        ((0, 0, 100, 10), (100, 30), (0, 0, 100, 30)),  # no more than there is
        ((0, 0, 1, 1), (1, 1), (0, 0, 1, 1)),
    ],
)
def test_context_is_a_margin_and_a_square_inside_the_picture(box, size, expected):
    assert with_context(box, size) == expected


def test_a_box_grows_with_its_picture_and_covers_what_it_covered():
    assert enlarged((1, 2, 3, 4), (10, 10), (100, 50)) == (10, 10, 30, 20)
    assert enlarged((1, 0, 2, 3), (3, 3), (10, 10)) == (3, 0, 7, 10)


# --- Segment Anything ------------------------------------------------------------------------------------------------


def test_segment_anything_is_asked_about_every_point_as_transformers_would(tiny_sam):
    import torch
    from transformers import SamModel, SamProcessor

    picture, _ = trousers()
    masks, qualities = segment._masks(picture, *segment._loaded(tiny_sam))
    assert masks.shape == (3 * 16, 500, 300)
    assert masks.dtype == bool
    network, processor = SamModel.from_pretrained(tiny_sam).eval(), SamProcessor.from_pretrained(tiny_sam)
    inputs = processor(picture, input_points=[[[112.5, 312.5]]], return_tensors="pt")  # the second column, third row
    with torch.no_grad():
        found = network(**inputs)
    plain = processor.image_processor.post_process_masks(
        found.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )[0][0].numpy()
    asked = slice(3 * (2 * 4 + 1), 3 * (2 * 4 + 2))
    assert (masks[asked] == plain).mean() > 0.999
    assert qualities[asked] == pytest.approx(found.iou_scores.numpy().ravel(), abs=1e-4)


def test_another_segment_anything_is_asked_by_its_folder_from_anywhere(tiny_sam, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(tiny_sam).parent)
    how = checked_crop(f"sam:{Path(tiny_sam).name}")
    monkeypatch.chdir(tmp_path)
    assert (how, segmenter(how)) == (f"sam:{Path(tiny_sam).resolve()}", str(Path(tiny_sam).resolve()))
    picture, _ = trousers()
    assert crop_box(picture, how) == with_context(segmented_box(picture, model=tiny_sam), picture.size)


def test_a_model_of_another_kind_segments_nothing(checkpoints):
    with pytest.raises(ModelUnavailable, match=r"folder .* does not load \(it is of type clip, not sam\): "):
        segmented_box(Image.new("RGB", (9, 9)), model=str(checkpoints["clip"]))


def test_a_way_to_crop_is_one_of_those_there_are():
    assert checked_crop("sam:facebook/sam-vit-base") == "sam"
    with pytest.raises(ValueError, match="^a crop is none, salient, sam or sam:MODEL, .*, got 'Sam'$"):
        crop_box(Image.new("RGB", (9, 9)), "Sam")
    assert [checked_crop(how) for how in CROPS] == list(CROPS)
    assert checked_crop("sam:facebook/sam-vit-huge") == "sam:facebook/sam-vit-huge"
    assert [segmenter(how) for how in (*CROPS, "sam:x/y")] == [None, None, "facebook/sam-vit-base", "x/y"]
    for wrong in ("tight", "sam:", ""):
        with pytest.raises(ValueError, match=f"^a crop is none, salient, sam or sam:MODEL, .*, got '{wrong}'$"):
            checked_crop(wrong)


def test_a_segmented_box_lies_inside_the_picture(tiny_sam):
    picture, _ = trousers()
    left, top, right, bottom = segmented_box(picture, model=tiny_sam)
    assert 0 <= left < right <= 300
    assert 0 <= top < bottom <= 500


def mask(left, top, right, bottom):
    marked = np.zeros((64, 128), bool)
    marked[top:bottom, left:right] = True
    return marked


def test_the_mask_that_others_agree_with_is_the_thing(monkeypatch):
    whole, detail, thing = mask(0, 0, 128, 64), mask(50, 50, 54, 54), mask(40, 10, 100, 50)
    others = [mask(42, 10, 98, 50), mask(40, 12, 101, 50), mask(105, 10, 120, 40)]
    found = np.array([whole, whole, whole, detail, *others, thing])

    def masks(picture, network, processor):
        scale = picture.height // 64
        return np.kron(found, np.ones((scale, scale), bool)), np.array([1, 1, 1, 1, 0.7, 0.7, 0.9, 0.8], np.float32)

    monkeypatch.setattr(segment, "_loaded", lambda model: (None, None))
    monkeypatch.setattr(segment, "_masks", masks)
    assert segmented_box(Image.new("RGB", (128, 64))) == (40, 10, 100, 50)
    assert segmented_box(Image.new("RGB", (2048, 1024))) == (640, 160, 1600, 800)  # the model sees 1024 x 512
    assert crop(Image.new("RGB", (128, 64)), "sam").size == (70, 64)
    found[1:] = whole
    assert segmented_box(Image.new("RGB", (128, 64))) == (0, 0, 128, 64)


def test_without_its_weights_there_is_a_way_out(tmp_path):
    with pytest.raises(ModelUnavailable) as missing:
        segmented_box(Image.new("RGB", (9, 9)), model=str(tmp_path / "none"))
    assert str(missing.value) == (
        f"there is no model folder '{tmp_path / 'none'}': give a folder or a name on the Hugging Face hub"
    )
    way_out = "`assort index --crop sam:FOLDER` takes one from a folder, and --crop salient needs none$"
    with pytest.raises(ModelUnavailable, match=rf"folder .* does not load .*: {way_out}"):
        segmented_box(Image.new("RGB", (9, 9)), model=str(tmp_path))


def test_cropping_without_a_model_loads_none():
    code = "import sys, indexer.images.crop; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
