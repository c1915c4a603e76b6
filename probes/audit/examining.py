"""From labels and inputs to findings: the audit itself, without any file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from probes.audit.estimate import dealt, doubts, estimate_errors, fair_beliefs, label_beliefs, noise_posterior
from probes.audit.neighbours import nearest
from probes.audit.networks import Trainer, choose_model, prepared_inputs
from probes.audit.planting import check_share, plant_labels
from probes.audit.progress import AuditProgress, Work
from probes.audit.rounds import Rounds, run_rounds
from probes.audit.settings import AuditSettings
from probes.errors import ConfigError
from probes.models import describe, num_parameters

if TYPE_CHECKING:
    import pandas as pd

    from probes.data import Dataset

__all__ = ["Findings", "examine"]


@dataclass(frozen=True)
class Findings:
    """What an audit found.

    Attributes:
        issues: a row per example, in the data's order: `example`, `id`, `given_label`, `suggested_label`,
            `label_score`, `is_label_issue`.
        neighbours: of the most suspicious examples: `example`, `rank`, `neighbour`, `similarity`.
        facts: everything of audit.json that is not about files.
    """

    issues: pd.DataFrame
    neighbours: pd.DataFrame
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Verdicts:
    """What is held of the N given labels: `given` and the most probable `other` class, int; `scores`, float in [0, 1];
    and which are `flagged`, bool."""

    given: np.ndarray
    other: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray


def examine(
    dataset: Dataset,
    *,
    model: str | None = None,
    plant: float | None = None,
    seed: int = 0,
    device: str = "auto",
    on_progress: Callable[[AuditProgress], None] | None = None,
    settings: AuditSettings | None = None,
) -> Findings:
    """Find the examples of a data set's `train` whose given label is most likely wrong, without looking at true ones.

    Args:
        dataset: as `load_pooled` makes it.
        model: of probes.models, or `module:callable`; the small network that suits the data if left out.
        plant: share of labels that are made wrong first, in (0, 0.5], to see how many are found. `given_label` and
            the score in `issues` are about the original label, which these networks have not seen.
        seed: of everything drawn.
        device: "auto", "cpu", "cuda", ...
        on_progress: called after every epoch of a round's networks.
        settings: for those who compare; the defaults are fixed.

    Raises:
        ConfigError: a share out of range, an unknown model or device, or fewer than two examples or classes.
    """
    check_share(plant)
    settings = settings or AuditSettings()
    given = dataset.train.given_labels.cpu().numpy()
    classes = dataset.classes
    _check_labels(given, classes)
    planted = plant_labels(given, plant, len(classes), seed) if plant is not None else None
    told = given if planted is None else planted.labels
    name, work = choose_model(dataset, model, settings), Work(on_progress)
    inputs = prepared_inputs(dataset, model is not None, settings)
    trainer = Trainer(inputs, len(classes), name, settings, _device(device), work)
    network = trainer.build(seed).net
    rounds = run_rounds(trainer, told, len(classes), settings, seed, work)

    places, moved = np.arange(len(given)), told != given
    belief, fair = label_beliefs(rounds.answers, told, settings), fair_beliefs(rounds, told, settings)
    if planted is not None:
        planted_scores = dealt(fair[places, told], belief[places, told])
        # the networks have learned another label; what those answer that have not seen it
        belief[moved] = fair[moved] = noise_posterior(rounds.held_out[-1], told, given, settings)[moved]
    verdicts = _judge(given, belief, fair, settings)
    facts = _facts(rounds, told, verdicts, dataset, settings)
    if trainer.nonfinite:
        facts["warnings"].insert(0, "The network's outputs were not finite at times: scores mean little.")
        facts["estimate"]["trusted"] = False
    if planted is not None:
        facts["plant"] = planted.report(planted_scores, settings.cutoff)
    facts |= {
        "model": {"name": name, "description": describe(network), "parameters": num_parameters(network)},
        "compute": {
            "trained_visits": work.trained,
            "answered_visits": work.answered,
            "passes": work.passes,
            "seconds": round(work.seconds, 1),
        },
        "settings": asdict(settings) | {"epochs": rounds.epochs},
        "seed": seed,
    }
    return Findings(_issues(verdicts, dataset.ids), _neighbours(rounds, verdicts, settings), facts)


def _check_labels(given: np.ndarray, classes: list[str]) -> None:
    if len(given) < 2 or len(classes) < 2 or len(np.unique(given)) < 2:
        raise ConfigError(
            f"an audit needs examples of two classes, got {len(given)} of {len(np.unique(given))}: "
            "it asks which class an example looks like."
        )


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error
    return chosen


def _judge(given: np.ndarray, belief: np.ndarray, fair: np.ndarray, settings: AuditSettings) -> _Verdicts:
    rows = np.arange(len(given))
    scores = dealt(fair[rows, given], belief[rows, given])
    others = belief.copy()
    others[rows, given] = -1
    return _Verdicts(given, others.argmax(axis=1), np.clip(scores, 0, 1), scores < settings.cutoff)


def _issues(verdicts: _Verdicts, ids: np.ndarray) -> pd.DataFrame:
    """The table of the contract. A flagged example's suggested label is never its given one, any other's always."""
    import pandas as pd

    return pd.DataFrame(
        {
            "example": np.arange(len(verdicts.given), dtype=np.int64),
            "id": ids,
            "given_label": verdicts.given.astype(np.int64),
            "suggested_label": np.where(verdicts.flagged, verdicts.other, verdicts.given).astype(np.int64),
            "label_score": verdicts.scores,
            "is_label_issue": verdicts.flagged,
        }
    )


def _facts(
    rounds: Rounds, told: np.ndarray, verdicts: _Verdicts, dataset: Dataset, settings: AuditSettings
) -> dict[str, Any]:
    given, flagged = verdicts.given, verdicts.flagged
    heard = [rounds.answers[0], *rounds.held_out[1:]]
    by_round = [noise_posterior(part, told, given, settings)[np.arange(len(given)), given] for part in heard]
    unseen = rounds.held_out[-1]
    estimate = estimate_errors(verdicts.scores, by_round, rounds.folds[-1], rounds.held_out, given)
    trusted, warnings = doubts(estimate, unseen, given, flagged, dataset.classes)
    if dataset.constant:
        trusted, warnings = False, ["All inputs are equal: there is nothing to learn from.", *warnings]
    return {
        "classes": list(dataset.classes),
        "num_examples": len(given),
        "estimate": estimate | {"trusted": trusted},
        "cutoff": {"label_score": settings.cutoff, "flagged": int(flagged.sum())},
        "plant": None,
        "by_class": _by_class(verdicts, dataset.classes),
        "warnings": warnings,
        "notes": list(dataset.notes),
    }


def _by_class(verdicts: _Verdicts, classes: list[str]) -> list[dict[str, Any]]:
    """A row per class of given labels: its size, expected errors, flags, and what its flagged ones look like."""
    rows, total = [], max(int(verdicts.flagged.sum()), 1)
    for label, name in enumerate(classes):
        inside = verdicts.given == label
        wrong = inside & verdicts.flagged
        looks = np.bincount(verdicts.other[wrong], minlength=len(classes))
        size, flags = int(inside.sum()), int(wrong.sum())
        rows.append(
            {
                "label": label,
                "class": name,
                "examples": size,
                "expected_errors": float((1 - verdicts.scores[inside]).sum()),
                "flagged": flags,
                "flagged_share": flags / size if size else 0.0,
                "share_of_flags": flags / total,
                "looks_like": classes[int(looks.argmax())] if flags else None,
                "looks_like_count": int(looks.max()) if flags else 0,
            }
        )
    return rows


def _neighbours(rounds: Rounds, verdicts: _Verdicts, settings: AuditSettings) -> pd.DataFrame:
    import pandas as pd

    flags, examples = int(verdicts.flagged.sum()), len(verdicts.scores)
    shown = min(max(flags, settings.least_shown), settings.most_shown, examples)
    queries = np.argsort(verdicts.scores, kind="stable")[:shown]
    places, similarities = nearest(rounds.features, queries, settings.neighbours)
    return pd.DataFrame(
        {
            "example": np.repeat(queries, places.shape[1]),
            "rank": np.tile(np.arange(1, places.shape[1] + 1), len(queries)),
            "neighbour": places.ravel(),
            "similarity": similarities.ravel(),
        }
    )
