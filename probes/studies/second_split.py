"""Maini et al. 2022: what is forgotten at once when training goes on with other examples was memorized, not learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from probes.studies.claim import Claim, above, at_least
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.second_split_charts import early_area, fitted, late_area, mean_time, second_split_charts
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
            "Wrong labels are forgotten before clean ones: second-split forgetting time tells them apart.",
            SOURCE,
            "AUROC of low second-split forgetting time for noisy against clean examples",
            at_least(0.9),
            NO_NUMBER,
            tuple(early_area(row) for row in found),
        ),
        Claim(
            "clean-is-kept",
            "Clean examples are kept longer than wrong labels, by half of the second stage or more.",
            SOURCE,
            f"mean second-split forgetting time of clean less noisy ones, as a share of the {_stages(scale)[1]} epochs",
            at_least(0.5),
            NO_NUMBER,
            tuple((mean_time(row, False) - mean_time(row, True)) / _stages(scale)[1] for row in found),
        ),
        Claim(
            "noise-was-learned",
            "Before, at least 90 % of the wrong labels had been fitted: what is forgotten had been learned.",
            SOURCE,
            "share of noisy examples predicted as given in the end of the first stage",
            at_least(0.9),
            "none: a check of ours",
            tuple(fitted(row) for row in found),
        ),
        Claim(
            "beats-the-first-split",
            "By AUROC it tells wrong labels better than how late an example is learned on the first split.",
            SOURCE,
            "AUROC of low second-split forgetting time less that of high first-split learning time, of the same seed",
            above(0.0),
            NO_NUMBER,
            tuple(early_area(row) - late_area(row) for row in found),
        ),
    ]
    return Findings(claims, second_split_charts(found, control, _stages(scale)), _notes())


def _notes() -> list[str]:
    return [
        f"Labels redrawn for {NOISE:.0%} of both halves; halves are swapped and merged, so that every example counts.",
        "Forgetting time: the first epoch of the second stage from which an example stays wrong to the end; one that "
        "is right in the end counts as never forgotten.",
        "The second stage needs a high learning rate, here that of the first.",
        "Without noise: the same halves, starts and orders on the labels as the data have them. It is drawn for "
        "comparison; no claim rests on it.",
        "Rare examples are not marked in these data: nothing is said of them. What the paper says first-split metrics "
        "struggle with is telling those from wrong labels, which is not tested here.",
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
