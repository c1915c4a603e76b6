"""Zhang et al. 2017, section 2: networks fit random labels and random inputs, too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import LineChart, Mark, Table, band, cell, spread, swatch
from probes.studies.claim import Claim, above, at_least, at_most, between
from probes.studies.point import Training
from probes.studies.results import Results, curve, epochs_to
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

FIT = 0.999  # of the training examples predicted as given
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
KINDS: dict[str, dict[str, Any]] = {
    "true labels": {},
    "shuffled pixels": {"corrupt": ("shuffled_pixels=1",)},
    "Gaussian inputs": {"corrupt": ("gaussian=1",)},
    "random pixels": {"corrupt": ("random_pixels=1",)},
    "random labels": {"corrupt": ("uniform_all=1",)},
}
PERCEPTRONS: dict[str, dict[str, Any]] = {"MLP 1x512": {"depth": 1}, "MLP 3x512": {"depth": 3}}
CONVOLUTIONAL: dict[str, dict[str, Any]] = {
    "cnn": {"model": "cnn"},
    "small AlexNet": {"model": "alexnet", "lr": 0.01},
    "small Inception": {"model": "inception", "lr": 0.1},
}
FIGURE = "Zhang et al. 2017, figure 1"


@dataclass(frozen=True)
class Fit:
    """How a run came to fit its training set.

    Attributes:
        best: the highest share of training examples predicted as given.
        epoch: the first at which all but one in a thousand are; NaN where there is none.
        test_error: at that epoch; NaN where there is none.
        loss: (E,), mean training loss, in nats.
        classes: K of the data; 0 where it is not known.
    """

    best: float
    epoch: float
    test_error: float
    loss: np.ndarray
    classes: int = 0


MISSING = Fit(math.nan, math.nan, math.nan, np.empty(0))  # of a run that is not there


def fit_of(run: Run) -> Fit:
    """Read it off a run."""
    train, test = curve(run, "train/all"), curve(run, "test")
    epoch = epochs_to(train, FIT)
    error = math.nan if math.isnan(epoch) else float(1 - test[int(epoch) - 1])
    return Fit(float(train.max()), epoch, error, curve(run, "train/all", "loss"), len(run.classes or ()))


def _chance(fits: Sequence[Fit]) -> float:
    """Error of guessing, of ten classes unless the runs say otherwise."""
    return 1 - 1 / (max(fit.classes for fit in fits) or 10)


def _models(scale: Scale) -> dict[str, dict[str, Any]]:
    """Perceptrons; on images of a useful size convolutional networks, too."""
    images = scale.dataset != "digits" and not scale.dataset.endswith((".csv", ".parquet"))
    return {**PERCEPTRONS, **CONVOLUTIONAL} if images else PERCEPTRONS


def _shares(scale: Scale) -> tuple[float, ...]:
    return scale.pick(SHARES, (0.0, 0.4, 1.0))


def _kind_name(model: str, kind: str) -> str:
    return f"{model} {kind}".replace(" ", "-").lower() + "-seed{seed}"


def _share_name(share: float) -> str:
    return f"mlp-2x512-labels{share:g}-seed{{seed}}"


def _points(scale: Scale) -> list[Training]:
    points = []
    for seed in scale.seeds:
        for model, options in _models(scale).items():
            if scale.quick and model == "MLP 1x512":
                continue
            for kind, noise in KINDS.items():
                config = scale.config(**options, **noise, seed=seed, epochs=_epochs(scale, kind == "random labels"))
                points.append(Training(_kind_name(model, kind).format(seed=seed), config))
        for share in _shares(scale):
            config = scale.config(noise=share, seed=seed, epochs=_epochs(scale, share > 0))
            points.append(Training(_share_name(share).format(seed=seed), config))
    return points


def _epochs(scale: Scale, random_labels: bool) -> int:
    """Enough to fit: random labels need several times as many."""
    return scale.pick(120, 80) if random_labels else scale.pick(60, 30)


def _find(results: Results, scale: Scale) -> Findings:
    models = [name for name in _models(scale) if not (scale.quick and name == "MLP 1x512")]
    by_kind = {
        model: {kind: results.per_seed(_kind_name(model, kind), scale.seeds, fit_of, MISSING) for kind in KINDS}
        for model in models
    }
    by_share = {share: results.per_seed(_share_name(share), scale.seeds, fit_of, MISSING) for share in _shares(scale)}
    every = [*(fits for kinds in by_kind.values() for fits in kinds.values()), *by_share.values()]
    claims = [_fitted(every), *_kind_claims(by_kind), *_share_claims(by_share)]
    charts = [*(_losses(model, fits) for model, fits in by_kind.items()), _times(by_share), _errors(by_share)]
    return Findings(claims, [*charts, _table(by_kind)], _notes(scale))


def _fitted(every: Sequence[Sequence[Fit]]) -> Claim:
    """Over all models, kinds and shares of random labels."""
    best = np.array([[fit.best for fit in fits] for fits in every])
    missed = sum(fit.best < FIT for fits in every for fit in fits)
    return Claim(
        "every-kind-is-fitted",
        "Networks fit the training set whatever was randomised: some or all labels, pixels, or the whole input.",
        "Zhang et al. 2017, table 1 and figure 1a",
        "least share of training examples predicted as given, over models, kinds and shares, at its best epoch",
        at_least(FIT, exact=True),
        "CIFAR-10, random labels: Inception and MLP 3x512 100.0 %, AlexNet 99.82 %, MLP 1x512 99.34 %",
        tuple(best.min(0).tolist()),
        f"{missed} of {best.size} runs stay below {FIT:.1%}." if missed else "",
    )


def _kind_claims(by_kind: Mapping[str, Mapping[str, Sequence[Fit]]]) -> list[Claim]:
    claims = []
    for model, kinds in by_kind.items():
        tag, perceptron = model.replace(" ", "-").lower(), model.startswith("MLP")
        seen = _epochs_seen(kinds)
        claims += [
            Claim(
                f"labels-slower-{tag}",
                f"{model}: random labels take at least three times as long to fit as true ones.",
                FIGURE + "a",
                "epochs to fit random labels over epochs to fit true labels",
                at_least(3.0),
                "true labels fastest, random labels slowest; factors are not given in the text",
                _ratios(kinds["random labels"], kinds["true labels"]),
                seen,
            ),
            Claim(
                f"inputs-before-labels-{tag}",
                f"{model}: random inputs are fitted before random labels are.",
                FIGURE + "a",
                "epochs to fit random labels over those of the slower of random pixels and Gaussian inputs",
                above(1.0),
                "the loss on random pixels and Gaussian inputs starts to fall before that on random labels",
                _ratios(kinds["random labels"], _slower(kinds["random pixels"], kinds["Gaussian inputs"])),
                seen,
            ),
            Claim(
                f"shuffling-is-nothing-{tag}",
                f"{model}: one permutation of all pixels changes a perceptron's test error by at most 2 points."
                if perceptron
                else f"{model}: one permutation of all pixels raises a CNN's test error by at least 2 points.",
                FIGURE + "a",
                "test error with shuffled pixels less that with true ones, when the training set is fitted",
                between(-0.02, 0.02) if perceptron else at_least(0.02),
                "shuffled pixels are fitted, too; test error is not given",
                _differences(kinds["shuffled pixels"], kinds["true labels"]),
            ),
        ]
    return claims


def _share_claims(by_share: Mapping[float, Sequence[Fit]]) -> list[Claim]:
    shares = list(by_share)
    errors = np.array([[fit.test_error for fit in fits] for fits in by_share.values()])
    early, chance = shares[1], _chance(by_share[1.0])
    seen = f"Test error when fitted: {_told(by_share, errors.tolist(), 3)}."
    return [
        Claim(
            "error-grows",
            "The more labels are random, the larger the test error of a network that fits them all.",
            FIGURE + "c",
            "least rise of the test error from one share of random labels to the next, when fitted",
            above(0.0),
            "rises steadily",
            tuple(np.diff(errors, axis=0).min(0).tolist()),
            seen,
        ),
        Claim(
            "chance-at-the-end",
            "With all labels random, test error is that of guessing, within 3 points.",
            FIGURE + "c and table 1",
            "test error with all labels random, when fitted",
            between(round(chance - 0.03, 4), round(chance + 0.03, 4)),
            "90 % (CIFAR-10 test accuracy 9.78 to 10.61 %)",
            tuple(fit.test_error for fit in by_share[1.0]),
            seen,
        ),
        Claim(
            "time-grows-gradually",
            f"Time to fit grows gradually: at {early:.0%} random labels by at most half of the whole growth.",
            FIGURE + "b",
            f"share of the whole growth of epochs to fit that is reached at {early:.0%} random labels",
            at_most(0.5),
            "a gradual rise by a small constant factor",
            _early_growth(by_share[0.0], by_share[early], by_share[1.0]),
            _epochs_seen({f"{share:.0%} random labels": fits for share, fits in by_share.items()}),
        ),
    ]


def _losses(model: str, kinds: Mapping[str, Sequence[Fit]]) -> LineChart:
    lines = []
    for place, (kind, fits) in enumerate(kinds.items()):
        curves = [fit.loss for fit in fits if len(fit.loss)]
        epochs = list(range(1, len(curves[0]) + 1)) if curves else []
        lines.append(band(kind, epochs, curves, swatch=swatch(place), dashed=place == 1))
    last = {kind: max((len(fit.loss) for fit in fits), default=0) for kind, fits in kinds.items()}
    fitted = {kind: [fit.epoch for fit in fits] for kind, fits in kinds.items()}
    order = sorted(
        fitted, key=lambda kind: float(np.nanmean(fitted[kind])) if np.isfinite(fitted[kind]).any() else math.inf
    )
    return LineChart(
        _loss_id(model),
        f"{model}: which is fitted first?",
        "Training loss goes to zero for all; true labels are fastest, random labels slowest (figure 1a).",
        "From first to last fitted: "
        + ", ".join(f"{kind} ({cell(fitted[kind], 1)})" for kind in order)
        + f" epochs. Lines end where training did: {_lengths(last)}.",
        "epoch",
        "training loss (nats)",
        lines,
    )


def _loss_id(model: str) -> str:
    """Such as "loss-1x512-perceptron", which a page makes a title of."""
    name = f"{model.removeprefix('MLP ')} perceptron" if model.startswith("MLP") else model
    return f"loss-{name}".replace(" ", "-").lower()


def _lengths(epochs: Mapping[str, int]) -> str:
    """Kinds by the epochs that they were trained for."""
    of = {length: [kind for kind, own in epochs.items() if own == length] for length in sorted(set(epochs.values()))}
    return "; ".join(f"after {length} epochs for {', '.join(kinds)}" for length, kinds in of.items() if length)


def _times(by_share: Mapping[float, Sequence[Fit]]) -> LineChart:
    ratios = [_ratios(fits, by_share[0.0]) for fits in by_share.values()]
    return LineChart(
        "time-to-fit",
        "How much longer does it take to fit more random labels?",
        "Relative time to overfit grows by a small constant factor (figure 1b).",
        f"Epochs relative to true labels: {_told(list(by_share)[1:], ratios[1:], 1)}.",
        "share of random labels",
        "epochs to fit, relative to true labels",
        [spread("MLP 2x512", list(by_share), ratios)],
        percent_x=True,
    )


def _errors(by_share: Mapping[float, Sequence[Fit]]) -> LineChart:
    errors = [[fit.test_error for fit in fits] for fits in by_share.values()]
    return LineChart(
        "test-error",
        "What does fitting them cost?",
        "Test error at zero training error rises steadily to 90 % (figure 1c).",
        f"Test error when fitted: {_told(by_share, errors, 3)}.",
        "share of random labels",
        "test error when fitted",
        [spread("MLP 2x512", list(by_share), errors)],
        [Mark("y", _chance(by_share[1.0]), "guessing")],
        percent_x=True,
        percent_y=True,
    )


def _told(shares: Iterable[float], values: Sequence[Sequence[float]], digits: int) -> str:
    return ", ".join(f"{cell(row, digits)} at {share:.0%}" for share, row in zip(shares, values, strict=True))


def _table(by_kind: Mapping[str, Mapping[str, Sequence[Fit]]]) -> Table:
    rows = [
        [
            model,
            kind,
            cell([fit.best for fit in fits]),
            cell([fit.epoch for fit in fits], 1),
            cell([1 - fit.test_error for fit in fits]),
        ]
        for model, kinds in by_kind.items()
        for kind, fits in kinds.items()
    ]
    header = ["model", "training set", "training accuracy", "epochs to fit", "test accuracy when fitted"]
    return Table("numbers", "The numbers", "Table 1 has them for CIFAR-10.", "Mean ± sd over the seeds.", header, rows)


def _ratios(slow: Sequence[Fit], fast: Sequence[Fit]) -> tuple[float, ...]:
    return tuple(one.epoch / other.epoch for one, other in zip(slow, fast, strict=True))


def _differences(ones: Sequence[Fit], others: Sequence[Fit]) -> tuple[float, ...]:
    return tuple(one.test_error - other.test_error for one, other in zip(ones, others, strict=True))


def _slower(ones: Sequence[Fit], others: Sequence[Fit]) -> list[Fit]:
    """Of each pair the one that was fitted later; one that never was is the slower."""
    return [
        max(pair, key=lambda fit: math.inf if math.isnan(fit.epoch) else fit.epoch)
        for pair in zip(ones, others, strict=True)
    ]


def _early_growth(none: Sequence[Fit], early: Sequence[Fit], whole: Sequence[Fit]) -> tuple[float, ...]:
    """NaN where there is no growth to take a share of."""
    growths = ((b.epoch - a.epoch, c.epoch - a.epoch) for a, b, c in zip(none, early, whole, strict=True))
    return tuple(part / growth if growth else math.nan for part, growth in growths)


def _epochs_seen(fits: Mapping[str, Sequence[Fit]]) -> str:
    """Epochs to fit, and how many of the seeds did."""
    told = ", ".join(f"{name} {cell([fit.epoch for fit in of], 1)}" for name, of in fits.items())
    return f"Epochs to fit: {told}."


def _notes(scale: Scale) -> list[str]:
    more = "Convolutional networks: --dataset fashion-mnist --subset 5000, or an image folder."
    rates = "The small AlexNet and Inception have the paper's learning rates, 0.01 and 0.1, but keep them throughout."
    return [
        "The paper used CIFAR-10; the order of true labels and Gaussian inputs is not claimed here: small Gaussian "
        "data sets of few dimensions are easy to separate.",
        "For a perceptron shuffled pixels are only a relabelling of inputs, a null test.",
        *([more] if scale.dataset == "digits" else [rates]),
    ]


STUDY = Study(
    name="randomization",
    title="Fitting random labels",
    question="Can a network fit anything, and what does it cost?",
    source="Zhang et al., ICLR 2017, section 2, https://arxiv.org/abs/1611.03530",
    effect="Training error reaches zero on true labels, random labels and random inputs alike; test error does not.",
    points=_points,
    find=_find,
)
