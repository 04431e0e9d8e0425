"""Vision transformers: which are known, how their vectors are pooled, and how transformers loads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .models import ModelUnavailable, find_model, first_line, spare_noise

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_IMAGE_MODEL = "openai/clip-vit-base-patch32"
Pooling = Literal["projected CLS", "attention", "CLS"]
Prepared = Mapping[str, Any]  # name of a model's input -> tensor with a row a picture or text
# A picture longer than this many times its width loses its ends where the model would only look at its middle anyway:
# scaled up until its short side fits, it would fill the memory.
_LONGEST = 8


@dataclass(frozen=True, slots=True)
class Words:
    """How a model embeds texts into the pictures' space.

    Args:
        loads: The class in transformers that holds the text side alone.
        pooled: Where its output has the vectors.
        tokens: How the tokenizer is to pad, as the model was taught.
        lower: It was taught small letters, and its tokenizer may leave them to the caller.
    """

    loads: str
    pooled: str
    tokens: Mapping[str, Any]
    lower: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """What models of one architecture have in common.

    Args:
        loads: The class in transformers that holds the picture side alone: half the memory where there are two.
        pooling: How its outputs become one vector.
        dim: Where its configuration has the dimensions of that vector.
        words: None where it knows pictures only.
        options: For the class.
    """

    loads: str
    pooling: Pooling
    dim: str
    words: Words | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageModel:
    """A model, before anything of it is loaded.

    Args:
        architecture: A key of `ARCHITECTURES`.
        dim: Dimensions of a vector.
        licence: Of its weights.
    """

    architecture: str
    dim: int
    licence: str = "unknown"

    @property
    def shares_text(self) -> bool:
        """Whether texts can be embedded into the pictures' space."""
        return ARCHITECTURES[self.architecture].words is not None


_POOLED: dict[Pooling, Callable[[Any], Any]] = {
    "projected CLS": lambda output: output.image_embeds,
    "attention": lambda output: output.pooler_output,
    "CLS": lambda output: output.last_hidden_state[:, 0],
}
# SigLIP was taught texts of one length, filled up on the right, and makes a vector of the last place, filled or not.
_FULL = {"padding": "max_length", "padding_side": "right", "return_attention_mask": False}

# By `model_type`, as a checkpoint's config.json says it; SigLIP 2 is of type siglip too, unless it is a "NaFlex" one.
# ViT's own pooler was trained for classification and is missing from many checkpoints: CLS is what they share.
ARCHITECTURES: dict[str, Architecture] = {
    "clip": Architecture(
        "CLIPVisionModelWithProjection",
        "projected CLS",
        "projection_dim",
        Words("CLIPTextModelWithProjection", "text_embeds", {"padding": True}),
    ),
    "siglip": Architecture(
        "SiglipVisionModel",
        "attention",
        "vision_config.hidden_size",
        Words("SiglipTextModel", "pooler_output", _FULL, lower=True),
    ),
    "siglip2": Architecture(
        "Siglip2VisionModel",
        "attention",
        "vision_config.hidden_size",
        Words("Siglip2TextModel", "pooler_output", _FULL, lower=True),
    ),
    "dinov2": Architecture("Dinov2Model", "CLS", "hidden_size"),
    "dinov2_with_registers": Architecture("Dinov2WithRegistersModel", "CLS", "hidden_size"),
    "vit": Architecture("ViTModel", "CLS", "hidden_size", options={"add_pooling_layer": False}),
}

# CLIP: Radford et al. 2021. SigLIP 2: Tschannen et al. 2025. DINOv2: Oquab et al. 2023, with registers Darcet et al.
# 2023. ViT: Dosovitskiy et al. 2020. Other names of the hub are asked for their configuration.
KNOWN: dict[str, ImageModel] = {
    DEFAULT_IMAGE_MODEL: ImageModel("clip", 512, "MIT"),
    "openai/clip-vit-base-patch16": ImageModel("clip", 512, "MIT"),
    "openai/clip-vit-large-patch14": ImageModel("clip", 768, "MIT"),
    "patrickjohncyh/fashion-clip": ImageModel("clip", 512, "MIT"),
    "google/siglip2-base-patch16-224": ImageModel("siglip", 768, "Apache-2.0"),
    "google/siglip2-large-patch16-256": ImageModel("siglip", 1024, "Apache-2.0"),
    "google/siglip2-so400m-patch14-384": ImageModel("siglip", 1152, "Apache-2.0"),
    "google/siglip2-base-patch16-naflex": ImageModel("siglip2", 768, "Apache-2.0"),
    "facebook/dinov2-small": ImageModel("dinov2", 384, "Apache-2.0"),
    "facebook/dinov2-base": ImageModel("dinov2", 768, "Apache-2.0"),
    "facebook/dinov2-large": ImageModel("dinov2", 1024, "Apache-2.0"),
    "facebook/dinov2-with-registers-base": ImageModel("dinov2_with_registers", 768, "Apache-2.0"),
    "google/vit-base-patch16-224-in21k": ImageModel("vit", 768, "Apache-2.0"),
}

WAY_OUT = (
    "take --image-model visual-words, which needs no weights, or give --image-model a folder that holds a model of "
    f"type {', '.join(ARCHITECTURES)}, with its config.json and preprocessor_config.json"
)


class Side(NamedTuple):
    """One half of a model, loaded.

    Args:
        prepare: Makes pictures, or texts, into the model's inputs; touches no weights.
        module: The model, as transformers loads it.
        pooled: Takes the vectors from its output.
    """

    prepare: Callable[[Sequence[Any]], Prepared]
    module: Any
    pooled: Callable[[Any], Any]


def describe(model: str) -> ImageModel:
    """Say what is known of a model, from the table or else from its configuration, without loading its weights.

    Args:
        model: Name on the Hugging Face hub, or a folder.

    Raises:
        ModelUnavailable: If it is not to be had, or of an architecture that is not in the table.
    """
    return KNOWN.get(model) or find_model(model, _described, way_out=WAY_OUT)[0]


def check_there(model: str) -> None:
    """Check that a model is on this machine or to be had, and whole, by loading it.

    Args:
        model: Name on the Hugging Face hub, or a folder.

    Raises:
        ModelUnavailable: If it is not to be had, lacks files, or is of an architecture that is not in the table.
    """
    find_model(model, _described, way_out=WAY_OUT)
    find_model(model, picture_side, way_out=WAY_OUT)


def _described(model: str, *, fetch: bool) -> ImageModel:
    architecture, config = _configuration(model, fetch=fetch)
    return ImageModel(architecture, int(attrgetter(ARCHITECTURES[architecture].dim)(config)))


def picture_side(model: str, *, fetch: bool) -> Side:
    """Load the picture side of a model, as `find_model` asks for it.

    Raises:
        ModelUnavailable: If it lacks weights, or is of an architecture that is not in the table.
        OSError: If it is not there.
    """
    from transformers import AutoImageProcessor

    spare_noise(fetch=fetch)
    name, config = _configuration(model, fetch=fetch)
    architecture = ARCHITECTURES[name]
    options: dict[str, Any] = {"local_files_only": not fetch, "trust_remote_code": False}
    processor = AutoImageProcessor.from_pretrained(model, **options)  # type: ignore[no-untyped-call]
    config = _part(config, "vision_config")
    module = _weights(model, architecture.loads, config, fetch=fetch, **architecture.options)
    return Side(partial(_prepared_pictures, processor), module, _POOLED[architecture.pooling])


def text_side(model: str, *, fetch: bool) -> Side:
    """Load the text side of a model, as `find_model` asks for it.

    Raises:
        ModelUnavailable: As for `picture_side`, and if it knows no texts.
        OSError: If it, or its tokenizer, is not there.
    """
    from transformers import AutoTokenizer

    spare_noise(fetch=fetch)
    name, config = _configuration(model, fetch=fetch)
    words = ARCHITECTURES[name].words
    if words is None:
        raise ModelUnavailable(f"model '{model}' is of type {name}, which knows no texts")
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=not fetch, trust_remote_code=False)
    except ImportError as error:
        raise ModelUnavailable(f"model '{model}' cannot read texts here: {first_line(error)}") from error
    config = _part(config, "text_config")
    if 2 * len(tokenizer) < config.vocab_size:  # where its files are missing, transformers makes one up
        raise OSError(f"its tokenizer is missing: {len(tokenizer)} word pieces instead of {config.vocab_size}")
    prepare = partial(_prepared_texts, tokenizer, words, config.max_position_embeddings)
    return Side(prepare, _weights(model, words.loads, config, fetch=fetch), attrgetter(words.pooled))


def _prepared_pictures(processor: Any, pictures: Sequence["Image"]) -> Prepared:
    if getattr(processor, "do_center_crop", False):
        pictures = [_without_ends(picture) for picture in pictures]
    return dict(processor(images=list(pictures), return_tensors="pt"))


def _without_ends(picture: "Image") -> "Image":
    """Cut a very long picture to the part around its middle."""
    short = min(picture.size)
    left, top = (max(0, (side - _LONGEST * short) // 2) for side in picture.size)
    return picture.crop((left, top, picture.width - left, picture.height - top)) if left or top else picture


def _prepared_texts(tokenizer: Any, words: Words, most_tokens: int, texts: Sequence[str]) -> Prepared:
    if words.lower:
        texts = [text.lower() for text in texts]
    cut: dict[str, Any] = {"truncation": True, "max_length": most_tokens, "return_token_type_ids": False}
    return dict(tokenizer(list(texts), return_tensors="pt", **cut, **words.tokens))


def _configuration(model: str, *, fetch: bool) -> tuple[str, Any]:
    """Read a checkpoint's architecture and configuration."""
    from transformers import AutoConfig, PretrainedConfig

    name = PretrainedConfig.get_config_dict(model, local_files_only=not fetch)[0].get("model_type", "unknown")
    if name not in ARCHITECTURES:
        raise ModelUnavailable(f"model '{model}' is of type {name}, which cannot embed pictures here: {WAY_OUT}")
    return name, AutoConfig.from_pretrained(model, local_files_only=not fetch, trust_remote_code=False)


def _part(config: Any, side: str) -> Any:
    """Take one side's part of a configuration; the width of the common space may stand in the whole alone."""
    part = getattr(config, side, config)
    if hasattr(config, "projection_dim"):
        part.projection_dim = config.projection_dim
    return part


def _weights(model: str, loads: str, config: Any, *, fetch: bool, **options: Any) -> Any:
    import transformers
    from safetensors import SafetensorError

    try:
        module, report = getattr(transformers, loads).from_pretrained(
            model, config=config, local_files_only=not fetch, output_loading_info=True, **options
        )
    except (SafetensorError, RuntimeError) as error:
        raise ModelUnavailable(
            f"the weights of model '{model}' are damaged or not those of its config.json ({error}): fetch them again"
        ) from error
    if missing := sorted(report["missing_keys"]):
        raise ModelUnavailable(
            f"model '{model}' lacks {len(missing)} of the weights of a {loads}, {missing[0]} among them, "
            f"and would give noise: {WAY_OUT}"
        )
    return module
