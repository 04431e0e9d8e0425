"""Copy a store, vectors and labels and runs and all, without embedding again."""

from collections.abc import Callable

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
        ValueError: If the target holds vectors of another model or other dimensions.
    """
    if not source.count():
        raise LookupError(f"collection '{source.name}' holds no products: run `assort index CATALOGUE` first")
    settings, there = source.records.settings(), target.records.settings()
    if there.text_model and there.text_model != settings.text_model:
        raise ValueError(
            f"the target holds vectors of '{there.text_model}', the source of '{settings.text_model}': "
            "vectors of two models cannot be compared; push into another --collection"
        )
    target.create(source.dims())
    target.create_label_indexes(source.label_names())
    written = 0
    for page in source.points():
        target.write_points([Point(found.id, found.dense(), found.terms, found.payload) for found in page])
        written += len(page)
        progress(len(page))
    target.records.save_settings(settings)
    for run in source.records.runs():
        target.records.save_run(run)
    target.build_index()
    return written
