"""Threshold samples (Pleiss et al. 2020): how low a margin must be to stand for a wrong label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["aum_threshold", "draw_threshold_sets", "flag_by_threshold"]


def draw_threshold_sets(num_examples: int, num_classes: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint sets of examples, one for each of two runs.

    In its run a set is relabelled to the extra class `num_classes`, and the network gets an output more. Nothing
    about these examples speaks for that label, so their margins are those of wrong labels.

    Args:
        num_examples: N, at least K + 1.
        num_classes: K, of the labels as they are.
        seed: of the draw.

    Returns:
        int64, (N // (K + 1),) each, sorted: as many as a class would have if there were one more.

    Raises:
        ValueError: there are no classes, or fewer than K + 1 examples.

    Source:
        Pleiss et al., NeurIPS 2020, section 4.1, https://arxiv.org/abs/2001.10528. Their code takes N // K.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}.")
    size = num_examples // (num_classes + 1)
    if size < 1:
        raise ValueError(f"num_examples must be at least num_classes + 1 = {num_classes + 1}, got {num_examples}.")
    drawn = np.random.default_rng(seed).permutation(num_examples)
    return np.sort(drawn[:size]), np.sort(drawn[size : 2 * size])


def aum_threshold(aum: np.ndarray, threshold_examples: np.ndarray, percentile: float = 99) -> float:
    """The area under the margin below which an example is flagged.

    Args:
        aum: float, (N,); of the run in which `threshold_examples` had the extra label, NaN where never visited.
        threshold_examples: int, positions of the threshold samples.
        percentile: of their areas under the margin, in [0, 100].

    Returns:
        In logits; NaN where no threshold sample was visited.

    Raises:
        ValueError: a percentile outside [0, 100].

    Source:
        Pleiss et al., NeurIPS 2020, section 4.1. Their code flags where more than 1 % of the threshold samples lie
        above the example, which is the same but for the interpolation between two of them.
    """
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile must lie in [0, 100], got {percentile}.")
    known = np.asarray(aum, dtype=np.float64)[threshold_examples]
    known = known[~np.isnan(known)]
    return float(np.percentile(known, percentile)) if len(known) else float("nan")


def flag_by_threshold(
    aum_runs: Sequence[np.ndarray], threshold_sets: Sequence[np.ndarray], percentile: float = 99
) -> tuple[np.ndarray, np.ndarray]:
    """Flag examples by two runs, each example judged by the runs in which it had its own label.

    Flagged: the area under the margin lies below the threshold of every run that judges the example. That is one
    run for a threshold sample, both for the others.

    Args:
        aum_runs: float, (N,) per run; NaN where never visited.
        threshold_sets: int, the threshold samples of each run, as `draw_threshold_sets` gives them.
        percentile: of the areas of each run's threshold samples, in [0, 100].

    Returns:
        flagged: int8, (N,); 1 or 0, -1 where no run judges the example.
        aum: float64, (N,); mean over the runs that judge it, low is suspicious, NaN where there is none.

    Raises:
        ValueError: runs of different lengths, or not a set per run.

    Source:
        Pleiss et al., NeurIPS 2020, section 4.1; examples that both runs judge: as in their code.
    """
    if len(aum_runs) != len(threshold_sets):
        raise ValueError(f"threshold_sets must have a set per run: {len(aum_runs)} runs, {len(threshold_sets)} sets.")
    if len({len(aum) for aum in aum_runs}) != 1:
        raise ValueError(f"aum_runs must have one length, got {[len(aum) for aum in aum_runs]}.")
    judged = np.array(aum_runs, dtype=np.float64)
    borders = np.empty((len(judged), 1))
    for run, examples in enumerate(threshold_sets):
        borders[run] = aum_threshold(judged[run], examples, percentile)
        judged[run, examples] = np.nan
    judges = ~(np.isnan(judged) | np.isnan(borders))
    count = judges.sum(axis=0)
    spared = judges & (judged >= borders)
    flagged = np.where(count > 0, ~spared.any(axis=0), -1).astype(np.int8)
    total = np.sum(judged, axis=0, where=judges)
    return flagged, np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
