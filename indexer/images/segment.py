"""Find the thing in a picture with Segment Anything (Kirillov et al. 2023), through transformers."""

from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .foreground import Box, bounds, enlarged

SAM = "facebook/sam-vit-base"
"""The default: 375 MB, Apache-2.0; about 2 seconds a picture on a processor, 0.05 on a GPU."""

_SIDE = 1024  # pixels along the longer side of what the model sees
_GRID = 4  # points along a side that the model is asked about: what is this a part of?
_LEAST, _MOST = 0.005, 0.9  # of the picture: smaller is a detail, larger is the page
_TOUCHING = 0.5  # of the border that a mask may cover before it is the background
_WAY_OUT = "`assort index --crop sam:FOLDER` takes one from a folder, and --crop salient needs none"
_asking = Lock()  # pictures are cropped in several threads, and the model is one


def segmented_box(picture: Image.Image, *, model: str = SAM) -> Box:
    """Find the box around what Segment Anything holds for the thing.

    The model is asked what each of 4 x 4 points is a part of. Masks that are a detail, or the page, are left out; of
    the others the one is taken whose points agree most: each mask counts for its own quality and its likeness (IoU) to
    the others.

    Args:
        picture: Of mode RGB, any size.
        model: Name on the Hugging Face hub, or a folder.

    Returns:
        In pixels of the picture; all of it where the model finds no thing.

    Raises:
        ModelUnavailable: If the model is not on this machine and cannot be fetched.
    """
    seen = picture.copy()
    seen.thumbnail((_SIDE, _SIDE))
    with _asking:
        masks, qualities = _masks(seen, *_loaded(model))
    fits = np.array([_is_thing(mask) for mask in masks], bool)
    if not fits.any():
        return 0, 0, *picture.size
    return enlarged(bounds(masks[fits][_agreed(masks[fits], qualities[fits])]), seen.size, picture.size)


def _masks(picture: Image.Image, network: Any, processor: Any) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Ask about every point: bool (m, height, width), and how sure the model is of each."""
    import torch

    across, down = ((np.arange(_GRID) + 0.5) / _GRID * side for side in picture.size)
    points = [[[[float(x), float(y)]] for y in down for x in across]]
    inputs = processor(picture, input_points=points, return_tensors="pt").to(network.device)
    with torch.inference_mode():
        found = network(**inputs)
    sizes = inputs["original_sizes"].cpu(), inputs["reshaped_input_sizes"].cpu()
    masks = processor.image_processor.post_process_masks(found.pred_masks.cpu(), *sizes)[0]
    return masks.flatten(0, 1).numpy(), found.iou_scores.cpu().float().numpy().ravel()


def _is_thing(mask: NDArray[np.bool_]) -> bool:
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(_LEAST <= mask.mean() <= _MOST and edge.mean() <= _TOUCHING)


def _agreed(masks: NDArray[np.bool_], qualities: NDArray[np.float32]) -> int:
    """Choose the mask that the others agree with most."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    common, sizes = flat @ flat.T, flat.sum(axis=1)
    likeness = common / (sizes[:, None] + sizes - common)
    return int(np.argmax(likeness @ qualities * qualities))


def check_sam(model: str) -> None:
    """Load the model, so that it is known beforehand whether it is here.

    Raises:
        ModelUnavailable: If it is not, and cannot be fetched.
    """
    _loaded(model)


@lru_cache(maxsize=1)
def _loaded(model: str) -> tuple[Any, Any]:
    from ..embedders.models import find_model

    return find_model(model, _sam, way_out=_WAY_OUT)[0]


def _sam(model: str, *, fetch: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, SamModel, SamProcessor

    from ..embedders.models import spare_noise

    spare_noise(fetch=fetch)
    kind = AutoConfig.from_pretrained(model, local_files_only=not fetch).model_type
    if kind != "sam":  # transformers would load any other, with weights of its own making
        raise ValueError(f"it is of type {kind}, not sam")
    processor = SamProcessor.from_pretrained(model, local_files_only=not fetch)
    network: Any = SamModel.from_pretrained(model, local_files_only=not fetch)
    return network.to("cuda" if torch.cuda.is_available() else "cpu").eval(), processor
