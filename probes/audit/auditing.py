"""`audit`: data in, a folder of findings out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.audit.examining import Findings, examine
from probes.audit.features import telling_features
from probes.audit.folder import Audit, check_out, claim_folder, write_audit
from probes.audit.networks import choose_model
from probes.audit.planting import check_share
from probes.audit.progress import AuditProgress
from probes.audit.settings import AuditSettings
from probes.data import Dataset, check_dataset, short_name
from probes.data.label_files import given_labels_from
from probes.data.pooled import load_pooled
from probes.models import build_model, check_model
from probes.runs.thumbnails import encode_png
from probes.runs.versions import versions
from probes.scores import auroc
from probes.scores.detection import average_precision

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["audit"]


def audit(
    data: str | Path | Dataset,
    out: Path | str | None = None,
    *,
    model: str | None = None,
    plant: float | None = None,
    given_labels: Path | str | np.ndarray | None = None,
    label_column: str | None = None,
    seed: int = 0,
    device: str = "auto",
    data_root: Path | str | None = None,
    download: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    on_data: Callable[[Dataset, str], None] | None = None,
    on_progress: Callable[[AuditProgress], None] | None = None,
    settings: AuditSettings | None = None,
) -> Audit:
    """Find the examples that are most likely mislabeled, and write what was found.

    All parts of the data, training, validation and test, are looked at together. True labels, where the data have
    them, only evaluate the result.

    Args:
        data: a name of `probe list datasets`, a folder, an .npz, .csv or .parquet file, `module:function`; or a
            Dataset with everything in its `train`, as `load_pooled` makes it.
        out: folder to write; a fresh `audit/NAME-1` if left out.
        model: of probes.models, or `module:callable`; the small network that suits the data if left out.
        plant: share of labels that are made wrong first, in (0, 0.5], to report how many are found.
        given_labels: a file of labels, which may name only some of the examples; or int (N,).
        label_column: of a table.
        seed: of everything drawn.
        device: "auto", "cpu", "cuda", ...
        data_root: folder of downloaded data.
        download: get torchvision's data where they are not there.
        overwrite: replace an audit in `out`.
        command: what was typed, to be kept.
        on_data: called with the data and the name of the network, before training.
        on_progress: called after every epoch of a round's networks.
        settings: for those who compare; the defaults are fixed.

    Raises:
        ConfigError: an argument or data that cannot be used.
        RunExistsError: `out` holds something.

    Example:
        >>> from probes.audit import audit
        >>> found = audit("digits", "audit/mine")  # doctest: +SKIP
        >>> found.ranking(20)  # doctest: +SKIP
    """
    check_share(plant)
    if model is not None:
        check_model(model)
    if out is not None:
        check_out(Path(out), overwrite)
    dataset, name = _load(data, given_labels, label_column, data_root, download)
    settings = settings or AuditSettings()
    if model is not None:
        _try_model(model, dataset, settings)
    if on_data is not None:
        on_data(dataset, choose_model(dataset, model, settings))
    findings = examine(
        dataset, model=model, plant=plant, seed=seed, device=device, on_progress=on_progress, settings=settings
    )
    meta = {
        "name": dataset.name,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "dataset": _described(dataset, str(data) if not isinstance(data, Dataset) else dataset.name),
        **findings.facts,
        "evaluation": _evaluation(findings.issues, dataset),
        "versions": versions(),
    }
    thumbnails, features = _thumbnails(dataset, findings), _features(dataset, findings)
    return write_audit(
        claim_folder(None if out is None else Path(out), name),
        findings.issues,
        findings.neighbours,
        thumbnails,
        meta,
        features=features,
    )


def _try_model(model: str, dataset: Dataset, settings: AuditSettings) -> None:
    """Raise ConfigError unless the model takes these data."""
    shape, classes = tuple(dataset.train.inputs.shape[1:]), len(dataset.classes)
    build_model(model, input_shape=shape, num_classes=classes, width=settings.width, depth=settings.depth, seed=0)


def _load(
    data: str | Path | Dataset,
    given_labels: Path | str | np.ndarray | None,
    label_column: str | None,
    data_root: Path | str | None,
    download: bool,
) -> tuple[Dataset, str]:
    """The data with their given labels, and what their audit is named after."""
    if isinstance(data, Dataset):
        dataset, name = data, data.name
    else:
        check_dataset(str(data))
        name = short_name(str(data))
        dataset = load_pooled(str(data), data_root=data_root, download=download, label_column=label_column)
    if given_labels is None:
        return dataset, name
    if isinstance(given_labels, np.ndarray):
        return dataset.with_labels(_checked(given_labels, dataset)), name
    return given_labels_from(given_labels, dataset), name


def _checked(labels: np.ndarray, dataset: Dataset) -> np.ndarray:
    count, classes = len(dataset.train), len(dataset.classes)
    if labels.shape != (count,) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"given_labels must be ({count},) whole numbers in [0, {classes}), got {labels.shape}.")
    return labels.astype(np.int64)


def _described(dataset: Dataset, source: str) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "source": source,
        "kind": dataset.kind,
        "num_examples": len(dataset.train),
        "classes": list(dataset.classes),
        "shape": list(dataset.train.inputs.shape[1:]),
        "features": None if dataset.features is None else int(dataset.features.shape[1]),
        "fingerprint": dataset.fingerprint,
        **({"left_out": dataset.left_out} if dataset.left_out else {}),
    }


def _evaluation(issues: pd.DataFrame, dataset: Dataset) -> dict[str, Any] | None:
    """How well the ranking finds what true labels say is wrong; None where nobody knows, or nothing is."""
    truth = dataset.train.true_labels
    if truth is None:
        return None
    true = truth.cpu().numpy()
    wrong = issues["given_label"].to_numpy() != true
    if not wrong.any() or wrong.all():
        return None
    score, flagged = -issues["label_score"].to_numpy(), issues["is_label_issue"].to_numpy()
    return {
        "wrong": int(wrong.sum()),
        "auroc": auroc(score, wrong),
        "average_precision": average_precision(score, wrong),
        "precision": float(wrong[flagged].mean()) if flagged.any() else None,
        "recall": float(flagged[wrong].mean()),
        "suggested_right": float((issues["suggested_label"].to_numpy() == true)[wrong].mean()),
    }


def _thumbnails(dataset: Dataset, findings: Findings) -> dict[int, bytes] | None:
    """PNGs of the most suspicious examples and their neighbours; None where the data are no images."""
    images = dataset.train.images
    if images is None:
        return None
    neighbours = findings.neighbours
    shown = np.unique(np.concatenate([neighbours["example"].to_numpy(), neighbours["neighbour"].to_numpy()]))
    image = images if callable(images) else images.__getitem__
    return {int(example): encode_png(image(int(example))) for example in shown}


def _features(dataset: Dataset, findings: Findings) -> pd.DataFrame | None:
    """Features of the most suspicious examples; None where the data are no table."""
    if dataset.features is None:
        return None
    shown = np.unique(findings.neighbours["example"].to_numpy())
    return telling_features(dataset.features, findings.issues["given_label"].to_numpy(), shown)
