"""Tables of scores in the columns of other tools: cleanlab's Datalab, Dataset Cartography, package `aum`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probes.scores.cartography import confidence, correctness, variability
from probes.scores.forgetting import forgetting_events

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["aum_values", "cleanlab_issues", "td_metrics"]

NEVER_LEARNED = 1000  # what Dataset Cartography's code gives as the forgetfulness of such an example


def cleanlab_issues(
    mean_loss: np.ndarray,
    noise_probability: np.ndarray,
    cutoff: float | None,
    given_labels: np.ndarray,
    predictions: np.ndarray,
) -> pd.DataFrame:
    """The label issues of cleanlab's Datalab, `get_issues("label")`, judged by training dynamics.

    Args:
        mean_loss: float, (N,); nats, NaN where never visited.
        noise_probability: float, (N,); in [0, 1], NaN where unknown.
        cutoff: mean loss above which an example is an issue; None where unknown, then none is.
        given_labels: int, (N,); -1 where unknown.
        predictions: int, (N,); classes, -1 where unknown.

    Returns:
        A row per example, in their order, indexed by `example`: `is_label_issue` (bool), `label_score` (float64, 1 less
        the noise probability: in [0, 1], low is suspicious, NaN where unknown), `given_label`, `predicted_label`
        (int64, as in cleanlab; Int64 and missing where any is unknown).

    Source:
        cleanlab 2.9, whose score and prediction come from out-of-sample probabilities: here a run's own.
    """
    import pandas as pd

    issue = np.zeros(len(mean_loss), dtype=bool) if cutoff is None else np.asarray(mean_loss) > cutoff
    columns = {
        "is_label_issue": issue,
        "label_score": 1 - np.asarray(noise_probability, dtype=np.float64),
        "given_label": _labels(given_labels),
        "predicted_label": _labels(predictions),
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(mean_loss), name="example"))


def td_metrics(
    probability: np.ndarray, correct: np.ndarray, guids: np.ndarray | None = None, *, first: int = 0
) -> pd.DataFrame:
    """What Dataset Cartography keeps in `td_metrics.jsonl`.

    Args:
        probability: float, (E, N); of the given label, NaN where not visited.
        correct: int8, (E, N); 1 or 0, -1 where not visited.
        guids: (N,); what the examples are called; their positions where None.
        first: position of the first of them.

    Returns:
        A row per example visited at all, in their order, indexed by `example`: `guid`, `index` (int64, position),
        `threshold_closeness` (confidence times 1 less the confidence), `confidence`, `variability` (float64; population
        sd), `correctness` (int64; epochs answered as given, a count), `forgetfulness` (int64; forgetting events, 1000
        where never learned).

    Source:
        Swayamdipta et al., EMNLP 2020; `compute_train_dy_metrics` of https://github.com/allenai/cartography, without
        `--include_ci`. There every example is in every epoch; here the visited epochs count.
    """
    import pandas as pd

    mean = confidence(probability)
    index = np.arange(first, first + len(mean))
    columns = {
        "guid": index if guids is None else guids,
        "index": index,
        "threshold_closeness": mean * (1 - mean),
        "confidence": mean,
        "variability": variability(probability),
        "correctness": correctness(correct, count=True).astype(np.int64),
        "forgetfulness": forgetting_events(correct, never_learned=NEVER_LEARNED).astype(np.int64),
    }
    table = pd.DataFrame(columns, index=pd.Index(index, name="example"))
    return table[~np.isnan(mean)]


def aum_values(aum: np.ndarray, sample_ids: np.ndarray | None = None) -> pd.DataFrame:
    """What package `aum` writes as `aum_values.csv`.

    Args:
        aum: float, (N,); NaN where never visited.
        sample_ids: (N,); what the examples are called; their positions where None.

    Returns:
        A row per example visited at all, the highest `aum` first (equal ones by position), indexed by `example`:
        `sample_id`, `aum` (float64).

    Source:
        Pleiss et al., NeurIPS 2020; `AUMCalculator.finalize` of aum 1.0.2.
    """
    import pandas as pd

    values = np.asarray(aum, dtype=np.float64)
    names = np.arange(len(values)) if sample_ids is None else sample_ids
    index = pd.RangeIndex(len(values), name="example")
    table = pd.DataFrame({"sample_id": names, "aum": values}, index=index)
    return table.dropna(subset="aum").sort_values("aum", ascending=False, kind="stable")


def _labels(labels: np.ndarray) -> Any:
    import pandas as pd

    known = np.asarray(labels) >= 0
    values = np.asarray(labels, dtype=np.int64)
    return values if known.all() else pd.arrays.IntegerArray(np.where(known, values, 0), ~known)
