"""The windows of epochs that the data map shows, and the regions of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes import scores
from probes.scores import ambiguous_above
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
    """The regions of a data map, and the variability above which examples are ambiguous.

    Args:
        confidence: float, (N,); mean probability of the given label, NaN where not visited.
        variability: float, (N,); its standard deviation, NaN where not visited.

    Returns:
        int8, (N,), positions in REGIONS, -1 where not visited; and the border, 0 where none was visited.

    Source:
        `probes.scores.regions`.
    """
    known = ~(np.isnan(confidence) | np.isnan(variability))
    border = ambiguous_above(variability[known]) if known.any() else 0.0
    return scores.regions(confidence, variability), border
