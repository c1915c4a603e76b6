"""What the study `information-plane` draws, and the criticism that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import Chart, Line, LineChart, Mark, Swatch, Table, band, cell, swatch
from probes.studies.information import tanh_unit_information
from probes.studies.information_readings import (
    HIDDEN,
    NARROW,
    OUTPUT,
    WINDOW,
    fall,
    in_the_end,
    signal_fall,
    signal_words,
)

__all__ = ["CRITICISM", "SHORT", "information_charts"]

Runs = Sequence[Mapping[str, Any]]

# whole beside the first information plane, in short beside the other
CRITICISM = (
    "Saxe et al. 2018: the fall follows from saturation on both sides and from bins; ReLU and linear units show none. "
    "Full-batch descent falls alike, so the noise of SGD is not its cause, and the signal to noise falls without it. "
    "Networks generalise without it and do not with it; what does not matter for the label is lost while fitting.",
    "Goldfeld et al. 2019: of a deterministic network the true I(X;T) is constant or infinite; bins track how "
    "representations of one class cluster.",
    "Chelombiev et al. 2019: bins that adapt find some fall with other activations, too, very different from one start "
    "to the next; only that of the last layer goes with generalisation.",
    "Wide layers sit at the ceiling of 12 bits, where the estimate says nothing.",
)
SHORT = (
    "Critics: of a deterministic network the true I(X;T) is constant or infinite (Goldfeld et al. 2019); what bins "
    "show as a fall is saturation and the clustering of representations (Saxe et al. 2018). All of it stands beside "
    "the first plane."
)


def information_charts(tanh: Runs, relu: Runs, variance: float) -> list[Chart]:
    """All of the page, in its order.

    Args:
        tanh: results of `train_and_record`, by seed.
        relu: likewise.
        variance: of the noise in the kernel estimates.
    """
    return [
        _plane("tanh", tanh),
        _plane("relu", relu),
        _over_epochs("tanh", tanh),
        _over_epochs("relu", relu),
        _snr(tanh),
        _clusters(tanh),
        _minimal(),
        _kde(tanh, relu, variance),
    ]


def _layer_name(layer: int) -> str:
    return "softmax" if layer == OUTPUT else f"{HIDDEN[layer]} units"


def _mean(runs: Runs, key: str, layer: int) -> list[float]:
    return np.mean([run[key][layer] for run in runs], axis=0).tolist() if runs else []


def _colour(layer: int) -> Swatch:
    return "other" if layer == OUTPUT else swatch(layer)


def _estimate(name: str) -> str:
    return "30 bins on [-1, 1]" if name == "tanh" else "100 bins over the range of the whole run, 30 for the softmax"


def _units(name: str) -> str:
    return "ReLU" if name == "relu" else name


def _falls(runs: Runs) -> str:
    return ", ".join(
        f"{_layer_name(layer)} {cell([fall(run, layer) for run in runs], 1)}" for layer in range(OUTPUT + 1)
    )


def _plane(name: str, runs: Runs) -> LineChart:
    paths = [(_mean(runs, "i_x", layer), _mean(runs, "i_y", layer)) for layer in range(OUTPUT + 1)]
    lines = [
        Line(_layer_name(layer), x, y, swatch=_colour(layer), dashed=layer == OUTPUT)
        for layer, (x, y) in enumerate(paths)
    ]
    last = runs[0]["epochs"][-1] if runs else 0
    places: list[tuple[str, int, Swatch]] = [("before training", 0, "other"), (f"after {last:,} epochs", -1, "test")]
    ends = [
        Line(word, [x[place] for x, _ in paths if x], [y[place] for _, y in paths if y], swatch=colour, marks=True)
        for word, place, colour in places
    ]
    moves = (
        "Layers move up (binned I(T;Y) rises), then left (binned I(X;T) falls)."
        if name == "tanh"
        else "No such figure of Shwartz-Ziv & Tishby; in Saxe et al. 2018 ReLU layers do not move left."
    )
    return LineChart(
        f"plane-{name}",
        f"The information plane: where do layers of {_units(name)} units go?",
        " ".join([moves, *(CRITICISM if name == "tanh" else [SHORT])]),
        f"From its peak to the end the binned I(X;T) falls, in bits: {_falls(runs)}. {_estimate(name)}; mean of "
        f"{len(runs)} seeds.",
        "binned I(X;T) (bits)",
        "binned I(T;Y) (bits)",
        [*lines, *ends],
        [Mark("x", 12.0, "ceiling: log2 of the inputs"), Mark("y", 1.0, "all of the label")],
    )


def _over_epochs(name: str, runs: Runs) -> LineChart:
    epochs = runs[0]["epochs"] if runs else []
    lines = [
        band(
            _layer_name(layer),
            epochs,
            [run["i_x"][layer] for run in runs],
            swatch=_colour(layer),
            dashed=layer == OUTPUT,
        )
        for layer in range(OUTPUT + 1)
    ]
    end = cell([in_the_end(run["saturated"][NARROW]) for run in runs], 2)
    saturated = f"; in the end {end} of its activations are beyond 0.9 in size" if name == "tanh" else ""
    return LineChart(
        f"input-{name}",
        f"How does the binned I(X;T) of layers of {_units(name)} units change?",
        f"In layers of tanh units it falls late in training, in ReLU layers it does not (Saxe et al. 2018). {SHORT}",
        f"{_estimate(name).capitalize()}. The 3-unit layer falls by {cell([fall(run, NARROW) for run in runs], 1)} "
        f"bits from its peak{saturated}.",
        "epoch",
        "binned I(X;T) (bits)",
        lines,
        [Mark("y", 12.0, "ceiling")],
        log_x=True,
    )


def _snr(runs: Runs) -> LineChart:
    epochs = runs[0]["epochs"][1:] if runs else []
    names = [*(f"to {_layer_name(layer)}" for layer in range(OUTPUT)), "to the logits"]
    lines = [
        band(
            name,
            epochs,
            [np.array(run["snr"][layer][1:], dtype=float) for run in runs],
            swatch=_colour(layer),
            dashed=layer == OUTPUT,
            log=True,
        )
        for layer, name in enumerate(names)
    ]
    return LineChart(
        "gradients",
        "Do gradients turn from drift to diffusion?",
        "Signal to noise falls below one around the epoch where compression starts; without compression it does so, "
        "too (Saxe et al. 2018).",
        f"{signal_words(runs)} The first layer's falls by a factor of {cell([signal_fall(run) for run in runs], 1)} "
        f"(medians of the first and last {WINDOW} recorded epochs, mean ± sd over the seeds; the lines are geometric "
        "means of single epochs).",
        "epoch",
        "signal to noise of the gradients",
        lines,
        [Mark("y", 1.0, "signal = noise")],
        log_x=True,
        log_y=True,
    )


def _clusters(runs: Runs) -> LineChart:
    epochs = runs[0]["epochs"] if runs else []
    lines = [
        band(
            _layer_name(layer),
            epochs,
            [np.array(run["clusters"][layer], dtype=float) for run in runs],
            swatch=_colour(layer),
            dashed=layer == OUTPUT,
            log=True,
        )
        for layer in range(OUTPUT + 1)
    ]
    ends = np.array([run["clusters"][NARROW][-1] for run in runs], dtype=float)
    return LineChart(
        "clusters",
        "What does the estimate track?",
        "The clustering of representations of one class (Goldfeld et al. 2019), measured here without bins.",
        f"In the 3-unit layer examples end {_geometric(ends)} times as far from their class's mean as the two means "
        f"are apart, by the geometric mean over the seeds, as drawn; {cell(ends.tolist(), 2)} by mean ± sd.",
        "epoch",
        "distance within classes over distance between",
        lines,
        log_x=True,
        log_y=True,
    )


def _geometric(values: np.ndarray) -> str:
    """Of those that are positive, as a line on a logarithmic axis has it."""
    positive = values[np.isfinite(values) & (values > 0)]
    return f"{np.exp(np.log(positive).mean()):.2f}" if len(positive) else "–"


def _minimal() -> LineChart:
    weights = np.geomspace(0.1, 100, 60)
    values = [tanh_unit_information(float(weight)) for weight in weights]
    peak = int(np.argmax(values))
    return LineChart(
        "minimal",
        "Can one unit without training compress?",
        "Saxe et al. 2018: in one tanh unit with a normal input, bins alone make information rise and fall as its "
        "weight grows; the true information is infinite throughout. That of a ReLU unit, which grows without bound, is "
        "not drawn here.",
        f"Closed form, 30 bins: a peak of {values[peak]:.2f} bits at weight {weights[peak]:.1f}, then down to "
        f"{values[-1]:.2f} at {weights[-1]:.0f}.",
        "weight",
        "binned I(X;T) of the unit (bits)",
        [Line("tanh(w x)", weights.tolist(), values)],
        [Mark("y", 1.0, "one bit")],
        log_x=True,
    )


def _kde(tanh: Runs, relu: Runs, variance: float) -> Table:
    rows = []
    for name, runs in (("tanh", tanh), ("ReLU", relu)):
        kept = [(row["layer"], row["epoch"]) for row in runs[0]["kde"]] if runs else []
        for place, (layer, epoch) in enumerate(kept):
            found = [run["kde"][place] for run in runs]
            bounds = [[row["bounds"][side] for row in found] for side in (0, 1)]
            rows.append(
                [
                    name,
                    _layer_name(layer),
                    epoch,
                    *(cell(side, 2) for side in bounds),
                    cell([row["i_y"] for row in found], 2),
                ]
            )
    header = ["network", "layer", "epoch", "I(X;T) at least", "I(X;T) at most", "I(T;Y)"]
    return Table(
        "kernel",
        "And by another estimator?",
        f"Kernel estimates depend on the noise that is added (Saxe et al. 2018 use 0.1 and 0.001). {SHORT}",
        f"Bounds in bits with Gaussian noise of variance {variance:g} added; mean ± sd over the seeds.",
        header,
        rows,
    )
