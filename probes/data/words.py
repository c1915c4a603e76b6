"""How notes and messages on data count and name things."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["NAMED", "counted", "some"]

NAMED = 5  # of a longer list


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "image"), counted(1200, "class", "classes")
        ('1 image', '1,200 classes')
    """
    return f"1 {one}" if count == 1 else f"{count:,} {many or one + 's'}"


def some(names: Iterable[object]) -> str:
    """The first five names, and how many more there are.

    Example:
        >>> some("abcdefg")
        'a, b, c, d, e and 2 more'
    """
    every = [str(name) for name in names]
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED:,} more" if len(every) > NAMED else "")
