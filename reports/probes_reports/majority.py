"""A caution where one class holds nearly all the examples: learning them may be no more than always answering it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes_reports.wording import percent

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["MAJORITY", "majority"]

MAJORITY = 0.9  # share of the clean examples that one class must hold: that of "learned"
LONGEST = 40  # characters of a class's name


def majority(run: Run) -> str:
    """One sentence, or "" where no class holds so large a share of the clean examples.

    Without known true labels all examples count. Of one class alone nothing is said.
    """
    given, clean = run.given_labels, run.clean
    if given is None:
        return ""
    known = given >= 0
    labels = given[known if clean is None else known & clean]
    if not len(labels) or len(run.classes or np.unique(given[known])) < 2:
        return ""
    sizes = np.bincount(labels)
    largest = int(sizes.argmax())
    share = float(sizes[largest] / len(labels))
    if share < MAJORITY:
        return ""
    name = str(run.classes[largest]) if run.classes else str(largest)
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    whom = "examples" if clean is None else "clean examples"
    return (
        f"Careful: answering \u201c{name}\u201d always would reach {percent(share)} of the {whom}, so that they are "
        "learned says little."
    )
