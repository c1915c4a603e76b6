"""How was this made?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from probes_reports.sections.kinds_drawn import kind_name, kinds_drawn
from probes_reports.sections.section import Absent, Block, Section
from probes_reports.view import RunView
from probes_reports.wording import LABELS, MIXED, count, percent

__all__ = ["FIGURES", "Entry", "Provenance", "build"]

FIGURES: tuple[str, ...] = ()
SMALL = 10_000  # examples below which the data is called small
MEASURES = {
    "sweep": "sweep: an evaluation pass over all training examples after each epoch",
    "online": "online: the forward passes that also train, while the weights move",
    "both": "sweep and online; this page reads the sweep, a pass over all training examples after each epoch",
}
UNKNOWN = "not recorded"


@dataclass(frozen=True)
class Entry:
    """A term and what the run says of it; `whole`: as wide as the page, being long."""

    term: str
    value: str
    whole: bool = False


@dataclass(frozen=True)
class Provenance:
    """What the template shows; `command` is "" where it is unknown or left out."""

    entries: tuple[Entry, ...]
    command: str


def build(view: RunView) -> Section | Absent:
    """The footer: three columns of term and value, then the command."""
    noise = "Label noise" if view.words is LABELS else "Noise" if view.words is MIXED else "Replaced inputs"
    entries = (
        Entry("Data", _data(view)),
        Entry(noise, _noise(view)),
        Entry("Model", _model(view)),
        Entry("Training", _training(view)),
        Entry("Measured", _measured(view)),
        Entry("Versions", _versions(view)),
        Entry("Data fingerprint", str(_part(view, "dataset").get("fingerprint") or "")),
        Entry("This file holds", _held(view)),
        Entry("Limits", _limits(view)),
        Entry("Reading the data", _notes(view), whole=True),
    )
    shown = Provenance(tuple(entry for entry in entries if entry.value), _command(view))
    return Section(
        key="provenance",
        title="How this was made",
        question="How this was made",
        answer=(),
        parts=(Block("provenance.html.j2", shown),),
    )


def _part(view: RunView, name: str) -> dict[str, Any]:
    """A dictionary of run.json; empty where there is none."""
    return dict(view.run.meta.get(name) or {})


def _joined(*parts: str, by: str = "; ") -> str:
    return by.join(part for part in parts if part)


def _seed(view: RunView, name: str) -> str:
    seed = _part(view, "seeds").get(name)
    return "" if seed is None else f"{name}\u00a0seed\u00a0{seed}"


def _data(view: RunView) -> str:
    dataset = _part(view, "dataset")
    shape = " × ".join(str(size) for size in dataset.get("image_shape") or ())
    classes = f"{count(len(view.run.classes))} classes" if view.run.classes else ""
    name = str(dataset.get("name") or "data without a name")
    splits = dataset.get("splits") or {"training examples": view.num_examples}
    sizes = _joined(*(f"{count(int(size))} {split}" for split, size in splits.items()), by=", ")
    mean, sd = dataset.get("mean"), dataset.get("sd")
    standardised = "" if mean is None or sd is None else f"standardised with mean {mean:.3f}, sd\u00a0{sd:.3f}"
    what = _joined(name, f"{shape} pixels" if shape else "", classes, by=", ")
    return _joined(what, sizes, standardised, _seed(view, "split"))


def _notes(view: RunView) -> str:
    """What was skipped, left out or changed while the data were read; it may name files."""
    notes = [str(note) for note in _part(view, "dataset").get("notes") or []]
    return " ".join(note[:1].upper() + note[1:] for note in notes) if view.with_paths else ""


def _noise(view: RunView) -> str:
    if view.num_noisy is None:
        return "unknown: no true labels were recorded"
    drawn = kinds_drawn(view)
    if not drawn and not view.num_noisy:
        return "none"
    share = percent(view.num_noisy / view.num_examples) if view.num_examples else "0%"
    changed = f"{count(view.num_noisy)} of {count(view.num_examples)} {view.words.made.split()[-1]} ({share})"
    if view.words is MIXED:
        changed += f": {count(view.num_wrong)} wrong labels, {count(view.num_replaced)} replaced inputs"
    if not drawn:
        return f"{changed}; not made here, but known from the true labels"
    kinds = [
        f"{kind_name(kind)}: {_asked(view, kind, alone=len(drawn) == 1)}{count(size)} drawn "
        f"({percent(size / view.num_examples)})"
        for kind, size in drawn.items()
    ]
    return _joined(*kinds, changed, _seed(view, "noise"))


def _asked(view: RunView, kind: str, *, alone: bool) -> str:
    """The share that was requested of a kind, "" where the run does not say; of a single kind it is the total."""
    corruption = _part(view, "corruption")
    requested = ((corruption.get("kinds") or {}).get(kind) or {}).get("requested")
    if requested is None and alone:
        requested = corruption.get("requested")
    return "" if requested is None else f"{percent(float(requested))} requested, "


def _model(view: RunView) -> str:
    parameters = _part(view, "model").get("parameters") if isinstance(view.run.meta.get("model"), dict) else None
    number = "" if parameters is None else f"{count(int(parameters))} parameters"
    return _joined(_joined(view.model_name, number, by=", "), _seed(view, "init")) or UNKNOWN


def _training(view: RunView) -> str:
    config = view.config
    settings = (
        ("optimizer", "{}"),
        ("lr", "learning rate {:g}"),
        ("momentum", "momentum {:g}"),
        ("batch_size", "batch {:,}"),
        ("epochs", "{:,} epoch" if config.get("epochs") == 1 else "{:,} epochs"),
    )
    if "momentum" in config:
        config = {"optimizer": "SGD", **config}  # the only one there was before it could be chosen
    known = (text.format(config[name]) for name, text in settings if config.get(name) is not None)
    ended = _stopped_early(view) if view.finished else f"{view.run.status} after epoch {count(view.last_epoch)}"
    return _joined(_joined(*known, by=", ") or "settings not recorded", ended, _effort(view), _seed(view, "order"))


def _stopped_early(view: RunView) -> str:
    """Where training ended before its last epoch because validation no longer improved; "" where it did not."""
    patience, epochs = view.config.get("early_stopping"), view.config.get("epochs")
    if patience is None or epochs is None or view.last_epoch >= int(epochs):
        return ""
    over = "one epoch" if patience == 1 else f"{count(int(patience))} epochs"
    return f"stopped early after epoch {count(view.last_epoch)}: no better on validation for {over}"


def _effort(view: RunView) -> str:
    """How long the training took, and on what."""
    seconds = _part(view, "timings").get("training_s")
    device, threads = str(view.run.meta.get("device") or ""), view.run.meta.get("threads")
    where = device
    if device == "cpu":
        where = "the CPU" if threads is None else "one CPU thread" if threads == 1 else f"{threads} CPU threads"
    took = "" if seconds is None else f"{seconds:.1f} s"
    return _joined(took, f"on {where}" if where else "", by=" ")


def _measured(view: RunView) -> str:
    unusable = view.summary["nonfinite_visits"]
    return _joined(
        MEASURES[view.measure],
        "and once before training" if view.run.has_initial else "",
        f"probes: {', '.join(view.run.probe_names)}" if view.run.probe_names else "",
        f"{count(unusable)} visits with logits that are not finite, taken as not visited" if unusable else "",
    )


def _versions(view: RunView) -> str:
    names = {"python": "Python"}
    return _joined(
        *(f"{names.get(name, name)} {version}" for name, version in _part(view, "versions").items()), by=", "
    )


def _held(view: RunView) -> str:
    thumbnails = "thumbnails of the examples it shows" if view.images(view.sample(50)) else "no thumbnails"
    paths = _joined("the command" if _command(view) else "", _paths(view), by=", ") or "no paths"
    return _joined(thumbnails, paths, "no requests to anywhere", by=", ")


def _paths(view: RunView) -> str:
    return "paths of examples" if view.with_paths and "path" in view.examples else ""


def _command(view: RunView) -> str:
    return str(view.run.meta.get("command") or "") if view.with_paths else ""


def _limits(view: RunView) -> str:
    facts: Iterable[str] = (
        "one run",
        "one seed" if _part(view, "seeds") else "",
        "small data" if view.num_examples < SMALL else "",
        "synthetic noise" if view.made_noisy else "",
        "true labels unknown" if view.num_noisy is None else "",
    )
    return _joined(*facts, by=", ") + ": this page speaks of this run only"
