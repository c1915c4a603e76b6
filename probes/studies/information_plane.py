"""Shwartz-Ziv & Tishby 2017, and the criticism of it: do layers compress, and what does the estimate track?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import cell
from probes.studies.claim import Claim, Rule, at_least, at_most
from probes.studies.information import (
    bin_index,
    binned_information,
    cluster_ratio,
    kde_bounds,
    kde_label_information,
    saturated,
)
from probes.studies.information_charts import SHORT, information_charts
from probes.studies.information_readings import (
    HIDDEN,
    NARROW,
    OUTPUT,
    WINDOW,
    beyond_bounds,
    fall,
    in_the_end,
    signal_fall,
    signal_words,
)
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study
from probes.studies.twelve_bits import twelve_bits

__all__ = ["STUDY", "train_and_record"]

SOURCE = "Shwartz-Ziv & Tishby 2017, sections 3.2-3.4"
RATE, BATCH, TRAINED = 4e-4, 256, 0.8
TANH_BINS, RELU_BINS = 30, 100
VARIANCE = 1e-3  # of the noise in the kernel estimate


def train_and_record(activation: str, epochs: int, seed: int, kde_at: Sequence[int]) -> dict[str, Any]:
    """Train 12-10-7-5-4-3-2 on the twelve-bit task; information of each layer over the epochs.

    Adam, cross-entropy, batches of 256, 80 % of the patterns; weights truncated normal with sd 1/sqrt(units of the
    layer), no bias at first. Information is of all 4,096 patterns: bins of equal width, 30 on [-1, 1] for tanh and
    softmax; for ReLU 100 between the least and the largest activation of that layer over the whole run, since a range
    of each epoch makes drops that are not there.

    Args:
        activation: "tanh" or "relu".
        epochs: the last one.
        seed: of the split, the weights and the order.
        kde_at: recorded epochs at which the kernel estimates are made, too.

    Returns:
        `epochs`; by layer and recorded epoch `i_x`, `i_y` (bits), `saturated`, `clusters`, `snr`; `kde` rows of layer,
        epoch, lower and upper bound on I(X;T) and I(T;Y), in bits; `accuracy` on the patterns held out, at the end.
    """
    from probes.training.setup import using_threads

    recorded = _recorded(epochs)
    x, y = twelve_bits()
    held = np.random.default_rng([seed, 0]).permutation(len(x))
    split = int(TRAINED * len(x))
    with using_threads(1):
        history, snr = _train(activation, recorded, x[held[:split]], y[held[:split]], x, seed)
    layers = range(len(HIDDEN) + 1)
    low = [min(float(layer[place].min()) for layer in history) for place in layers]
    high = [max(float(layer[place].max()) for layer in history) for place in layers]
    information = [
        [_information(activation, place, at[place], y, low[place], high[place]) for at in history] for place in layers
    ]
    kde = [
        {
            "layer": place,
            "epoch": epoch,
            "bounds": kde_bounds(at[place], VARIANCE),
            "i_y": kde_label_information(at[place], y, VARIANCE),
        }
        for epoch, at in zip(recorded, history, strict=True)
        if epoch in kde_at
        for place in (NARROW, OUTPUT)
    ]
    return {
        "epochs": recorded,
        "i_x": [[pair[0] for pair in row] for row in information],
        "i_y": [[pair[1] for pair in row] for row in information],
        "saturated": [[saturated(at[place]) for at in history] for place in layers],
        "clusters": [[_finite(cluster_ratio(at[place], y)) for at in history] for place in layers],
        "snr": snr,
        "kde": kde,
        "accuracy": float((history[-1][OUTPUT].argmax(1) == y)[held[split:]].mean()),
    }


def _recorded(epochs: int) -> list[int]:
    """0, the first twenty, then a hundred more at equal distances to the last."""
    return sorted({*range(min(21, epochs + 1)), *(round(epochs * part / 100) for part in range(1, 101))})


def _information(
    activation: str, place: int, hidden: np.ndarray, y: np.ndarray, low: float, high: float
) -> tuple[float, float]:
    if place == OUTPUT or activation == "tanh":
        return binned_information(bin_index(hidden, -1.0, 1.0, TANH_BINS), y)
    return binned_information(bin_index(hidden, low, high, RELU_BINS), y)


def _train(
    activation: str, recorded: Sequence[int], inputs: np.ndarray, labels: np.ndarray, every: np.ndarray, seed: int
) -> tuple[list[list[np.ndarray]], list[list[float | None]]]:
    """The activations of all patterns in every layer at the recorded epochs, and the gradients' signal to noise."""
    import torch
    from torch.nn.functional import cross_entropy

    model = _model(activation, seed)
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)  # a third faster here
    x, y, patterns = torch.from_numpy(inputs), torch.from_numpy(labels), torch.from_numpy(every)
    history = [_activations(model, patterns)]
    ratios: list[list[float | None]] = [[None for _ in linear]]
    for epoch in range(1, recorded[-1] + 1):
        order = torch.from_numpy(np.random.default_rng([seed, 1, epoch]).permutation(len(x)))
        gradients: list[list[torch.Tensor]] = [[] for _ in linear]
        for batch in order.split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            if epoch in recorded:
                for kept, layer in zip(gradients, linear, strict=True):
                    assert layer.weight.grad is not None
                    kept.append(layer.weight.grad.clone())
            optimizer.step()
        if epoch in recorded:
            history.append(_activations(model, patterns))
            ratios.append([_signal_to_noise(torch.stack(kept)) for kept in gradients])
    return history, [[row[place] for row in ratios] for place in range(len(linear))]


def _model(activation: str, seed: int) -> Any:
    import torch
    from torch import nn

    kinds: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in zip((12, *HIDDEN), (*HIDDEN, 2), strict=True):
        linear = nn.Linear(before, after)
        nn.init.trunc_normal_(
            linear.weight, std=after**-0.5, a=-2 * after**-0.5, b=2 * after**-0.5, generator=generator
        )
        nn.init.zeros_(linear.bias)
        layers += [linear, kinds[activation]()]
    return nn.Sequential(*layers[:-1])


def _activations(model: Any, patterns: Any) -> list[np.ndarray]:
    """Of each hidden layer after its activation, and the softmax: float32 (4096, units)."""
    import torch

    with torch.no_grad():
        outputs, hidden = [], patterns
        for place, layer in enumerate(model):
            hidden = layer(hidden)
            if place % 2:
                outputs.append(hidden.numpy())
        return [*outputs, hidden.softmax(1).numpy()]


def _signal_to_noise(gradients: Any) -> float:
    """||mean over batches|| / ||sd over batches|| of a layer's weight gradients, (batches, out, in)."""
    return float(gradients.mean(0).norm() / gradients.std(0).norm())


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _points(scale: Scale) -> list[Computation]:
    epochs = 1000
    kde_at = scale.pick([0, 20, 50, 100, 200, 400, 700, 1000], [100, 1000])
    return [
        Computation(
            f"{activation}-seed{seed}",
            train_and_record,
            {"activation": activation, "epochs": epochs, "seed": seed, "kde_at": kde_at},
        )
        for activation in ("tanh", "relu")
        for seed in scale.seeds
    ]


def _find(results: Results, scale: Scale) -> Findings:
    tanh, relu = (results.values(f"{name}-seed{{seed}}", scale.seeds) for name in ("tanh", "relu"))
    return Findings(_claims(tanh, relu), information_charts(tanh, relu, VARIANCE), _notes(tanh, relu))


def _claims(tanh: Sequence[Mapping[str, Any]], relu: Sequence[Mapping[str, Any]]) -> list[Claim]:
    def claim(
        id: str,
        statement: str,
        quantity: str,
        rule: Rule,
        values: Sequence[float],
        source: str = SOURCE,
        seen: str = "",
        published: str = "shown as curves; no number published",
    ) -> Claim:
        return Claim(id, statement, source, quantity, rule, published, tuple(values), seen)

    read = f"medians of {WINDOW} recorded epochs"
    tanh_bins, relu_bins = f"{TANH_BINS} bins on [-1, 1]", f"{RELU_BINS} bins over the range of the whole run"
    return [
        claim(
            "tanh-compresses",
            "The binned I(X;T) of the 3-unit tanh layer falls by at least 2 bits from its peak to the end.",
            f"fall of I(X;T) ({tanh_bins}) of the 3-unit tanh layer from its peak to the end, in bits ({read})",
            at_least(2.0),
            [fall(run, NARROW) for run in tanh],
        ),
        claim(
            "relu-does-not",
            "The binned I(X;T) of the 3-unit ReLU layer falls by no more than 1 bit from its peak to the end.",
            f"fall of I(X;T) ({relu_bins}) of the 3-unit ReLU layer from its peak to the end, in bits ({read})",
            at_most(1.0),
            [fall(run, NARROW) for run in relu],
            "Saxe et al. 2018, section 2",
        ),
        claim(
            "softmax-compresses",
            "The binned I(X;T) of the tanh network's softmax layer falls by at least 1.5 bits from its peak.",
            f"fall of I(X;T) ({tanh_bins}) of the tanh network's softmax layer, peak to end, in bits ({read})",
            at_least(1.5),
            [fall(run, OUTPUT) for run in tanh],
        ),
        claim(
            "label-is-kept",
            "The binned I(T;Y) of the 3-unit tanh layer ends at 0.95 bits or more, of the 1 bit that the label has.",
            f"I(T;Y) ({tanh_bins}) of the 3-unit tanh layer, in bits (median of the last {WINDOW} recorded epochs)",
            at_least(0.95),
            [in_the_end(run["i_y"][NARROW]) for run in tanh],
        ),
        claim(
            "drift-to-diffusion",
            "The signal-to-noise ratio of the first layer's gradients falls at least by half.",
            f"signal to noise of the first layer's gradients: first over last {WINDOW} recorded epochs (medians)",
            at_least(2.0),
            [signal_fall(run) for run in tanh],
            seen=signal_words(tanh),
        ),
        claim(
            "within-bounds",
            "Every estimate lies between zero and the twelve bits that the inputs have.",
            "how far outside [0, 12] bits the worst estimate of a run lies: I(X;T) and I(T;Y), by bins and kernels",
            at_most(0.0, exact=True),
            [beyond_bounds(run) for run in (*tanh, *relu)],
            published="none: a check of ours",
        ),
    ]


def _notes(tanh: Sequence[Mapping[str, Any]], relu: Sequence[Mapping[str, Any]]) -> list[str]:
    accuracy = [cell([run["accuracy"] for run in runs], 3) for runs in (tanh, relu)]
    return [
        "Never the information of a network: each number is that of an estimator, its bins and an activation.",
        SHORT,
        "The task is ours (icosahedron, third Legendre polynomial), as the authors' generator is not published; Adam "
        "as in their code, SGD in their text.",
        "Not measured here: more layers, and fewer training patterns, of which the paper also speaks.",
        f"Accuracy on the patterns held out: tanh {accuracy[0]}, ReLU {accuracy[1]}.",
    ]


STUDY = Study(
    name="information-plane",
    title="The information plane, and what it shows",
    question="Do layers compress what they know of the input?",
    source="Shwartz-Ziv & Tishby 2017, https://arxiv.org/abs/1703.00810; Saxe et al., ICLR 2018",
    effect="Layers first fit the label, then compress the input; critics trace that to saturation and binning.",
    points=_points,
    find=_find,
    own_data="twelve bits",
)
