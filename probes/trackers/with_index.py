"""`with_index`: any dataset, its items knowing their position."""

from __future__ import annotations

from typing import Any

__all__ = ["with_index"]


def with_index(dataset: Any) -> Any:
    """Wrap a dataset so that each item carries its index.

    Tuples and lists gain the index as last element, dicts gain the key `index`; a bare item becomes
    (item, index). Wrap outermost: around `Subset`, transforms and the like.

    Args:
        dataset: anything with `__getitem__` and `__len__`.

    Raises:
        TypeError: an iterable dataset has no positions; pass the index to `update` yourself.

    Example:
        >>> with_index([("a", 0), ("b", 1)])[1]
        ('b', 1, 1)
    """
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"dataset must have __getitem__ and __len__, got {type(dataset).__name__}. "
            "Iterable datasets have no positions: pass the index to update() yourself."
        )
    return _WithIndex(dataset)


class _WithIndex:
    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Any:
        position = int(index)
        if position < 0:
            position += len(self)
        item = self._dataset[position]
        if isinstance(item, dict):
            if "index" in item:
                raise ValueError("the dataset's items already have a key 'index'. Rename it, or pass it to update().")
            return {**item, "index": position}
        if isinstance(item, (tuple, list)):
            return (*item, position)
        return (item, position)

    def __getattr__(self, name: str) -> Any:
        # Plain attributes (classes, targets) show through; methods such as __getitems__ would bypass the index.
        if name.startswith("__") or name == "_dataset":
            raise AttributeError(name)
        return getattr(self._dataset, name)
