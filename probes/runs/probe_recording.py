"""Runs a probe and keeps what it measured in the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.runs import layout
from probes.runs.writer import RunWriter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProbeContext", "record_probe"]


@dataclass(frozen=True)
class ProbeContext:
    """When and where a probe measures.

    Attributes:
        epoch: 0 before training.
        step: optimizer updates so far.
        learning_rate: in force; None where unknown.
        seed: for the probe's own randomness.
        folder: the probe's own earlier files; None where nothing is saved.
    """

    epoch: int
    step: int
    learning_rate: float | None = None
    seed: int = 0
    folder: Path | None = None


def record_probe(
    writer: RunWriter | None,
    probe: Any,
    model: Any,
    examples: Any,
    *,
    epoch: int,
    step: int,
    learning_rate: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure now, write the frame and, where the probe has `finish`, its scores over all epochs so far."""
    folder = None if writer is None else writer.path / layout.PROBES / probe.name
    context = ProbeContext(epoch, step, learning_rate, seed, folder)
    frame = probe.measure(model, examples, context)
    if writer is not None:
        metadata = probe.metadata() if hasattr(probe, "metadata") else None
        writer.write_probe(probe.name, epoch, frame, metadata)
        if hasattr(probe, "finish"):
            writer.write_probe_scores(probe.name, probe.finish(_frames(writer, probe.name)))
    return frame


def _frames(writer: RunWriter, name: str) -> list[pd.DataFrame]:
    import pandas as pd

    folder = writer.path / layout.PROBES / name
    return [pd.read_parquet(folder / f"{layout.epoch_name(epoch)}.parquet") for epoch in layout.epochs_in(folder)]
