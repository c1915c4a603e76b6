"""What the study `memorization` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probes.data import LazyImages
from probes.runs.thumbnails import encode_png
from probes.scores.detection import auroc, average_precision
from probes.studies.chart import (
    BarChart,
    Bars,
    Chart,
    Gallery,
    GalleryRow,
    Line,
    LineChart,
    Mark,
    Picture,
    Swatch,
    Table,
    cell,
    picture,
)
from probes.studies.measured_memorization import INFLUENTIAL, MEMORIZED, SURE, Measured

__all__ = ["memorization_charts"]

SCORES = {
    "mean_loss": "mean loss",
    "aum": "AUM",
    "forgetting_events": "forgetting events",
    "learned_epoch": "learned epoch",
    "confidence": "confidence",
}
ROWS, OTHERS = 6, 6  # of the gallery


def memorization_charts(found: Sequence[Measured], control: Sequence[Measured]) -> list[Chart]:
    """All of the page, in its order.

    Args:
        found: by seed; the first one's pairs are drawn.
        control: without noise, of some of the seeds.
    """
    return [
        _histogram(found, control),
        _pairs_chart(found[0]),
        *_galleries(found[0]),
        _table(found, control),
        _score_table(found, control),
    ]


def _histogram(found: Sequence[Measured], control: Sequence[Measured]) -> BarChart:
    edges = np.linspace(0, 1, 11)
    names = ["below 0", *(f"{low:.1f}–{low + 0.1:.1f}" for low in edges[:-1])]

    def bars(name: str, groups: Sequence[np.ndarray], swatch: Swatch) -> Bars:
        counts = [np.histogram(values, bins=[-np.inf, *edges[:-1], np.inf])[0] for values in groups]
        table = np.stack([count / max(len(values), 1) for count, values in zip(counts, groups, strict=True)])
        mean = table.mean(0)
        if len(table) == 1:
            return Bars(name, mean, swatch=swatch)
        sd = table.std(0, ddof=1)
        return Bars(name, mean, np.maximum(mean - sd, 0), mean + sd, swatch)

    clean, noisy = ([one.value[one.noisy == is_noisy] for one in found] for is_noisy in (False, True))
    every = [one.value for one in control]
    seeds = " and ".join(f"seed {one.seed}" for one in control)
    without = f"; without noise {cell([float(values.mean()) for values in every])} of all, {seeds}" if control else ""
    means = [cell([float(values.mean()) for values in groups]) for groups in (clean, noisy)]
    return BarChart(
        "histogram",
        "How much are examples memorized?",
        "Most examples are hardly memorized; a long tail is, up to 1. On ImageNet about 32 % reach 0.3.",
        f"Mean memorization {means[0]} of clean and {means[1]} of noisy examples, mean and one sd over {len(found)} "
        f"repetitions{without}.",
        "share of the group",
        names,
        [
            bars("clean", clean, "clean"),
            bars("noisy", noisy, "noisy"),
            *([bars("without noise", every, "other")] if control else []),
        ],
        percent_y=True,
    )


def _pairs_chart(one: Measured) -> LineChart:
    thresholds = np.round(np.arange(0.05, 0.61, 0.025), 3)

    def counts(influence: np.ndarray) -> list[float]:
        found = (one.pairs(influence, threshold) for threshold in thresholds.tolist())
        return [float(count) if count else float("nan") for count in found]

    return LineChart(
        "pairs",
        "How many test examples does a memorized training example carry?",
        "Few pairs have a high influence, and they look alike: a rare training example and its like in the test set.",
        f"At {INFLUENTIAL} there are {one.pairs(one.influence.value):,} pairs, {one.pairs(one.chance.value):,} where "
        f"every model is given another's answers; {len(one.answers):,} models, seed {one.seed}.",
        "influence of at least",
        f"pairs with memorization of at least {MEMORIZED}",
        [
            Line("measured", thresholds.tolist(), counts(one.influence.value), swatch="1"),
            Line("by chance", thresholds.tolist(), counts(one.chance.value), swatch="other", dashed=True),
        ],
        [Mark("x", INFLUENTIAL, "the paper's threshold")],
        log_y=True,
    )


def _table(found: Sequence[Measured], control: Sequence[Measured]) -> Table:
    rows = [
        [
            f"{one.seed}{'' if one in found else ' (no noise)'}",
            f"{len(one.answers):,}",
            f"{one.value[~one.noisy].mean():.3f}",
            _mean(one.value[one.noisy]),
            f"{np.nanmean(one.memorization.error):.3f}",
            f"{one.memorized[~one.noisy].mean():.3f}",
            _mean(one.memorized[one.noisy]),
            f"{one.pairs(one.influence.value):,} ({one.pairs(one.chance.value):,})",
            f"{one.sure(one.influence).sum():,} ({one.sure(one.chance).sum():,})",
            f"{one.pairs(-one.influence.value):,}",
            f"{one.answers.test.mean():.3f}",
        ]
        for one in [*found, *control]
    ]
    header = [
        "seed",
        "models",
        "clean",
        "noisy",
        "error",
        f"clean ≥ {MEMORIZED}",
        f"noisy ≥ {MEMORIZED}",
        f"pairs ≥ {INFLUENTIAL} (by chance)",
        f"> {SURE:g} errors (by chance)",
        f"pairs ≤ -{INFLUENTIAL}",
        "test",
    ]
    ours = (
        "A row per seed; error is the mean standard error of memorization. In pairs of negative influence a memorized "
        "training example spoils a test example."
    )
    return Table("numbers", "The numbers", "MNIST: 35 pairs from 4,000 models, clean labels.", ours, header, rows)


def _mean(values: np.ndarray) -> str:
    """As the table shows it; a dash where there are none."""
    return f"{values.mean():.3f}" if len(values) else "–"


def _score_table(found: Sequence[Measured], control: Sequence[Measured]) -> Table:
    """How well memorization, and cheaper scores, tell noisy examples from clean ones; and how alike they rank."""
    columns: dict[str, list[tuple[float, float, float]]] = {}
    for one in found:
        for name, values in _scores(one).items():
            area, precision = (
                np.nan if value is None else value
                for value in (auroc(values, one.noisy), average_precision(values, one.noisy))
            )
            columns.setdefault(name, []).append((area, precision, _spearman(values, one.value)))
    rows = [[name, *(cell(of) for of in zip(*measured, strict=True))] for name, measured in columns.items()]
    base = cell([float(one.noisy.mean()) for one in found])
    return Table(
        "scores",
        "Do cheaper scores say the same?",
        "No such table in the paper.",
        f"The scores of one run of a {found[0].network} network on all examples, each turned so that high is "
        f"suspicious; mean ± sd over seeds. The base rate of noisy examples, which average precision has to exceed, is "
        f"{base}.{_undefined(control)}",
        ["score", "AUROC for noisy", "average precision", "rank correlation with memorization"],
        rows,
    )


def _undefined(control: Sequence[Measured]) -> str:
    """What a detector makes of data without a noisy example."""
    if not control or any(auroc(one.value, one.noisy) is not None for one in control):
        return ""
    return " Without noise the share of noisy examples is 0 and every AUROC undefined, not 0.5."


def _scores(one: Measured) -> Mapping[str, np.ndarray]:
    """High is suspicious."""
    result = {"memorization": one.value, "wrong without having seen it": one.outside_error}
    if one.run is not None:
        from probes.scores.catalogue import CATALOGUE
        from probes.scores.detection import ranking_values

        table = one.run.scores([*SCORES, "never_learned"])
        never = table["never_learned"].to_numpy(dtype=int, na_value=-1)
        for name, label in SCORES.items():
            values = table[name].to_numpy(dtype=float, na_value=np.nan)
            direction = CATALOGUE[name].direction or "high"
            result[f"{label}, one run"] = ranking_values(
                name, values, direction, never_learned=never, last_epoch=one.run.num_epochs
            )
    return result


def _spearman(values: np.ndarray, others: np.ndarray) -> float:
    from scipy.stats import spearmanr

    known = np.isfinite(values) & np.isfinite(others)
    return float(spearmanr(values[known], others[known]).statistic)


def _galleries(one: Measured) -> list[Gallery]:
    """The most memorized training images that carry a test image, none where none does; nothing but for images."""
    if one.data.kind != "image":
        return []
    carrying = one.sure(one.influence).any(1)
    clean = _gallery(
        one,
        "carried",
        "Which test images do memorized training images carry?",
        "Pairs look alike: rare training images and test images of the same rare kind.",
        "with the right label",
        np.flatnonzero(carrying & ~one.noisy),
    )
    noisy = _gallery(
        one,
        "carried-by-wrong-labels",
        "And those with a wrong label?",
        "No such figure in the paper, whose labels are those of the data.",
        "with a wrong label",
        np.flatnonzero(carrying & one.noisy),
    )
    return [clean, noisy]


def _gallery(one: Measured, id: str, question: str, paper: str, kind: str, carrying: np.ndarray) -> Gallery:
    order = carrying[np.argsort(-one.value[carrying], kind="stable")][:ROWS].tolist()
    rows = [
        GalleryRow(_training_image(one, index), [_test_image(one, index, test) for test in _carried(one, index)])
        for index in order
    ]
    by_seed = f"{len(one.answers):,} models, seed {one.seed}."
    ours = (
        f"{len(carrying):,} memorized training images {kind} carry a test image by more than {SURE:g} standard errors, "
        f"the {len(rows)} most memorized first; in all there are {one.sure(one.influence).sum():,} such pairs, "
        f"{one.sure(one.chance).sum():,} by chance; {by_seed}"
    )
    if not rows:
        ours = (
            f"No memorized training image {kind} carries a test image by more than {SURE:g} standard errors; {by_seed} "
            "Errors shrink with more models, as in the full size."
        )
    return Gallery(id, question, paper, ours, "training image", "test images that it carries", rows)


def _carried(one: Measured, index: int) -> list[int]:
    """Test images that a training image carries, the most influenced first."""
    influence, sure = one.influence.value[index], one.sure(one.influence)[index]
    found: list[int] = np.argsort(-influence, kind="stable")[:OTHERS].tolist()
    return [test for test in found if sure[test]]


def _training_image(one: Measured, index: int) -> Picture:
    train, classes = one.data.train, one.data.classes
    given = classes[int(train.given_labels[index])]
    words = f"“{given}”"
    if one.noisy[index] and train.true_labels is not None:
        words += f", truly “{classes[int(train.true_labels[index])]}”"
    return _pictured(one, train.inputs, index, f"{words}, memorization {one.value[index]:.2f}")


def _test_image(one: Measured, index: int, test: int) -> Picture:
    value, error = one.influence.value[index, test], one.influence.error[index, test]
    label = one.data.classes[int(one.data.test.given_labels[test])]
    return _pictured(one, one.data.test.inputs, test, f"“{label}”, influence {value:.2f} ± {error:.2f}")


def _pictured(one: Measured, inputs: Any, index: int, caption: str) -> Picture:
    rows = np.array([index])
    chosen = inputs.select(rows).read() if isinstance(inputs, LazyImages) else inputs[rows]
    return picture(encode_png(one.data.shown(chosen)[0]), caption)
