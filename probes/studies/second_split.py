"""Maini et al. 2022: what is forgotten at once when training goes on with other examples was memorized, not learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from probes.studies.chart import BarChart, Bars, Chart, Line, LineChart, Swatch, Table, band, cell
from probes.studies.claim import Claim, at_least
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "forget", "forget_without_noise"]

SOURCE = "Maini et al. 2022, section 3"
NOISE = 0.2
NOISY, CONTROL = "seed{seed}", "without-noise-seed{seed}"  # names of points
NO_NUMBER = "shown as figures; no number verified for this setting"


def forget(dataset: str, subset: int | None, first: int, second: int, seed: int) -> dict[str, Any]:
    """Train on one half, go on with the other, and see when the first is forgotten; then with the halves swapped.

    The reference protocol: an MLP of two layers of 512, SGD at 0.05 with momentum 0.9, batches of 64, `uniform_all`
    noise of 0.2 in both halves; the second stage keeps the learning rate and starts with fresh momentum.

    Args:
        dataset: of `probe train`.
        subset: training examples to keep; None keeps all.
        first: epochs on the first half.
        second: epochs on the second.
        seed: of noise, weights and orders.

    Returns:
        By training example: `noisy`, `forgotten` (SSFT, 1 to second + 1), `learned` (FSLT, null where not learned);
        and by epoch of the second stage the share of the first half still predicted as given, `clean_kept` and
        `noisy_kept`.
    """
    from probes.scores.learning_times import learned_epoch
    from probes.scores.second_split import second_split_forgetting
    from probes.training.setup import prepare, using_threads

    config = Scale(dataset=dataset, subset=subset).config(noise=NOISE, seed=seed)
    setup = prepare(config)
    count = len(setup.examples)
    noisy = np.asarray(setup.examples.noisy)
    halves = np.array_split(np.random.default_rng([seed, 5]).permutation(count), 2)
    forgotten, learned = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
    kept: dict[str, list[np.ndarray]] = {"clean": [], "noisy": []}
    with using_threads(1):
        for own, other in (halves, halves[::-1]):
            stages = _two_stages(config, own, other, (first, second))
            learned[own] = learned_epoch(stages[0])
            forgotten[own] = second_split_forgetting(stages[1])
            for name, group in (("clean", ~noisy[own]), ("noisy", noisy[own])):
                kept[name].append(stages[1][:, group].mean(1))
    return {
        "noisy": noisy.tolist(),
        "forgotten": forgotten.tolist(),
        "learned": [int(epoch) if epoch > 0 else None for epoch in learned],
        "clean_kept": np.mean(kept["clean"], axis=0).tolist(),
        "noisy_kept": np.mean(kept["noisy"], axis=0).tolist(),
    }


def forget_without_noise(dataset: str, subset: int | None, first: int, second: int, seed: int) -> dict[str, Any]:
    """The control of `forget`: the same halves, starts and orders on the labels as the data have them.

    Args:
        dataset: of `probe train`.
        subset: training examples to keep; None keeps all.
        first: epochs on the first half.
        second: epochs on the second.
        seed: of weights and orders.

    Returns:
        By training example: `noisy` (known to be wrong in the data: none, as a rule), `forgotten` and `learned`, as
        `forget` has them; and `kept`, the share of the first half still predicted as given, by epoch of the second
        stage.
    """
    from probes.scores.learning_times import learned_epoch
    from probes.scores.second_split import second_split_forgetting
    from probes.training.setup import prepare, using_threads

    config = Scale(dataset=dataset, subset=subset).config(noise=0.0, seed=seed)
    examples = prepare(config).examples
    count = len(examples)
    halves = np.array_split(np.random.default_rng([seed, 5]).permutation(count), 2)
    forgotten, learned = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
    kept = []
    with using_threads(1):
        for own, other in (halves, halves[::-1]):
            before, after = _two_stages(config, own, other, (first, second))
            learned[own], forgotten[own] = learned_epoch(before), second_split_forgetting(after)
            kept.append(after.mean(1))
    return {
        "noisy": [False] * count if examples.noisy is None else examples.noisy.tolist(),
        "forgotten": forgotten.tolist(),
        "learned": [int(epoch) if epoch > 0 else None for epoch in learned],
        "kept": np.mean(kept, axis=0).tolist(),
    }


def _two_stages(config: Any, own: np.ndarray, other: np.ndarray, epochs: tuple[int, int]) -> list[np.ndarray]:
    """Whether each example of `own` is predicted as given, int8 (E, n), while training on it and then on `other`."""
    import torch

    from probes.training.loop import epoch_order, train_epoch
    from probes.training.optimization import configured_optimizer
    from probes.training.setup import prepare

    setup = prepare(config)  # again: the same data, and weights as they begin
    first = setup.examples.select(own)
    correct = []
    for stage, chosen in enumerate((own, other)):
        examples = setup.examples.select(chosen)
        optimizer = configured_optimizer(setup.model, config)
        rows = []
        for epoch in range(1, epochs[stage] + 1):
            order = epoch_order(config.seeds["order"] + 1000 * stage, epoch, len(examples))
            train_epoch(setup.model, optimizer, examples.select(order), config.batch_size)
            setup.model.eval()
            with torch.no_grad():
                rows.append((setup.model(first.inputs).argmax(1) == first.given_labels).numpy().astype(np.int8))
        correct.append(np.stack(rows))
    return correct


def _stages(scale: Scale) -> tuple[int, int]:
    return scale.pick((80, 40), (40, 20))


def _points(scale: Scale) -> list[Computation]:
    first, second = _stages(scale)
    common = {"dataset": scale.dataset, "subset": scale.subset, "first": first, "second": second}
    return [
        Computation(name.format(seed=seed), function, {**common, "seed": seed})
        for name, function in ((NOISY, forget), (CONTROL, forget_without_noise))
        for seed in scale.seeds
    ]


def _find(results: Results, scale: Scale) -> Findings:
    found, control = (results.values(name, scale.seeds) for name in (NOISY, CONTROL))
    claims = [
        Claim(
            "finds-noise",
            "Wrong labels are forgotten first: second-split forgetting time tells them from clean ones.",
            SOURCE,
            "AUROC of low second-split forgetting time for noisy against clean examples",
            at_least(0.9),
            NO_NUMBER,
            tuple(_auroc(row) for row in found),
        ),
        Claim(
            "clean-is-kept",
            "Clean examples are kept far longer than wrong labels.",
            SOURCE,
            f"mean second-split forgetting time of clean less noisy ones, as a share of the {_stages(scale)[1]} epochs",
            at_least(0.5),
            NO_NUMBER,
            tuple((_mean(row, False) - _mean(row, True)) / _stages(scale)[1] for row in found),
        ),
        Claim(
            "noise-was-learned",
            "Before, wrong labels had been fitted: it is forgetting, not never learning.",
            SOURCE,
            "share of noisy examples predicted as given in the end of the first stage",
            at_least(0.9),
            NO_NUMBER,
            tuple(_fitted(row) for row in found),
        ),
    ]
    charts: list[Chart] = [
        _kept(found, control),
        _times(found, control, _stages(scale)[1]),
        _learned(found, control, _stages(scale)[0]),
        _table(found, control),
        _detection(found, control),
    ]
    return Findings(claims, charts, _notes())


def _groups(row: dict[str, Any], noisy: bool) -> np.ndarray:
    return np.array(row["forgotten"])[np.array(row["noisy"]) == noisy]


def _mean(row: dict[str, Any], noisy: bool) -> float:
    return float(_groups(row, noisy).mean())


def _auroc(row: dict[str, Any]) -> float:
    """Of low second-split forgetting times."""
    return _detects(-np.array(row["forgotten"], dtype=float), row)


def _late(row: dict[str, Any]) -> float:
    """AUROC of high first-split learning times, those not learned last."""
    return _detects(np.array([np.inf if epoch is None else epoch for epoch in row["learned"]], dtype=float), row)


def _detects(values: np.ndarray, row: dict[str, Any]) -> float:
    from probes.scores.detection import auroc

    found = auroc(values, np.array(row["noisy"]))
    return float("nan") if found is None else float(found)


def _fitted(row: dict[str, Any]) -> float:
    """Learned for good by the end of the first stage."""
    learned = np.array([epoch is not None for epoch in row["learned"]])
    return float(learned[np.array(row["noisy"])].mean())


def _area(values: Sequence[float]) -> str:
    """AUROC over the seeds; without any noisy example it has no value, and 0.5 would be a false one."""
    return "undefined" if values and np.isnan(values).all() else cell(values)


def _learned(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]], last: int) -> LineChart:
    """How much of each group is learned for good: first-split learning times, summed up."""

    def share(row: dict[str, Any], noisy: bool | None) -> np.ndarray:
        times = np.array([last + 1 if epoch is None else epoch for epoch in row["learned"]])
        group = times if noisy is None else times[np.array(row["noisy"]) == noisy]
        return np.asarray((group[:, None] <= np.arange(1, last + 1)).mean(0))

    late, early = cell([_late(row) for row in found]), cell([_auroc(row) for row in found])
    return LineChart(
        "learned",
        "And before: when was it learned for good?",
        "Metrics of the first split alone struggle to tell wrong labels from rare examples.",
        f"AUROC for wrong labels: learned late {late}, forgotten early {early}.",
        "epoch of the first stage",
        "learned for good",
        [
            _by_epoch("clean", [share(row, False) for row in found], "clean"),
            _by_epoch("noisy, as labelled", [share(row, True) for row in found], "noisy"),
            _by_epoch("without noise", [share(row, None) for row in control], "other"),
        ],
        percent_y=True,
    )


def _by_epoch(name: str, curves: Sequence[Any], swatch: Swatch) -> Line:
    return band(name, list(range(1, len(curves[0]) + 1)) if curves else [], curves, swatch=swatch)


def _kept(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> LineChart:
    lines = [
        _by_epoch("clean", [row["clean_kept"] for row in found], "clean"),
        _by_epoch("noisy, as labelled", [row["noisy_kept"] for row in found], "noisy"),
        _by_epoch("without noise", [row["kept"] for row in control], "other"),
    ]
    first = [
        cell([row[name][0] for row in rows], 2)
        for name, rows in (("noisy_kept", found), ("clean_kept", found), ("kept", control))
    ]
    return LineChart(
        "kept",
        "What survives when training goes on with other examples?",
        "Wrong labels are forgotten within a few epochs, rare examples slowly, typical ones hardly ever.",
        f"After one epoch of the second stage {first[0]} of the wrong labels and {first[1]} of the clean are kept; "
        f"where no label was made wrong, {first[2]} of all.",
        "epoch of the second stage",
        "still predicted as given",
        lines,
        percent_y=True,
    )


def _times(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]], last: int) -> BarChart:
    edges = sorted({1, 2, 3, 6, 11, last // 2 + 1, last + 1, last + 2})
    names = [*(_range(low, high - 1) for low, high in pairwise(edges[:-1])), "never"]

    def bars(name: str, groups: Sequence[np.ndarray], swatch: Swatch) -> Bars:
        shares = [np.histogram(times, edges)[0] / times.size for times in groups]
        means = np.mean(shares, axis=0).tolist() if shares else [float("nan")] * len(names)
        return Bars(name, means, swatch=swatch)

    return BarChart(
        "times",
        "When is an example forgotten for good?",
        "Low is a wrong label, middle a rare example, never a typical one.",
        f"Mean epoch {cell([_mean(row, True) for row in found], 1)} for noisy and "
        f"{cell([_mean(row, False) for row in found], 1)} for clean examples, "
        f"{cell([float(np.mean(row['forgotten'])) for row in control], 1)} for all where no label was made wrong; "
        f"never counts as {last + 1}.",
        "share of the group",
        names,
        [
            bars("clean", [_groups(row, False) for row in found], "clean"),
            bars("noisy", [_groups(row, True) for row in found], "noisy"),
            bars("without noise", [np.array(row["forgotten"]) for row in control], "other"),
        ],
        percent_y=True,
    )


def _range(low: int, high: int) -> str:
    return f"epoch {low}" if low == high else f"epochs {low}–{high}"


def _table(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> Table:
    groups = {
        "clean": [_groups(row, False) for row in found],
        "noisy": [_groups(row, True) for row in found],
        "all, without noise": [np.array(row["forgotten"]) for row in control],
    }
    rows = [
        [
            name,
            cell([float(times.mean()) for times in of], 1),
            cell([float(np.median(times)) for times in of], 1),
        ]
        for name, of in groups.items()
    ]
    return Table(
        "numbers",
        "The numbers",
        "None verified.",
        "Second-split forgetting time, mean ± sd over the seeds.",
        ["group", "mean epoch", "median epoch"],
        rows,
    )


def _detection(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> Table:
    rows = [
        [
            name,
            cell([float(np.mean(row["noisy"])) for row in of]),
            _area([_auroc(row) for row in of]),
            _area([_late(row) for row in of]),
        ]
        for name, of in (("with noise", found), ("without noise", control))
    ]
    return Table(
        "detection",
        "How well are wrong labels told from the others?",
        "None verified.",
        "Where no label is wrong there is nothing to find: AUROC is undefined there, not 0.5.",
        ["labels", "share of wrong labels", "AUROC, forgotten early", "AUROC, learned late"],
        rows,
    )


def _notes() -> list[str]:
    return [
        f"Labels redrawn for {NOISE:.0%} of both halves; halves are swapped and merged, so that every example counts.",
        "Forgetting time: the first epoch of the second stage from which an example stays wrong to the end; one that "
        "is right in the end counts as never forgotten.",
        "The second stage needs a high learning rate, here that of the first.",
        "Without noise: the same halves, starts and orders on the labels as the data have them. It is drawn for "
        "comparison; no claim rests on it.",
        "Rare examples are not marked in these data: nothing is said of them.",
        "The published experiments train ResNets on images for 100 epochs.",
    ]


STUDY = Study(
    name="second-split",
    title="Forgotten on the second split",
    question="Does going on with other examples tell memorized labels from learned ones?",
    source="Maini et al., NeurIPS 2022, https://arxiv.org/abs/2210.15031",
    effect="Wrong labels are forgotten soon after training moves on, rare examples later, typical ones never.",
    points=_points,
    find=_find,
)
