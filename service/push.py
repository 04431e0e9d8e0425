"""Copy a store, vectors and labels and runs and all, without embedding again."""

from collections.abc import Callable
from dataclasses import replace

from indexer.store import Point, ProductStore


def push(source: ProductStore, target: ProductStore, *, progress: Callable[[int], None] = lambda written: None) -> int:
    """Copy every point and record of one store into another; what the target holds of the same ids is replaced.

    Args:
        source: Stays as it is.
        target: Its collection is made when it is not there.
        progress: Called with the number of products written, page by page.

    Returns:
        The number of products copied.

    Raises:
        LookupError: If the source holds no products.
        ValueError: If the target holds vectors of another kind, or products that the source has not.
    """
    if not source.count():
        raise LookupError(f"collection '{source.name}' holds no products: run `assort index CATALOGUE` first")
    settings = source.records.settings()
    _check_target(source, target)
    target.create(source.dims(), source.label_names())
    target.index_memberships(filter(source.has_memberships, source.label_names()))
    # Until all is there, its labels count as unfinished: a copy cut short shows, and the same command completes it.
    target.records.save_settings(replace(settings, labels={}, unfinished=tuple(settings.labels)))
    written = 0
    for page in source.points():
        target.write_points([Point(found.id, found.vectors, found.terms, found.payload) for found in page])
        written += len(page)
        progress(len(page))
    target.records.take_over(source.records)
    target.records.save_settings(settings)
    target.build_index()
    return written


def _check_target(source: ProductStore, target: ProductStore) -> None:
    """Refuse a target whose own products would mix with the source's."""
    if not target.count():
        return
    settings, there = source.records.settings(), target.records.settings()
    if (there.text_model, there.text_fields) != (settings.text_model, settings.text_fields):
        raise ValueError(
            f"the target holds vectors of '{there.text_model}' over {','.join(there.text_fields)}, the source of "
            f"'{settings.text_model}' over {','.join(settings.text_fields)}: vectors of two kinds cannot be compared; "
            "push into another --collection"
        )
    foreign = set(target.take().ids) - set(source.take().ids)
    if foreign:
        raise ValueError(
            f"the target holds {len(foreign):,} products that the source has not, '{min(foreign)}' among them, "
            "and their labels would mix: push into another --collection, or `assort delete` them there"
        )
