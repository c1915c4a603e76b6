"""The kinds of noise of a run, where it has several: one order, and so one colour and one dash each, on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.runs.kinds import in_order

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["noisy_by_kind"]


def noisy_by_kind(examples: pd.DataFrame, noisy: np.ndarray | None, *, least: int = 2) -> dict[str, np.ndarray]:
    """Kind -> its noisy examples, bool (N,), in order; empty where there are fewer than `least` kinds.

    An example that was drawn for a kind and left as it was (a label redrawn as its own) is clean, so in no kind.
    """
    if noisy is None or "corruption" not in examples:
        return {}
    drawn = examples["corruption"].fillna("").to_numpy(dtype=object)
    members = {kind: (drawn == kind) & noisy for kind in in_order(str(kind) for kind in set(drawn) - {""})}
    found = {kind: held for kind, held in members.items() if held.any()}
    return found if len(found) >= least else {}
