"""Arpit et al. 2017, section 4.1: the network is at its best before it memorizes the noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import LineChart, Mark, Swatch, Table, band, cell
from probes.studies.claim import Claim, Rule, above, at_least, below
from probes.studies.point import Training
from probes.studies.results import Results, curve, epochs_to
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

SOURCE = "Arpit et al. 2017, section 4.1 and figures 7-8"
NOISES = (0.2, 0.4, 0.6, 0.8)
HEADLINE = 0.4  # the share at which the assertions are made
LAST = 5  # epochs whose mean is the final accuracy
# a share of noise each; of the colours whose lines are solid unless they are dashed
SWATCHES: tuple[Swatch, ...] = ("clean", "true", "1", "noisy", "test")
NO_NUMBER = "shown as curves; no number published"


def _name(noise: float) -> str:
    return f"noise{noise:g}-seed{{seed}}"


def _noises(scale: Scale) -> tuple[float, ...]:
    """Shares of noise, none first."""
    return (0.0, *scale.pick(NOISES, (HEADLINE, 0.8)))


def _points(scale: Scale) -> list[Training]:
    epochs = scale.pick(120, 60)
    return [
        Training(_name(noise).format(seed=seed), scale.config(noise=noise, epochs=epochs, seed=seed))
        for noise in _noises(scale)
        for seed in scale.seeds
    ]


class _Peak:
    """A run at the epoch of its best validation accuracy: chosen on validation, read on test and training examples."""

    def __init__(self, run: Run) -> None:
        self.validation, self.test = curve(run, "validation"), curve(run, "test")
        self.train = curve(run, "train/all")
        self.clean, self.noisy = curve(run, "train/clean"), curve(run, "train/noisy")
        self.true = curve(run, "train/noisy", "true_label_accuracy")
        self.at = int(np.nanargmax(self.validation))

    @property
    def drop(self) -> float:
        """Test accuracy at the peak less that of the last epochs."""
        return float(self.test[self.at] - self.test[-LAST:].mean())

    @property
    def delay(self) -> float:
        """Epochs to half of the wrong labels over epochs to 90 % of the clean ones; an epoch is the resolution.

        Wrong labels that are not half memorized by the end count as memorized one epoch after it: a lower bound.
        """
        half = epochs_to(self.noisy, 0.5)
        half = len(self.noisy) + 1 if np.isnan(half) else half
        return half / epochs_to(self.clean, 0.9)


def _find(results: Results, scale: Scale) -> Findings:
    rows = {noise: results.per_seed(_name(noise), scale.seeds, _Peak, None) for noise in _noises(scale)}
    peaks = {noise: [peak for peak in of if peak is not None] for noise, of in rows.items()}
    claims = [*_headline_claims(rows[HEADLINE]), *_noise_claims(rows)]
    return Findings(claims, [*_curves(peaks), _table(peaks)], _notes())


def _claim(id: str, statement: str, quantity: str, rule: Rule, values: Sequence[float], seen: str = "") -> Claim:
    return Claim(id, statement, SOURCE, quantity, rule, NO_NUMBER, tuple(values), seen)


def _read(peaks: Sequence[_Peak | None], read: Callable[[_Peak], float]) -> list[float]:
    """A number of each seed; NaN where its run is not there."""
    return [math.nan if peak is None else float(read(peak)) for peak in peaks]


def _headline_claims(peaks: Sequence[_Peak | None]) -> list[Claim]:
    at = ", ".join(str(peak.at + 1) for peak in peaks if peak is not None)
    half = cell(_read(peaks, lambda peak: epochs_to(peak.noisy, 0.5)), 1)
    most = cell(_read(peaks, lambda peak: epochs_to(peak.clean, 0.9)), 1)
    return [
        _claim(
            "peak-then-fall",
            "With 40 % of the labels redrawn, test accuracy falls by more than 10 points after the validation peak.",
            "test accuracy at the validation peak less its mean over the last 5 epochs",
            above(0.10),
            _read(peaks, lambda peak: peak.drop),
            f"The peaks are at epochs {at}." if at else "",
        ),
        _claim(
            "noise-not-yet-memorized",
            "At its validation peak the network has memorized less than 15 % of the wrong labels.",
            "share of noisy examples predicted as given at the validation peak",
            below(0.15),
            _read(peaks, lambda peak: peak.noisy[peak.at]),
        ),
        _claim(
            "pattern-already-learned",
            "At its validation peak the network already fits more than 90 % of the clean examples.",
            "share of clean examples predicted as given at the validation peak",
            above(0.9),
            _read(peaks, lambda peak: peak.clean[peak.at]),
        ),
        _claim(
            "true-label-first",
            "At its validation peak the network answers more than 80 % of the noisy examples with their true label.",
            "share of noisy examples predicted as their true label at the validation peak",
            above(0.8),
            _read(peaks, lambda peak: peak.true[peak.at]),
        ),
        _claim(
            "noise-later",
            "Half of the noisy examples take at least three times as long to fit as 90 % of the clean ones do.",
            "epochs to 50 % of the noisy examples over epochs to 90 % of the clean ones",
            at_least(3.0),
            _read(peaks, lambda peak: peak.delay),
            f"Epochs to 50 % of the noisy examples: {half}; to 90 % of the clean ones: {most}.",
        ),
    ]


def _noise_claims(by_noise: Mapping[float, Sequence[_Peak | None]]) -> list[Claim]:
    """Both accuracies fall with the share of noise: the final one, and the best one."""
    claims = []
    for id, word, read in (
        ("worse-with-noise", "final", lambda peak: peak.test[-LAST:].mean()),
        ("best-falls-with-noise", "best", lambda peak: peak.test[peak.at]),
    ):
        table = np.array([_read(peaks, read) for peaks in by_noise.values()])
        told = ", ".join(f"{cell(row)} at {noise:.0%}" for noise, row in zip(by_noise, table.tolist(), strict=True))
        claims.append(
            _claim(
                id,
                f"The more labels are wrong, the lower the {word} test accuracy.",
                f"least fall of the {word} test accuracy from one share of noise to the next"
                + (", read at the validation peak" if word == "best" else ""),
                above(0.0),
                (-np.diff(table, axis=0)).min(0).tolist(),
                f"It is {told}.",
            )
        )
    return claims


def _curves(peaks: dict[float, list[_Peak]]) -> list[LineChart]:
    headline = peaks[HEADLINE]
    epochs = list(range(1, len(headline[0].test) + 1)) if headline else []
    lines = [
        band("clean, as labelled", epochs, [peak.clean for peak in headline], swatch="clean"),
        band("noisy, as labelled", epochs, [peak.noisy for peak in headline], swatch="noisy"),
        band("noisy, as the true label", epochs, [peak.true for peak in headline], swatch="true", dashed=True),
        band("test", epochs, [peak.test for peak in headline], swatch="test", dashed=True),
    ]
    by_noise = [
        band(
            f"{noise:.0%} noise, {name}",
            epochs,
            [getattr(peak, name) for peak in peaks[noise]],
            swatch=SWATCHES[place],
            dashed=name == "test",
        )
        for place, noise in enumerate(peaks)
        for name in ("train", "test")
    ]
    mean_at = np.mean([peak.at + 1 for peak in headline]) if headline else float("nan")
    falls = ", ".join(
        f"{np.mean([peak.drop for peak in peaks[noise]]):.2f} at {noise:.0%}"
        for noise in peaks
        if noise and peaks[noise]
    )
    return [
        LineChart(
            "curves",
            "Which comes first, the pattern or the noise?",
            "Validation accuracy rises early and falls while training accuracy on noisy labels climbs.",
            f"Mean and one sd over {len(headline)} seeds, 40 % noise: validation is best around epoch {mean_at:.0f}.",
            "epoch",
            "examples predicted so",
            lines,
            [Mark("x", float(mean_at), "validation peak")] if headline else [],
            log_x=True,
            percent_y=True,
        ),
        LineChart(
            "test-by-noise",
            "How does the share of noise change the fall?",
            "Training accuracy (solid) goes on rising while validation accuracy (dotted) peaks and falls; its best and "
            "its final value both fall as the noise grows (figure 7).",
            "Training accuracy solid, test accuracy dashed, where the paper has validation: the peak is chosen on "
            f"validation and read on test. From it to the end test accuracy falls by {falls}.",
            "epoch",
            "accuracy",
            by_noise,
            log_x=True,
            percent_y=True,
        ),
    ]


def _table(peaks: dict[float, list[_Peak]]) -> Table:
    def at_peak(found: Sequence[_Peak], name: str) -> str:
        return cell([float(getattr(peak, name)[peak.at]) for peak in found])

    rows = [
        [
            f"{noise:.0%}",
            at_peak(found, "test"),
            ", ".join(str(peak.at + 1) for peak in found),
            cell([float(peak.test[-LAST:].mean()) for peak in found]),
            *(at_peak(found, name) if noise else "–" for name in ("clean", "noisy", "true")),
        ]
        for noise, found in peaks.items()
    ]
    header = ["noise", "test at peak", "peak epochs", "final test", "clean fitted", "noisy fitted", "noisy as true"]
    return Table("numbers", "The numbers", "No table in the paper.", "Mean ± sd over the seeds.", header, rows)


def _notes() -> list[str]:
    return [
        "The paper used MNIST and CIFAR-10 with larger networks and 1,000 epochs; here it is a 2x512 perceptron.",
        "The peak is chosen on the validation split and read on the test split.",
        "Synthetic uniform noise on small data: other noise is harder to tell from the pattern.",
    ]


STUDY = Study(
    name="patterns-first",
    title="Patterns first, noise later",
    question="Does a network learn the pattern before it memorizes the noise?",
    source="Arpit et al., ICML 2017, section 4.1, https://arxiv.org/abs/1706.05394",
    effect="With noisy labels, validation accuracy peaks early, then falls as the noise is fitted.",
    points=_points,
    find=_find,
)
