"""Runs a probe and keeps what it measured in the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.runs import layout
from probes.runs.writer import RunWriter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProbeContext", "finished_scores", "read_probe_scores", "record_probe"]


OF_WHAT = ("example", "layer", "group")  # one of them says what a row's values belong to


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
    """Measure now, write the frame and, where the probe has `finish`, its scores over all epochs so far.

    Raises:
        TypeError: `probe` is no probe, or measures something else than a DataFrame.
        ValueError: a column is missing that every frame has; nothing is written then.
    """
    _check_probe(probe)
    folder = None if writer is None else writer.path / layout.PROBES / probe.name
    context = ProbeContext(epoch, step, learning_rate, seed, folder)
    frame = probe.measure(model, examples, context)
    _check_frame(probe.name, frame)
    if writer is not None:
        metadata = probe.metadata() if hasattr(probe, "metadata") else None
        writer.write_probe(probe.name, epoch, frame, metadata)
        if hasattr(probe, "finish"):
            writer.write_probe_scores(probe.name, probe.finish(_frames(writer, probe.name)))
    return frame


def _check_probe(probe: Any) -> None:
    """Raise TypeError unless it has what a probe has."""
    if isinstance(probe, type):
        raise TypeError(f"probe must be an object, got the class {probe.__name__}: write {probe.__name__}().")
    if not callable(getattr(probe, "measure", None)) or not isinstance(getattr(probe, "name", None), str):
        raise TypeError(
            f"probe must be an object with `name` and `measure`, such as probes.probing.VoG(), got {probe!r}."
        )


def _check_frame(name: str, frame: Any) -> None:
    """Raise unless it is a DataFrame with the columns that say of what its values are."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"probe {name!r} must return a pandas.DataFrame from measure, with columns epoch, split, then example or "
            f"layer, then values; got {type(frame).__name__}."
        )
    missing = [column for column in ("epoch", "split") if column not in frame]
    if not any(column in frame for column in OF_WHAT):
        missing.append(" or ".join(OF_WHAT[:2]))
    if missing:
        held = ", ".join(map(str, frame.columns)) or "none"
        raise ValueError(f"probe {name!r} must measure a frame with a column {' and '.join(missing)}; it has {held}.")


def read_probe_scores(run_folder: Path) -> pd.DataFrame | None:
    """The score columns of every probe in a run folder, indexed by `example`; None where there are none."""
    import pandas as pd

    paths = sorted((run_folder / layout.PROBES).glob("*/scores.parquet"))
    frames = [pd.read_parquet(path).set_index("example") for path in paths]
    return pd.concat(frames, axis=1) if frames else None


def finished_scores(probes: Mapping[str, Any], frames: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame | None:
    """The same of probes whose frames are in memory: of an epoch measured twice the later frame stands.

    Args:
        probes: by name; those without `finish` add nothing.
        frames: by the same names, in the order of recording.
    """
    import pandas as pd

    tables = []
    for name in sorted(probes):
        of_epoch = {int(frame["epoch"].iloc[0]): frame for frame in frames.get(name, ()) if len(frame)}
        if of_epoch and hasattr(probes[name], "finish"):
            table = probes[name].finish([of_epoch[epoch] for epoch in sorted(of_epoch)])
            tables.append(table.set_index("example") if "example" in table else table)
    return pd.concat(tables, axis=1) if tables else None


def _frames(writer: RunWriter, name: str) -> list[pd.DataFrame]:
    import pandas as pd

    folder = writer.path / layout.PROBES / name
    return [pd.read_parquet(folder / f"{layout.epoch_name(epoch)}.parquet") for epoch in layout.epochs_in(folder)]
