"""Speed against quality: the tiers, and how a model's name carries its tier."""

from dataclasses import dataclass
from typing import Literal, get_args

Speed = Literal["accurate", "balanced", "fast"]
Kind = Literal["half", "int8", "float16", "static"]
SPEEDS: tuple[Speed, ...] = get_args(Speed)
_MARK = "#"


@dataclass(frozen=True, slots=True)
class Tier:
    """What a tier promises.

    Args:
        kinds: Engines to try on a processor, fastest first.
        on_gpu: The same where PyTorch sees a GPU.
        floor: Least mean cosine to the original; None where nothing is promised.
        max_tokens: Texts are cut here; None leaves it to the model.
        own_space: Vectors are not comparable with the original's.
    """

    kinds: tuple[Kind, ...]
    on_gpu: tuple[Kind, ...]
    floor: float | None = None
    max_tokens: int | None = None
    own_space: bool = False


TIERS: dict[Speed, Tier] = {
    "accurate": Tier(("int8", "float16"), on_gpu=("half",), floor=0.99),
    "balanced": Tier(("int8",), on_gpu=("half",), max_tokens=32),
    "fast": Tier(("static",), on_gpu=("static",), own_space=True),
}


def with_speed(model: str, speed: Speed | None) -> str:
    """Name a model at a speed, `MODEL#fast`; the model's plain name means the accurate tier.

    Args:
        model: With or without a speed of its own.
        speed: None leaves the model's own.
    """
    name, own = split_speed(model)
    speed = speed or own
    return name if speed == "accurate" else f"{name}{_MARK}{speed}"


def split_speed(name: str) -> tuple[str, Speed]:
    """Part a name as `with_speed` gives it into model and speed."""
    model, _, ending = name.rpartition(_MARK)
    for speed in SPEEDS:
        if model and ending == speed:
            return model, speed
    return name, "accurate"


def settled_name(model: str | None, speed: Speed | None, made_with: str, default: str) -> str:
    """Say which model at which speed is meant, going on with what a collection was made with.

    Args:
        model: As asked for; None leaves it to the collection.
        speed: As asked for; None leaves it to the collection, if that was made with this very model.
        made_with: The collection's own, empty before its first product.
        default: The model where neither says one.
    """
    model = model or split_speed(made_with or default)[0]
    if speed is None and model == split_speed(made_with)[0]:
        return made_with
    return with_speed(model, speed)
