"""The embedding stages: forward passes of a text model and of two image towers, in bfloat16.

Throughput does not depend on what the weights are, so where there is no checkpoint an architecture is built from its
published sizes with random ones.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmark_gpu_costs import clip_flops, encoder_flops, forward, siglip_flops
from benchmark_gpu_timing import Bench, Row
from torch import Tensor

TITLE, DESCRIBED = 17, 80
"""Tokens of a title, and of a title with its description."""

PRECISION = "bf16"
PASSES = 8
"""Batches in one timed run."""


@dataclass(frozen=True, slots=True)
class Tower:
    """An image tower.

    Args:
        name: As the table calls it.
        sizes: Of its configuration, as published.
        flops: Counts the operations for one picture.
        build: Makes it of a configuration with these sizes.
    """

    name: str
    sizes: Mapping[str, int]
    flops: Callable[[Mapping[str, int]], int]
    build: Callable[[Mapping[str, Any]], Any]


def _clip(sizes: Mapping[str, Any]) -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes))


def _siglip(sizes: Mapping[str, Any]) -> Any:
    from transformers import SiglipVisionConfig, SiglipVisionModel

    return SiglipVisionModel(SiglipVisionConfig(**sizes))


def _clip_flops(sizes: Mapping[str, int]) -> int:
    return clip_flops(**_shape(sizes), projection=sizes["projection_dim"])


def _siglip_flops(sizes: Mapping[str, int]) -> int:
    return siglip_flops(**_shape(sizes))


def _shape(sizes: Mapping[str, int]) -> dict[str, int]:
    return {
        "image": sizes["image_size"],
        "patch": sizes["patch_size"],
        "layers": sizes["num_hidden_layers"],
        "hidden": sizes["hidden_size"],
        "intermediate": sizes["intermediate_size"],
    }


_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_IMAGE = {"image_size": 224}
TOWERS = (
    Tower("CLIP ViT-B/32", {**_BASE, **_IMAGE, "patch_size": 32, "projection_dim": 512}, _clip_flops, _clip),
    Tower("SigLIP base 16", {**_BASE, **_IMAGE, "patch_size": 16}, _siglip_flops, _siglip),
)
MINILM = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
}


def text_stage(bench: Bench, *, tokens_a_batch: int, folder: Path | None, layers: int | None) -> Iterator[Row]:
    """Time MiniLM, or the checkpoint in a folder, on texts of two lengths; tokenising is not part of it.

    Args:
        bench: Where to, and how often.
        tokens_a_batch: Tokens embedded at once.
        folder: A checkpoint of transformers; None builds MiniLM with random weights.
        layers: Layers to build instead of MiniLM's six.
    """
    name = folder.resolve().name if folder else "MiniLM"
    model = bench.attempt(f"embedding, {name}", "texts", lambda: _ready(_text_model(folder, layers), bench.device))
    if isinstance(model, Row):
        yield model
        return
    made = model.config
    for tokens in (TITLE, DESCRIBED):
        batch = max(1, tokens_a_batch // tokens)
        flops = encoder_flops(
            tokens, layers=made.num_hidden_layers, hidden=made.hidden_size, intermediate=made.intermediate_size
        )
        ids = torch.randint(made.vocab_size, (batch, tokens), device=bench.device)
        cost = forward(flops, batch, weights=weights(model), input_bytes=8 * tokens, dim=made.hidden_size, itemsize=2)
        yield bench.measure(
            f"embedding, {made.num_hidden_layers}-layer {name}",
            f"{PASSES} batches of {batch:,} texts of {tokens} tokens",
            partial(_passes, partial(text_vectors, model), ids),
            precision=PRECISION,
            cost=cost * PASSES,
            figures=lambda _, seconds, batch=batch: {"texts/s": PASSES * batch / seconds},  # type: ignore[misc]
        )[0]


def image_stage(bench: Bench, *, batch: int, layers: int | None) -> Iterator[Row]:
    """Time the image towers of CLIP and SigLIP on pictures that are already pixels on the device.

    Args:
        bench: Where to, and how often.
        batch: Pictures embedded at once.
        layers: Layers to build instead of a tower's own twelve.
    """
    for tower in TOWERS:
        sizes = {**tower.sizes, **({"num_hidden_layers": layers} if layers else {})}
        stage = f"embedding, {sizes['num_hidden_layers']}-layer {tower.name}"
        side = sizes["image_size"]
        size = f"{PASSES} batches of {batch:,} pictures of {side} x {side}"
        model = bench.attempt(stage, size, lambda: _ready(tower.build(sizes), bench.device))  # noqa: B023  # called now
        if isinstance(model, Row):
            yield model
            continue
        pixels = torch.randn(batch, 3, side, side, device=bench.device, dtype=torch.bfloat16)
        cost = forward(
            tower.flops(sizes),
            batch,
            weights=weights(model),
            input_bytes=2 * 3 * side * side,
            dim=sizes.get("projection_dim", sizes["hidden_size"]),
            itemsize=2,
        )
        yield bench.measure(
            stage,
            size,
            partial(_passes, partial(image_vectors, model), pixels),
            precision=PRECISION,
            cost=cost * PASSES,
            figures=lambda _, seconds: {"images/s": PASSES * batch / seconds},
        )[0]


def _text_model(folder: Path | None, layers: int | None) -> Any:
    from transformers import AutoModel, BertConfig, BertModel

    if folder:
        return AutoModel.from_pretrained(folder, local_files_only=True)
    sizes: dict[str, Any] = {**MINILM, **({"num_hidden_layers": layers} if layers else {})}
    return BertModel(BertConfig(**sizes), add_pooling_layer=False)


def _ready(model: Any, device: str) -> Any:
    return model.to(device=device, dtype=torch.bfloat16).eval()


def weights(model: Any) -> int:
    """Count the parameters that a pass reads whole; of a table of words it reads a few rows."""
    return sum(each.numel() for name, each in model.named_parameters() if "word_embeddings" not in name)


def text_vectors(model: Any, ids: Tensor) -> Tensor:
    """Average the tokens of each text and scale to length 1, as sentence-transformers does for MiniLM."""
    states = model(input_ids=ids).last_hidden_state
    return torch.nn.functional.normalize(states.mean(dim=1), dim=1)


def image_vectors(model: Any, pixels: Tensor) -> Tensor:
    """Embed pictures, rows of length 1."""
    found = model(pixel_values=pixels)
    projected = getattr(found, "image_embeds", None)
    return torch.nn.functional.normalize(found.pooler_output if projected is None else projected, dim=1)


def _passes(embed: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        for _ in range(PASSES):
            vectors = embed(inputs)
    return vectors
