"""What commands print: strict JSON for programs, aligned plain text for people."""

from __future__ import annotations

import json
import math
import numbers
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from probes.errors import ProbeWarning

__all__ = [
    "columns",
    "decimal",
    "duration",
    "echo_json",
    "is_missing",
    "json_text",
    "percent",
    "plain",
    "say",
    "short_warnings",
    "visible",
]


@contextmanager
def short_warnings() -> Iterator[None]:
    """Within it, what the library warns of is one line on stderr, without the place in the code."""

    with warnings.catch_warnings():
        otherwise = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, ProbeWarning):
                say(f"Warning: {message}")
            else:
                otherwise(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]  # the further arguments are only passed on
        yield


def say(message: str) -> None:
    """A message on stderr. That nobody reads it any more (`2>&1 | head`) is no reason to lose a run."""
    with suppress(OSError):
        click.echo(message, err=True)


def echo_json(value: Any) -> None:
    """Print a value as JSON that any parser takes."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """A value as strict JSON: what is missing or not finite is null."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """The same value out of dicts, lists, strings, numbers, booleans and None alone.

    Args:
        value: may hold numpy and pandas scalars, arrays, paths; NaN, infinities and `pandas.NA` become None.
    """
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        value = value.tolist()
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return None if is_missing(value) else str(value)


def is_missing(value: Any) -> bool:
    """Whether a cell of a table is missing: None, NaN, or `pandas.NA` (without importing pandas to ask)."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def columns(rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), right: Collection[int] = ()) -> str:
    """Rows of text as aligned columns, two spaces between them.

    Args:
        rows: equally many cells each.
        header: a first row, underlined.
        right: positions of the columns to align on the right: numbers.
    """
    table = [[visible(cell) for cell in row] for row in ([header, *rows] if header else rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    if header:
        table.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def percent(share: float | None) -> str:
    """0.351 as "35.1 %", a dash where it is unknown. What is not all is never rounded up to 100 %, nor to 0 %."""
    if share is None:
        return "-"
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{min(100 * share, 99.9) if share < 1 else 100.0:.1f} %"


def decimal(value: float | None) -> str:
    """A number with three decimals; a dash where it is unknown."""
    return "-" if value is None else f"{value:.3f}"


def duration(seconds: float) -> str:
    """45 as "45 s", 130 as "2 min 10 s", 7300 as "2 h 1 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Bytes as "1.2 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def visible(text: str) -> str:
    """The text with control characters spelled out: names come from data, and a terminal obeys them."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))
