import json
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import numpy as np
import pytest
from PIL import Image

from indexer.embedders import image, vision
from indexer.embedders.image import DEFAULT_IMAGE_MODEL, ImageEmbedder, prefetch
from indexer.embedders.models import ModelUnavailable, find_model, spare_noise

TEXTS = ["red shoe", "a BLUE bag", "ring"]
DIMS = {"clip": 24, "siglip": 32, "siglip2": 32, "dinov2": 32, "dinov2_with_registers": 32, "vit": 32}
WITH_TEXTS = ["clip", "siglip", "siglip2"]


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch):
    """A GPU computes in half precision: what is exact to 1e-4 is so on the processor."""
    import torch

    monkeypatch.setattr(image, "fastest_device", lambda: ("cpu", torch.float32))


def copied(folder, target, *, without=""):
    for file in folder.iterdir():
        if not without or not file.name.startswith(without):
            (target / file.name).write_bytes(file.read_bytes())
    return target


@pytest.fixture(scope="module")
def pictures():
    """Wide, tall, small and square, each different in every corner."""
    random = np.random.default_rng(3)
    sizes = ((40, 90, 3), (64, 33, 3), (5, 7, 3), (48, 48, 3))
    return [Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)) for size in sizes]


def length_one(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def plain(folder, ask):
    """Ask the whole model, as transformers loads it, without anything of ours."""
    import torch
    from transformers import AutoModel

    with torch.no_grad():
        return length_one(ask(AutoModel.from_pretrained(folder).eval()).numpy())


def features(output):
    return getattr(output, "pooler_output", output)  # older transformers give the vectors themselves


@pytest.mark.parametrize("architecture", DIMS)
def test_vectors_agree_with_plain_transformers_on_the_same_checkpoint(checkpoints, pictures, architecture):
    """Golden: CLIP's and SigLIP's own image features, and the last state of the CLS token of the others."""
    from transformers import AutoImageProcessor

    folder = checkpoints[architecture]
    inputs = AutoImageProcessor.from_pretrained(folder)(images=pictures, return_tensors="pt")
    if architecture in WITH_TEXTS:
        golden = plain(folder, lambda model: features(model.get_image_features(**inputs)))
    else:
        golden = plain(folder, lambda model: model(**inputs).last_hidden_state[:, 0])
    vectors = ImageEmbedder(str(folder)).embed(pictures)
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, DIMS[architecture])
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, golden, atol=1e-4)
    assert np.abs(golden[0] - golden[1]).max() > 1e-2


@pytest.mark.parametrize("architecture", WITH_TEXTS)
def test_texts_agree_with_plain_transformers_on_the_same_checkpoint(checkpoints, architecture):
    """Golden: texts in small letters, padded as the models' cards say."""
    from transformers import AutoTokenizer

    folder = checkpoints[architecture]
    padding = {"padding": True} if architecture == "clip" else {"padding": "max_length", "max_length": 8}
    small = [text.lower() for text in TEXTS]
    tokens = AutoTokenizer.from_pretrained(folder)(small, truncation=True, return_tensors="pt", **padding)
    golden = plain(folder, lambda model: features(model.get_text_features(**tokens)))
    vectors = ImageEmbedder(str(folder)).embed_texts(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, DIMS[architecture])
    np.testing.assert_allclose(vectors, golden, atol=1e-4)
    assert np.abs(golden[0] - golden[1]).max() > 1e-2


@pytest.mark.parametrize("architecture", WITH_TEXTS)
def test_a_text_beyond_the_models_limit_is_cut(checkpoints, architecture):
    embedder = ImageEmbedder(str(checkpoints[architecture]))
    long = " ".join(["red shoe"] * 40)
    vectors = embedder.embed_texts([long, f"{long} ring", "red"])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3
    np.testing.assert_allclose(embedder.embed_texts(["red"])[0], vectors[2], atol=1e-5)  # padding changes nothing


def test_what_is_in_the_table_is_known_without_asking_anyone(monkeypatch):
    monkeypatch.setattr(image, "find_model", None)
    monkeypatch.setattr(vision, "find_model", None)
    embedder = ImageEmbedder()
    assert (embedder.name, embedder.dim, embedder.shares_text) == ("openai/clip-vit-base-patch32", 512, True)
    assert (ImageEmbedder("facebook/dinov2-small").dim, ImageEmbedder("facebook/dinov2-small").shares_text) == (
        384,
        False,
    )
    assert {known.architecture for known in vision.KNOWN.values()} == set(vision.ARCHITECTURES) == set(DIMS)


@pytest.mark.parametrize("architecture", DIMS)
def test_a_folder_tells_its_dimensions_before_any_weight_is_read(checkpoints, tmp_path, architecture):
    (tmp_path / "config.json").write_bytes((checkpoints[architecture] / "config.json").read_bytes())
    embedder = ImageEmbedder(str(tmp_path))
    assert (embedder.dim, embedder.shares_text) == (DIMS[architecture], architecture in WITH_TEXTS)
    assert embedder.embed([]).shape == (0, DIMS[architecture])


def test_a_model_is_loaded_once_however_many_threads_and_sides_want_it_and_says_so_quietly(
    checkpoints, pictures, capfd
):
    folder, said, made = checkpoints["clip"], [], []
    embedder = ImageEmbedder(str(folder), on_load=said.append)
    together = Barrier(4)

    def prepare():
        together.wait()
        made.append(embedder.embed_prepared(embedder.prepare(pictures)))

    assert said == []
    threads = [Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    embedder.embed_texts(TEXTS)
    assert said == [f"{folder} (local folder, 24 dimensions, licence unknown): PyTorch on cpu, float32"]
    assert capfd.readouterr() == ("", "")
    for vectors in made:
        np.testing.assert_array_equal(vectors, made[0])


def test_no_pictures_and_no_texts_give_no_rows(checkpoints):
    embedder = ImageEmbedder(str(checkpoints["clip"]))
    assert embedder.embed([]).shape == embedder.embed_texts([]).shape == (0, 24)


def test_vectors_do_not_depend_on_the_batch_and_keep_their_order(checkpoints, pictures, monkeypatch):
    embedder = ImageEmbedder(str(checkpoints["vit"]))
    whole = embedder.embed_prepared(embedder.prepare(pictures * 3))
    monkeypatch.setitem(image._BATCH, "cpu", 1)
    assert embedder.batch_size == 1
    np.testing.assert_allclose(embedder.embed(pictures * 3), whole, atol=1e-5)


@pytest.mark.parametrize("architecture", DIMS)
def test_a_gpu_gives_the_processors_vectors_but_for_half_precision(checkpoints, pictures, monkeypatch, architecture):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    exact = ImageEmbedder(str(checkpoints[architecture])).embed(pictures)
    monkeypatch.undo()
    assert image.fastest_device() == ("cuda", torch.float16)
    vectors = ImageEmbedder(str(checkpoints[architecture])).embed(pictures)
    np.testing.assert_allclose(vectors, exact, atol=2e-3)


def test_half_precision_stays_near(checkpoints, pictures, monkeypatch):
    import torch

    exact = ImageEmbedder(str(checkpoints["dinov2"])).embed(pictures)
    monkeypatch.setattr(image, "fastest_device", lambda: ("cpu", torch.float16))
    said = []
    vectors = ImageEmbedder(str(checkpoints["dinov2"]), on_load=said.append).embed(pictures)
    assert said[0].endswith("PyTorch on cpu, float16")
    assert vectors.dtype == np.float32
    assert 0.999 < np.einsum("ij,ij->i", vectors, exact).min() < 1


def test_a_model_whose_activations_exceed_half_precision_is_computed_in_full(checkpoints, pictures, monkeypatch):
    import torch

    embedder = ImageEmbedder(str(checkpoints["dinov2"]))
    ready = embedder.prepare(pictures)
    encoder = embedder._encoder(vision.picture_side)
    encoder._module.embeddings.patch_embeddings.projection.weight.data *= (
        3e5  # each weight has room in float16, their sums have not
    )
    exact = encoder.encode(ready)
    encoder._module.half()
    assert not np.isfinite(encoder._forward(ready)).all()
    np.testing.assert_allclose(encoder.encode(ready), exact, atol=1e-2)
    assert encoder._module.dtype == torch.float32


@pytest.mark.parametrize("size", [(2, 20_000), (20_000, 2)])
def test_a_very_long_picture_is_looked_at_in_its_middle_and_does_not_fill_the_memory(checkpoints, size):
    embedder = ImageEmbedder(str(checkpoints["clip"]))
    random = np.random.default_rng(5)
    picture = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    left, top = (max(0, side // 2 - 8) for side in size)
    middle = picture.crop((left, top, size[0] - left, size[1] - top))
    assert sorted(middle.size) == [2, 16]
    assert vision._without_ends(picture).size == middle.size
    assert vision._without_ends(middle) is middle
    np.testing.assert_array_equal(embedder.embed([picture]), embedder.embed([middle]))


def test_a_model_that_knows_no_texts_says_what_to_do(checkpoints):
    with pytest.raises(ValueError) as error:
        ImageEmbedder("facebook/dinov2-base").embed_texts(["red shoe"])
    assert str(error.value) == (
        "model 'facebook/dinov2-base' knows no texts: to search pictures by words, index them with "
        f"--image-model {DEFAULT_IMAGE_MODEL} into another --collection"
    )


WAY_OUT = (
    "take --image-model visual-words, which needs no weights, or give --image-model a folder that holds a model of "
    "type clip, siglip, siglip2, dinov2, dinov2_with_registers, vit, with its config.json and preprocessor_config.json"
)


@pytest.mark.parametrize(
    ("config", "kind"), [({"model_type": "resnet"}, "resnet"), ({"hidden_size": 3}, "unknown"), (None, "unknown")]
)
def test_a_model_of_another_architecture_is_refused_with_what_is_supported(tmp_path, pictures, config, kind):
    if config:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder(str(tmp_path)).embed(pictures)
    assert str(error.value) == f"model '{tmp_path}' is of type {kind}, which cannot embed pictures here: {WAY_OUT}"


def test_a_model_out_of_reach_is_named_with_the_offline_way_out(monkeypatch, pictures):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder("who/what").embed(pictures)
    assert str(error.value) == (
        "model 'who/what' is not on this machine and HF_HUB_OFFLINE forbids asking the Hugging Face hub: "
        f"check the name and the network; without one, {WAY_OUT}"
    )


@pytest.mark.parametrize("missing", ["preprocessor_config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_named_with_the_way_out(checkpoints, tmp_path, pictures, missing):
    copied(checkpoints["vit"], tmp_path, without=missing)
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder(str(tmp_path)).embed(pictures)
    said = str(error.value)
    assert said.startswith(f"folder '{tmp_path}' does not load (")
    assert missing in said
    assert said.endswith(f"): {WAY_OUT}")


def test_a_checkpoint_without_all_its_weights_is_refused_and_not_filled_with_noise(checkpoints, tmp_path, pictures):
    from safetensors.torch import load_file, save_file

    copied(checkpoints["dinov2"], tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: value for name, value in weights.items() if name != "layernorm.weight"},
        tmp_path / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder(str(tmp_path)).embed(pictures)
    assert str(error.value) == (
        f"model '{tmp_path}' lacks 1 of the weights of a Dinov2Model, layernorm.weight among them, and would give "
        f"noise: {WAY_OUT}"
    )


def test_damaged_weights_are_refused(checkpoints, tmp_path, pictures):
    weights = copied(checkpoints["vit"], tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder(str(tmp_path)).embed(pictures)
    assert str(error.value).startswith(
        f"the weights of model '{tmp_path}' are damaged or not those of its config.json ("
    )
    assert str(error.value).endswith("): fetch them again")


def test_weights_in_half_precision_are_computed_in_full_on_a_processor(checkpoints, tmp_path, pictures):
    """Golden: transformers computes in the numbers that the checkpoint has unless it is told not to."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    copied(checkpoints["dinov2"], tmp_path, without="model")
    AutoModel.from_pretrained(checkpoints["dinov2"]).bfloat16().save_pretrained(tmp_path)
    inputs = AutoImageProcessor.from_pretrained(tmp_path)(images=pictures, return_tensors="pt")
    with torch.no_grad():
        golden = AutoModel.from_pretrained(tmp_path).float()(**inputs).pooler_output.numpy()
    np.testing.assert_allclose(ImageEmbedder(str(tmp_path)).embed(pictures), length_one(golden), atol=1e-4)


def test_without_its_tokenizer_a_model_embeds_pictures_but_makes_no_guess_at_texts(checkpoints, tmp_path, pictures):
    embedder = ImageEmbedder(str(copied(checkpoints["clip"], tmp_path, without="tokenizer")))
    assert embedder.embed(pictures).shape == (4, 24)
    with pytest.raises(ModelUnavailable) as error:
        embedder.embed_texts(TEXTS)
    assert str(error.value) == (
        f"folder '{tmp_path}' does not load (its tokenizer is missing: 2 word pieces instead of 106): {WAY_OUT}"
    )


def test_a_tokenizer_that_needs_a_package_says_which(checkpoints, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise ImportError("\nSiglipTokenizer requires the SentencePiece library\nand more")

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", refuse)
    with pytest.raises(ModelUnavailable) as error:
        ImageEmbedder(str(checkpoints["siglip"])).embed_texts(TEXTS)
    said = f"model '{checkpoints['siglip']}' cannot read texts here: SiglipTokenizer requires the SentencePiece library"
    assert str(error.value) == said


def test_a_model_in_the_hubs_cache_is_found_by_its_name(checkpoints, tmp_path, monkeypatch, pictures):
    cached = tmp_path / "models--who--what"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    (cached / "snapshots").mkdir()
    (cached / "snapshots" / ("0" * 40)).symlink_to(checkpoints["clip"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = []
    embedder = ImageEmbedder("who/what", on_load=said.append)
    np.testing.assert_array_equal(embedder.embed(pictures), ImageEmbedder(str(checkpoints["clip"])).embed(pictures))
    assert said == ["who/what (local cache, 24 dimensions, licence unknown): PyTorch on cpu, float32"]


def test_the_hub_is_asked_for_what_is_not_on_this_machine(monkeypatch):
    asked = []

    def load(model, *, fetch):
        asked.append(fetch)
        if not fetch:
            raise OSError("not in the cache")
        return model.upper()

    monkeypatch.setattr("indexer.embedders.models._hub_out_of_reach", lambda: "")
    assert find_model("who/what", load, way_out="") == ("WHO/WHAT", "Hugging Face hub")
    assert asked == [False, True]


def test_only_what_comes_over_the_network_has_a_progress_bar():
    from huggingface_hub.utils import are_progress_bars_disabled

    for fetch in (True, False):
        spare_noise(fetch=fetch)
        assert are_progress_bars_disabled() is not fetch


def test_work_is_done_ahead_in_order_but_not_far():
    taken = []

    def items():
        for number in range(10):
            taken.append(number)
            yield number

    squares = prefetch(lambda number: number * number, items(), threads=2)
    assert next(squares) == 0
    assert taken == [0, 1, 2]
    assert list(squares) == [1, 4, 9, 16, 25, 36, 49, 64, 81]


def test_what_fails_ahead_is_told_in_its_turn():
    inverses = prefetch(lambda number: 1 / number, [1, 2, 0, 4], threads=2)
    assert [next(inverses), next(inverses)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(inverses)


def test_importing_the_embedder_loads_no_heavy_library():
    code = "import sys, indexer.embedders.image; print(' '.join(sys.modules))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert not set(done.stdout.split()) & {"torch", "transformers", "PIL", "huggingface_hub"}
