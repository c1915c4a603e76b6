"""The windows of epochs that the data map shows, and the regions of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes_reports.figures.data_map import HALF
from probes_reports.view import RunView

__all__ = ["AMBIGUOUS", "EASY", "HARD", "REGIONS", "Window", "regions", "windows_of"]

REGIONS = ("easy to learn", "hard to learn", "ambiguous")
EASY, HARD, AMBIGUOUS = range(len(REGIONS))


@dataclass(frozen=True)
class Window:
    """A window of epochs, 1 to `last`, and where the examples lie in it.

    Attributes:
        key: of its figure.
        last: last epoch.
        what: describes the window.
        confidence, variability: float64, (N,); NaN where not visited.
        threshold: variability above which an example is ambiguous.
        region: int8, (N,); positions in REGIONS, -1 where not visited.
    """

    key: str
    last: int
    what: str
    confidence: np.ndarray
    variability: np.ndarray
    threshold: float
    region: np.ndarray

    @property
    def title(self) -> str:
        return f"Epochs 1 to {self.last:,}"


def windows_of(view: RunView) -> list[Window]:
    """Until the validation peak, where that is before the end, and the whole run."""
    windows = []
    peak = view.key.peak
    if peak is not None and max(peak, 2) < view.last_epoch:
        what = "until the best validation accuracy" if peak > 1 else "best validation accuracy at epoch 1"
        windows.append(_window(view, "data_map_peak", max(peak, 2), what))
    return [*windows, _window(view, "data_map_run", view.last_epoch, "the whole run")]


def _window(view: RunView, key: str, last: int, what: str) -> Window:
    names = ["confidence", "variability"]
    frame = view.scores if last == view.last_epoch else view.run.scores(names, epochs=(1, last))
    confidence, variability = (frame[name].to_numpy(dtype=np.float64) for name in names)
    region, threshold = regions(confidence, variability)
    return Window(key, last, what, confidence, variability, threshold, region)


def regions(confidence: np.ndarray, variability: np.ndarray) -> tuple[np.ndarray, float]:
    """Part a data map by quantiles: the third that varies most is ambiguous, of the rest half decides.

    Args:
        confidence: float, (N,); mean probability of the given label, NaN where not visited.
        variability: float, (N,); its standard deviation, NaN where not visited.

    Returns:
        int8, (N,), positions in REGIONS, -1 where not visited; and the variability above which examples are
        ambiguous, so that equal ones stay together.

    Source:
        Swayamdipta et al., EMNLP 2020, https://arxiv.org/abs/2009.10795; the thresholds are this page's own,
        the paper has none.
    """
    known = ~(np.isnan(confidence) | np.isnan(variability))
    threshold = float(np.quantile(variability[known], 2 / 3)) if known.any() else 0.0
    with np.errstate(invalid="ignore"):
        region = np.where(variability > threshold, AMBIGUOUS, np.where(confidence >= HALF, EASY, HARD))
    return np.where(known, region, -1).astype(np.int8), threshold
