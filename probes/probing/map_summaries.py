"""What attribution maps say in one number each: how concentrated, how alike for two labels, how steady in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.scores.gini import gini

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUMMARIES", "map_similarity", "maps_by_group", "summarize_maps"]

SUMMARIES = ("concentration", "overlap", "stability")
_MAP = ["split", "example", "method", "label"]  # of one map through the epochs


def map_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of the absolute values of two maps: whether they are strong in the same places.

    1 for maps that are the same up to their scale and the signs of their values, 0 for maps that are nowhere both
    other than zero. Maps that have nothing to do with each other lie between: at 2 / pi = 0.64 if their values are
    normally distributed.

    Args:
        first, second: float, (..., D).

    Returns:
        float64, (...,); in [0, 1]; NaN where either is zero everywhere or holds a NaN.

    Example:
        >>> float(map_similarity(np.array([3.0, -4.0, 0.0]), np.array([3.0, 4.0, 0.0])))
        1.0
    """
    first, second = (np.abs(np.asarray(values, dtype=np.float64)) for values in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (values / values.max(axis=-1, keepdims=True) for values in (first, second))  # no overflow
        sizes = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
        return np.minimum((first * second).sum(axis=-1) / sizes, 1.0)


def summarize_maps(frame: pd.DataFrame) -> pd.DataFrame:
    """Summarize each map of the probe `attributions`.

    - `concentration`: Gini coefficient of its absolute values, in [0, (D - 1) / D]: 0 where every input value counts
      the same, the upper end where one alone counts. Missing where the map is zero everywhere.
    - `overlap`: `map_similarity` of the given label's map and the true label's at that epoch, in [0, 1]; in the row of
      the given label, where there are both.
    - `stability`: `map_similarity` of the map and the same one at the epoch before it of those at which it was
      measured, in [0, 1]; that epoch is in `since`. Missing at the first.

    Colour channels are values of their own. None of the three changes with the scale of a map, so that logits that
    grow in training leave them alone.

    Args:
        frame: of `run.probe("attributions")` or `AttributionTracker.frames`; maps of one length D. Where a map occurs
            twice, the last one stands.

    Returns:
        One row per map, in the order of `method`, `label`, `example`, `epoch`: these and `split`, then `concentration`,
        `overlap`, `stability` (float64, missing where undefined) and `since` (Int64).

    Raises:
        ValueError: a column is missing, or maps differ in length.
    """
    import pandas as pd

    missing = [name for name in ("epoch", *_MAP, "map") if name not in frame]
    if missing:
        raise ValueError(f"frame must hold attribution maps, as run.probe('attributions') does: no {missing[0]!r}.")
    order = ["method", "label", "example", "split", "epoch"]
    rows = frame.drop_duplicates([*_MAP, "epoch"], keep="last").sort_values(order, ignore_index=True)
    if rows["map"].map(len).nunique() > 1:
        raise ValueError("maps must have one length, got several. Summarize those of one run at a time.")
    keys = rows[["epoch", *_MAP]].astype({"method": object, "label": object})
    values = np.stack(rows["map"].to_list()) if len(rows) else np.empty((0, 1))
    before = keys.groupby(_MAP)["epoch"].shift(1).astype("Int64")
    follows = before.notna().to_numpy(dtype=bool)
    columns = {
        "concentration": _concentration(values),
        "overlap": _overlap(keys, values),
        "stability": _stability(values, follows),
    }
    since = pd.Series(before, dtype="Int64")
    return pd.DataFrame({**keys, **columns, "since": since})


def maps_by_group(summaries: pd.DataFrame, noisy: np.ndarray) -> pd.DataFrame:
    """Set clean examples against noisy ones: mean and count of each summary, epoch by epoch.

    Of the given label's maps, which every example has. `overlap` is defined for noisy examples alone: of a clean one
    both labels are the same.

    Args:
        summaries: of `summarize_maps`.
        noisy: bool, (N,); of every training example; `run.noisy`.

    Returns:
        One row per `epoch`, `method`, `summary` (of SUMMARIES) and `group` ("clean" or "noisy") that has training
        examples: `mean` (float64; missing where the count is 0) and `count` (int64, examples whose summary is defined).

    Raises:
        ValueError: an example is not in `noisy`.
    """
    noisy = np.asarray(noisy, dtype=bool)
    rows = summaries[(summaries["label"] == "given") & (summaries["split"] == "train")]
    examples = rows["example"].to_numpy(dtype=np.int64)
    if examples.size and not 0 <= examples.min() <= examples.max() < len(noisy):
        wrong = examples.min() if examples.min() < 0 else examples.max()
        raise ValueError(f"noisy must have an entry for every example: {len(noisy)} entries, example {wrong}.")
    groups = rows.assign(group=np.where(noisy[examples], "noisy", "clean"))
    long = groups.melt(["epoch", "method", "group"], list(SUMMARIES), var_name="summary", value_name="value")
    table = long.groupby(["epoch", "method", "summary", "group"])["value"].agg(["mean", "count"])
    return table.reset_index()


def _concentration(values: np.ndarray) -> np.ndarray:
    sizes = np.abs(values.astype(np.float64))
    return np.where(sizes.any(axis=-1), gini(sizes), np.nan)


def _overlap(keys: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """In the rows of given labels that have a row of the true one; NaN in all others."""
    import pandas as pd

    one = ["split", "example", "method", "epoch"]
    at = keys[one].assign(row=np.arange(len(keys)))
    given, true = (at[(keys["label"] == label).to_numpy()] for label in ("given", "true"))
    pairs = pd.merge(given, true, on=one, suffixes=("_given", "_true"))
    found = np.full(len(keys), np.nan)
    first, second = pairs["row_given"].to_numpy(dtype=np.int64), pairs["row_true"].to_numpy(dtype=np.int64)
    found[first] = map_similarity(values[first], values[second])
    return found


def _stability(values: np.ndarray, follows: np.ndarray) -> np.ndarray:
    """`follows`: bool, (R,); True where the row before is the same map at an earlier epoch."""
    found = np.full(len(values), np.nan)
    later = np.flatnonzero(follows)
    found[later] = map_similarity(values[later], values[later - 1])
    return found
