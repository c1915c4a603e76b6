"""Which kinds of corruption a run drew, and their names."""

from __future__ import annotations

from probes_reports.view import RunView

__all__ = ["kind_name", "kinds_drawn"]

NAMES = {
    "uniform_all": "redrawn from all classes",
    "uniform_other": "moved to another class",
    "pair": "moved to the next class",
    "instance": "moved to the class they are confused with",
    "shuffled_pixels": "pixels shuffled, all alike",
    "random_pixels": "pixels shuffled, each its own way",
    "gaussian": "noise instead of the input",
}


def kind_name(kind: str) -> str:
    """What a kind did, with its own name: "redrawn from all classes (uniform_all)"."""
    return f"{NAMES[kind]} ({kind})" if kind in NAMES else kind


def kinds_drawn(view: RunView) -> dict[str, int]:
    """Examples drawn for each kind of corruption, the most frequent first."""
    if "corruption" not in view.examples:
        return {}
    kinds = view.examples["corruption"].dropna()
    return {str(kind): int(size) for kind, size in kinds[kinds != ""].value_counts().items()}
