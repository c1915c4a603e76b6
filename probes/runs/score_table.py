"""The table of scores: every catalogue entry, computed in blocks of examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.errors import ConfigError, unknown_name
from probes.runs.trajectories import Store, block_of, dense_trajectories
from probes.scores.catalogue import CATALOGUE, Score

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_window", "compute_scores", "score_table"]


def score_table(
    store: Store,
    num_examples: int,
    *,
    given_labels: np.ndarray | None,
    labels: Mapping[str, Any],
    names: str | Sequence[str] | None = None,
    epochs: tuple[int, int] | None = None,
    probe_scores: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Scores of every example, as contracts define `scores()`.

    Args:
        given_labels: int, (N,); -1 where unknown; None where none is known.
        labels: further columns of length N: `id`, `true_label`, `given_label`, `noisy`, `corruption`.
        names: columns wanted; by default all but the catalogue's scores that are there by name only.
        epochs: window (first, last), inclusive; the whole run by default.
        probe_scores: columns that probes add, indexed by example.

    Raises:
        ConfigError: an unknown column, or a window outside the run.
    """
    import pandas as pd

    added = [] if probe_scores is None else list(probe_scores.columns)
    tail = [name for name in labels if name != "id"]
    known = [*CATALOGUE, *added, *tail]
    unasked = [name for name in known if name not in CATALOGUE or CATALOGUE[name].default]
    wanted = unasked if names is None else [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in known and name != "id":
            raise unknown_name("score", name, known)

    recorded = [epoch for epoch in store.epochs() if epoch > 0]
    first, last = check_window(epochs, recorded[-1] if recorded else 0)
    window = [epoch for epoch in recorded if first <= epoch <= last]
    values = compute_scores(store, num_examples, given_labels, [n for n in wanted if n in CATALOGUE], window)

    columns: dict[str, Any] = {"id": labels["id"]} if "id" in labels else {}
    for name in wanted:
        if name in CATALOGUE:
            columns[name] = _as_column(CATALOGUE[name], values[name], window)
        elif name in added:
            columns[name] = probe_scores[name].reindex(range(num_examples)).array  # type: ignore[index]
        else:
            columns[name] = labels[name]
    return pd.DataFrame(columns, index=pd.RangeIndex(num_examples, name="example"))


def check_window(epochs: tuple[int, int] | None, last_epoch: int) -> tuple[int, int]:
    """The window, or the whole run where it is None.

    Raises:
        ConfigError: it is not two epochs of the run, in order.
    """
    if epochs is None:
        return 1, last_epoch
    try:
        first, last = (int(epoch) for epoch in epochs)
    except (TypeError, ValueError):
        raise ConfigError(f"epochs must be two epochs (first, last), got {epochs!r}.") from None
    if not 1 <= first <= last <= last_epoch:
        raise ConfigError(f"epochs must lie in order within 1 to {last_epoch}, got {first} to {last}.")
    return first, last


def compute_scores(
    store: Store, num_examples: int, given_labels: np.ndarray | None, names: Iterable[str], window: Sequence[int]
) -> dict[str, np.ndarray]:
    """Raw values of the named scores and of those they need: (N,) arrays, -1 or NaN where missing."""
    wanted = list(names)
    scores = [CATALOGUE[name] for name in wanted]
    needed = [CATALOGUE[need] for score in scores if score.scope == "dataset" for need in score.needs]
    mapped = {score.name: score for score in [*scores, *needed] if score.scope == "example"}
    signals = {need for score in mapped.values() for need in score.needs}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in mapped}
    block = block_of(len(window))
    for start in range(0, num_examples, block):
        stop = min(start + block, num_examples)
        held = dense_trajectories(store, signals, window, start, stop, given_labels)
        for name, score in mapped.items():
            parts[name].append(score.function(*(held[need] for need in score.needs)))
    values = {name: np.concatenate(part) if part else np.empty(0) for name, part in parts.items()}
    for score in scores:
        if score.scope == "dataset":
            values[score.name] = score.function(*(values[need] for need in score.needs))
    return values


def _as_column(score: Score, values: np.ndarray, window: Sequence[int]) -> Any:
    """A pandas array of the kind the score has; missing values as pandas marks them."""
    import pandas as pd

    if score.kind == "value":
        return np.asarray(values, dtype=np.float64)
    if score.kind == "category":
        return pd.Categorical.from_codes(values, pd.Index(score.categories))
    missing = np.asarray(values) < 0
    if score.kind == "flag":
        return pd.arrays.BooleanArray(np.where(missing, 0, values).astype(bool), missing)
    if score.kind == "epoch" and window:  # positions within the window become epochs of the run
        values = np.where(missing, -1, np.asarray(window)[np.maximum(values, 1) - 1])
    return pd.arrays.IntegerArray(np.where(missing, 0, values).astype(np.int64), missing)
