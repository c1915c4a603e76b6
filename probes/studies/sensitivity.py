"""Arpit et al. 2017, section 3.3: on real data few examples matter, on noise all do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import Chart, HeatMap, LineChart, Swatch, Table, band, cell
from probes.studies.claim import Claim, above
from probes.studies.data import load_arrays
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "gini_over_steps"]

SOURCE = "Arpit et al. 2017, section 3.3 and figure 3"
MATRIX = "Arpit et al. 2017, section 3.3 and figure 4"
EXAMPLES, HIDDEN, BATCH, RATE, STEPS = 300, (16, 16), 60, 0.1, 120
CONDITIONS = {"real": "real data", "randX": "random inputs", "randY": "random labels"}
FIRST = 10  # steps before which a slope is not read: the mean is over too few


def gini_over_steps(dataset: str, condition: str, steps: int, seed: int, unique: bool = False) -> dict[str, Any]:
    """Gini coefficient of the mean loss sensitivity after each step of a small model's training.

    Args:
        dataset: 300 of its training examples are used.
        condition: "real", "randX" (Gaussian inputs with the data's mean and variance) or "randY" (random labels).
        steps: T.
        seed: of the noise, the weights and the order.
        unique: give every example a class of its own.
    """
    from probes.probing import loss_sensitivity
    from probes.scores.gini import gini

    inputs, labels, classes = _data(dataset, condition, seed, unique)
    model = _Maker(inputs.shape[1], classes)
    sensitivity = loss_sensitivity(model, inputs, labels, steps=steps, lr=RATE, batch_size=BATCH, seed=seed)
    running = np.cumsum(sensitivity, axis=0) / np.arange(1, steps + 1)[:, None]
    return {"gini": gini(running).tolist()}


def class_matrix(dataset: str, condition: str, steps: int, seed: int) -> dict[str, Any]:
    """How much the loss of each class depends on the inputs of each class, mean over the steps of the same training."""
    from probes.probing import loss_sensitivity_by_class

    inputs, labels, classes = _data(dataset, condition, seed, unique=False)
    settings: dict[str, Any] = {"steps": steps, "lr": RATE, "batch_size": BATCH, "seed": seed}
    matrices = loss_sensitivity_by_class(_Maker(inputs.shape[1], classes), inputs, labels, **settings)
    return {"matrix": matrices.mean(0).tolist()}


class _Maker:
    """Makes the small model: two hidden layers of 16 ReLU units, He's initial weights."""

    def __init__(self, dimensions: int, classes: int) -> None:
        self._widths = (dimensions, *HIDDEN, classes)

    def __call__(self) -> Any:
        from torch import nn

        layers: list[nn.Module] = []
        for before, after in zip(self._widths[:-1], self._widths[1:], strict=True):
            linear = nn.Linear(before, after)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.ReLU()]
        return nn.Sequential(*layers[:-1])


def _data(dataset: str, condition: str, seed: int, unique: bool) -> tuple[np.ndarray, np.ndarray, int]:
    data = load_arrays(dataset, EXAMPLES)  # seeds share the split and the examples, as runs do
    inputs, labels, classes = data.train.astype(np.float32), data.labels, data.num_classes
    rng = np.random.default_rng([seed, 4])
    if condition == "randX":
        inputs = rng.normal(inputs.mean(), inputs.std(), inputs.shape).astype(np.float32)
    if condition == "randY":
        labels = rng.integers(0, classes, len(labels))
    if unique:
        labels, classes = np.arange(len(labels)), len(labels)
    return inputs, labels, classes


def _points(scale: Scale) -> list[Computation]:
    points = []
    for seed in scale.seeds:
        for condition in CONDITIONS:
            common: dict[str, Any] = {"dataset": scale.dataset, "condition": condition, "seed": seed}
            points.append(Computation(f"{condition}-seed{seed}", gini_over_steps, {**common, "steps": STEPS}))
            if condition == "randY":
                continue
            matrix = {**common, "steps": scale.pick(STEPS, 30)}
            points.append(Computation(f"{condition}-classes-seed{seed}", class_matrix, matrix))
            if not scale.quick:
                unique = {**common, "steps": STEPS, "unique": True}
                points.append(Computation(f"{condition}-unique-seed{seed}", gini_over_steps, unique))
    return points


def _find(results: Results, scale: Scale) -> Findings:
    curves = {condition: _curves(results, f"{condition}-seed{{seed}}", scale) for condition in CONDITIONS}
    matrices = {
        condition: results.per_seed(f"{condition}-classes-seed{{seed}}", scale.seeds, _matrix, None)
        for condition in ("real", "randX")
    }
    claims = [*_gini_claims(curves), *_matrix_claims(matrices)]
    charts: list[Chart] = [_figure("gini", "How unequally do examples matter?", curves)]
    if not scale.quick:
        unique = {
            condition: _curves(results, f"{condition}-unique-seed{{seed}}", scale) for condition in ("real", "randX")
        }
        claims.append(
            _above(
                "unique-classes",
                "Where every example is a class of its own, too, examples matter less equally on real data than on "
                "random inputs in the end.",
                unique,
                "randX",
            )
        )
        charts.append(_figure("gini-unique", "And with a class of its own for every example?", unique))
    charts += [_heat(condition, [matrix for matrix in of if matrix is not None]) for condition, of in matrices.items()]
    return Findings(claims, [*charts, _table(curves)], _notes())


def _curves(results: Results, pattern: str, scale: Scale) -> list[np.ndarray]:
    """Gini coefficient after each step, a curve per seed; NaN where a result is not there."""
    return results.per_seed(pattern, scale.seeds, lambda row: np.array(row["gini"]), np.full(STEPS, np.nan))


def _matrix(row: dict[str, Any]) -> np.ndarray:
    return np.array(row["matrix"])


def _above(id: str, statement: str, curves: dict[str, list[np.ndarray]], other: str) -> Claim:
    real, noise = ([float(curve[-1]) for curve in curves[name]] for name in ("real", other))
    return Claim(
        id,
        statement,
        SOURCE,
        f"Gini coefficient of the mean loss sensitivity at the last step: real data less {CONDITIONS[other]}",
        above(0.0),
        "shown as curves; no number published",
        tuple(one - two for one, two in zip(real, noise, strict=True)),
        f"Real data {cell(real)}, {CONDITIONS[other]} {cell(noise)}.",
    )


def _gini_claims(curves: dict[str, list[np.ndarray]]) -> list[Claim]:
    slopes = tuple(_slope(curve) for curve in curves["real"])
    return [
        _above(
            "few-matter-against-inputs",
            "At the end of training, examples matter less equally on real data than on random inputs.",
            curves,
            "randX",
        ),
        _above(
            "few-matter-against-labels",
            "At the end of training, examples matter less equally on real data than with random labels.",
            curves,
            "randY",
        ),
        *(_throughout(curves, other) for other in ("randX", "randY")),
        Claim(
            "grows-on-real-data",
            f"On real data examples matter the less equally the longer the network learns, from step {FIRST + 1} on.",
            SOURCE,
            f"slope of the Gini coefficient on real data from step {FIRST} on, per 100 steps",
            above(0.0),
            "shown as curves; no number published",
            slopes,
            f"From {cell([curve[FIRST] for curve in curves['real']])} after step {FIRST + 1} "
            f"to {cell([curve[-1] for curve in curves['real']])} at the end.",
        ),
    ]


def _throughout(curves: dict[str, list[np.ndarray]], other: str) -> Claim:
    least = [float((one - two)[FIRST:].min()) for one, two in zip(curves["real"], curves[other], strict=True)]
    return Claim(
        f"throughout-{'inputs' if other == 'randX' else 'labels'}",
        f"From step {FIRST + 1} of training to the last, examples matter less equally on real data than with "
        f"{CONDITIONS[other]}.",
        SOURCE,
        f"Gini coefficient of the mean loss sensitivity, real data less {CONDITIONS[other]}: least from step "
        f"{FIRST + 1} on",
        above(0.0),
        "throughout training; shown as curves, no number published",
        tuple(least),
    )


def _slope(curve: np.ndarray) -> float:
    """Of the line through a curve, per 100 steps."""
    late = curve[FIRST:]
    return float(np.polyfit(np.arange(len(late)), late, 1)[0]) * 100 if np.isfinite(late).all() else math.nan


def _matrix_claims(matrices: dict[str, list[np.ndarray | None]]) -> list[Claim]:
    """Diagonal against the rest, and the rest on real data against noise."""

    def read(name: str, of: Callable[[np.ndarray], float]) -> list[float]:
        return [math.nan if matrix is None else float(of(matrix)) for matrix in matrices[name]]

    diagonal = read("real", lambda matrix: np.diag(matrix).mean() / _off(matrix).mean())
    rest = {name: read(name, lambda matrix: _off(matrix).sum() / matrix.sum()) for name in matrices}
    return [
        Claim(
            "own-class-matters-most",
            "On real data a class's loss depends more on the inputs of its own class than on those of another.",
            MATRIX,
            "mean entry on the diagonal of the class matrix over the mean entry off it, real data",
            above(1.0),
            "shown as a heat map: the diagonal dominates",
            tuple(diagonal),
        ),
        Claim(
            "classes-share-on-real-data",
            "The inputs of other classes have a larger part in a class's loss with real data than with random inputs.",
            MATRIX,
            "share of the class matrix off its diagonal: real data less random inputs",
            above(0.0),
            "shown as a heat map: more mass off the diagonal for real data",
            tuple(one - two for one, two in zip(rest["real"], rest["randX"], strict=True)),
            f"Off the diagonal: {cell(rest['real'])} on real data, {cell(rest['randX'])} on random inputs.",
        ),
    ]


def _off(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[~np.eye(len(matrix), dtype=bool)])


def _figure(id: str, question: str, curves: dict[str, list[np.ndarray]]) -> LineChart:
    steps = max((len(curve) for of in curves.values() for curve in of), default=0)
    colours: dict[str, Swatch] = {"real": "clean", "randX": "noisy", "randY": "other"}
    lines = [
        band(CONDITIONS[name], list(range(1, steps + 1)), of, swatch=colours[name], dashed=name != "real")
        for name, of in curves.items()
    ]
    ends = ", ".join(f"{CONDITIONS[name]} {cell([float(curve[-1]) for curve in of])}" for name, of in curves.items())
    return LineChart(
        id,
        question,
        "The Gini coefficient is high on real data and low on random inputs, throughout training.",
        f"After {steps} steps: {ends}.{_when_above(curves)}",
        "step",
        "Gini coefficient of the mean loss sensitivity",
        lines,
    )


def _when_above(curves: dict[str, list[np.ndarray]]) -> str:
    """From which step on the mean on real data stays above that of each other kind."""
    known = {name: [curve for curve in of if np.isfinite(curve).all()] for name, of in curves.items()}
    means = {name: np.mean(of, axis=0) for name, of in known.items() if of}
    told = []
    for name, mean in means.items():
        if name == "real" or "real" not in means:
            continue
        below = np.flatnonzero(means["real"] <= mean)
        last = int(below[-1]) + 1 if len(below) else 0
        where = "throughout" if not last else f"from step {last + 1} on" if last < len(mean) else "not at the end"
        told.append(f"above {CONDITIONS[name]} {where}")
    return f" The mean over the seeds on real data lies {', '.join(told)}." if told else ""


def _heat(condition: str, matrices: Sequence[np.ndarray]) -> HeatMap:
    mean = np.mean(matrices, axis=0) if matrices else np.full((1, 1), np.nan)
    names = [str(label) for label in range(len(mean))]
    return HeatMap(
        f"class-matrix-{CONDITIONS[condition]}".replace(" ", "-"),
        f"Whose inputs does a class's loss depend on: {CONDITIONS[condition]}?",
        "The diagonal dominates; off it there is more on real data than on random inputs.",
        f"The diagonal is {np.diag(mean).mean() / _off(mean).mean():.1f} times the rest, on average."
        if len(mean) > 1
        else "",
        "class of the inputs",
        "class of the loss",
        "loss sensitivity (nats per unit of input)",
        names,
        names,
        mean.tolist(),
        log=True,
    )


def _table(curves: dict[str, list[np.ndarray]]) -> Table:
    rows = [
        [CONDITIONS[name], *(cell([float(curve[at]) for curve in of]) for at in (0, FIRST, -1))]
        for name, of in curves.items()
    ]
    header = ["data", "step 1", f"step {FIRST + 1}", "last step"]
    return Table("numbers", "The numbers", "None published.", "Gini coefficient, mean ± sd.", header, rows)


def _notes() -> list[str]:
    return [
        "The derivative runs through the unrolled updates of training, as the paper defines it; the gradient by the "
        "input at fixed weights (`input_grad`) is another quantity.",
        f"{EXAMPLES} examples, two hidden layers of 16 units, SGD at {RATE:g} in batches of {BATCH}; the paper used "
        "1,000 MNIST digits at 14x14.",
    ]


STUDY = Study(
    name="sensitivity",
    title="How unequally examples matter",
    question="How unequally do training examples matter to what is learned?",
    source="Arpit et al., ICML 2017, section 3.3, https://arxiv.org/abs/1706.05394",
    effect="On real data the loss depends on few examples (high Gini coefficient), on noise on all of them alike.",
    points=_points,
    find=_find,
)
