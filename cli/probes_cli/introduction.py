"""What `probe train` says before it trains: the model, the data, the noise, and where a resumed run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from probes.data.noise_kinds import INPUT_KINDS
from probes.data.words import NAMED
from probes_cli.output import percent, visible

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["all_left_out", "going_on", "introduction", "noise_words", "sizes", "wrong_labels"]


def introduction(run: Run) -> list[str]:
    """What is trained, on what, with which noise, and where it goes: from run.json."""
    dataset, model, config = run.meta["dataset"], run.meta["model"], run.config
    epochs, folder = config["epochs"], visible(str(run.path))
    notes = [f"Note: {visible(note)}" for note in dataset.get("notes") or ()]
    notes += all_left_out(dataset.get("left_out") or {}, "run.json")
    parts = f"{sizes(dataset['splits'])} examples"
    cleaned = [name for name in ("exclude", "relabel") if config.get(name)]
    noise = noise_words(run.meta["corruption"], cleaned=bool(cleaned), relabelled="relabel" in cleaned)
    return [
        f"Training {model['description']} ({model['parameters']:,} parameters) on {dataset['name']}: {parts}.",
        *notes,
        f"Noise: {noise}{_now(run, cleaned=bool(cleaned))}.",
        f"Recording every example ({run.measure}) at {_each(epochs)} in {folder}",
    ]


def all_left_out(left_out: Mapping[str, Sequence[str]], file: str) -> list[str]:
    """Where the notes' lists stand in full; nothing where the notes have room for all."""
    long = [f"dataset.left_out.{what}" for what, names in left_out.items() if len(names) > NAMED]
    return [f"Note: {file} names all of them under {' and '.join(long)}."] if long else []


def going_on(epoch: int, recorded: int) -> str:
    """Where a resumed run was taken up.

    Args:
        epoch: the first that is trained now.
        recorded: how many epochs the run had.
    """
    if epoch == 0:
        return "Starting again: there was no checkpoint yet."
    place = f"Going on with epoch {epoch:,}"
    if epoch > recorded:
        return f"{place}."
    again = ", the last recorded one, which is" if epoch == recorded else f"; epochs {epoch:,} to {recorded:,} are"
    return f"{place}{again} trained again: the last checkpoint is of epoch {epoch - 1:,}."


def sizes(splits: dict[str, int]) -> str:
    """The parts of a data set with their sizes."""
    return ", ".join(f"{count:,} {'training' if name == 'train' else name}" for name, count in splits.items())


def noise_words(rates: dict[str, Any], *, cleaned: bool = False, relabelled: bool = False) -> str:
    """The noise that was drawn, in words.

    Args:
        rates: of run.json: requested, drawn and realised, before any cleaning.
        cleaned: examples were left out or relabelled since.
        relabelled: labels were changed since.
    """
    if not rates["requested"]:
        return f"none added: every label is as it came{' or was relabelled' if relabelled else ''}"
    requested, drawn, realised = (percent(rates[name]) for name in ("requested", "drawn", "realised"))
    replaced = _replaced_share(rates)
    changed = [f"{realised} of the labels wrong"]
    if replaced:
        wrong = rates["realised"] - replaced
        changed = [f"{percent(wrong)} of the labels wrong"] if wrong > 1e-9 else []
        changed += [f"{percent(replaced)} of the inputs replaced"]
    before = " before cleaning" if cleaned else ""
    return ", ".join([rates["kind"], f"{requested} asked for", f"{drawn} drawn", *changed]) + before


def wrong_labels(run: Run) -> int | None:
    """How many given labels are known not to be the true ones; None where none is known to be right or wrong."""
    return None if run.wrong is None else int(run.wrong.sum())


def _each(epochs: int) -> str:
    return "its one epoch" if epochs == 1 else f"each of {epochs:,} epochs"


def _replaced_share(rates: dict[str, Any]) -> float:
    """The share of the examples whose input was replaced, the label kept."""
    kinds = rates.get("kinds") or {rates["kind"]: rates}
    return sum(float(one["drawn"]) for kind, one in kinds.items() if kind in INPUT_KINDS)


def _now(run: Run, *, cleaned: bool) -> str:
    """What is known to be wrong in what is trained on, where the noise that was drawn does not say it; else ""."""
    wrong, size = wrong_labels(run), run.num_examples
    if not run.meta["corruption"]["requested"]:
        return f", and {wrong:,} of {size:,} given labels differ from the known true ones" if wrong else ""
    if not cleaned or wrong is None:
        return ""
    replaced = int(run.examples["corruption"].isin(INPUT_KINDS).sum())
    inputs = f", and {replaced:,} inputs replaced," if replaced else ""
    return f"; {wrong:,} of {size:,} labels ({percent(wrong / size)}) are wrong{inputs} now"
