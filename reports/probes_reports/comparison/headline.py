"""One row of headline numbers per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes_reports.comparison.compared import Compared
from probes_reports.comparison.differences import Difference
from probes_reports.wording import LABELS, Prose, auroc, count, muted, percent, prose

__all__ = ["Headline", "Row", "headline", "learned", "memorized"]

MOST_OPTIONS = 4  # that differ, told beside the name of a run; all are in the section below


@dataclass(frozen=True)
class Row:
    """A run: letter, name, the options in which it differs, and a value for each column."""

    letter: str
    name: str
    options: str
    values: tuple[Prose, ...]


@dataclass(frozen=True)
class Headline:
    """What the template shows; tones of the columns colour their numbers."""

    columns: tuple[str, ...]
    tones: tuple[str, ...]
    rows: tuple[Row, ...]


def headline(runs: Sequence[Compared], told: Sequence[Difference]) -> Headline:
    """The table of the runs."""
    noun = "wrong labels" if all(run.words is LABELS for run in runs) else "noisy examples"
    columns = (
        ("training examples", "ink"),
        ("epochs", "ink"),
        (noun, "ink"),
        ("estimated noise", "ink"),
        ("clean learned", "clean"),
        ("noise memorized", "noisy"),
        ("true label peak", "true"),
        ("test, best validation", "ink"),
        ("test, in the end", "ink"),
        ("AUROC of mean loss", "ink"),
        ("training time", "ink"),
    )
    return Headline(
        columns=tuple(title for title, _ in columns),
        tones=tuple(tone for _, tone in columns),
        rows=tuple(Row(run.letter, run.name, _options(at, told), _values(run)) for at, run in enumerate(runs)),
    )


def _options(run: int, told: Sequence[Difference]) -> str:
    shown = [f"{one.name} {one.brief[run]}" for one in told if one.name != "training examples"][:MOST_OPTIONS]
    return ", ".join(shown)


def _values(run: Compared) -> tuple[Prose, ...]:
    summary = run.summary
    status = "" if run.finished else f" {summary['status']}"
    peak, true_peak = summary["peak_test_epoch"], summary["noisy_true_label_peak_epoch"]
    wrong = summary["num_noisy"]
    found = (summary["detection"].get("mean_loss") or {}).get("auroc")
    return (
        prose(count(run.num_examples)),
        prose(count(run.last), muted(status)),
        prose("unknown") if wrong is None else prose(count(wrong), muted(f" {_share(summary['base_rate'])}")),
        prose(_share(summary["estimated_noise_rate"]), muted(_doubt(run))),
        learned(run),
        memorized(run),
        _at(summary["noisy_true_label_peak"], true_peak, "none" if wrong == 0 else "unknown"),
        _at(summary["peak_test_accuracy"], peak, "unknown"),
        prose(_share(summary["final_test_accuracy"])),
        prose(_none_or_auroc(found, run)),
        prose(_duration((run.meta.get("timings") or {}).get("training_s"))),
    )


def _doubt(run: Compared) -> str:
    known = run.summary["estimated_noise_rate"] is not None
    return " not to be trusted" if known and run.unlearned else ""


def learned(run: Compared) -> Prose:
    """When 90% of the clean examples were learned."""
    summary = run.summary
    if summary["num_noisy"] is None or summary["final_clean_accuracy"] is None:
        none = run.examples.clean is not None and not run.examples.clean.any()
        return prose("none" if none else "unknown")
    return _epoch(summary["clean_learned_epoch"], summary["final_clean_accuracy"])


def memorized(run: Compared) -> Prose:
    """When 90% of the noisy examples were memorized; half of them, where that is all."""
    summary = run.summary
    if summary["num_noisy"] == 0:
        return prose("none")
    if summary["final_noisy_accuracy"] is None:
        return prose("unknown")
    return _epoch(summary["noisy_memorized_epoch"], summary["final_noisy_accuracy"])


def _epoch(epoch: int | None, final: float) -> Prose:
    return prose("not reached", muted(f" {percent(final)}")) if epoch is None else prose(f"epoch {count(epoch)}")


def _at(share: float | None, epoch: int | None, otherwise: str) -> Prose:
    if share is None:
        return prose(otherwise)
    return prose(percent(share), muted("" if epoch is None else f" epoch {count(epoch)}"))


def _share(value: float | None) -> str:
    return "unknown" if value is None else percent(value)


def _none_or_auroc(value: float | None, run: Compared) -> str:
    """Undefined where there is nothing to tell apart, unknown where the truth is."""
    if value is not None:
        return auroc(value)
    return "unknown" if run.summary["num_noisy"] is None else "undefined"


def _duration(seconds: float | None) -> str:
    """2.19 as "2.2 s", 130 as "2 min 10 s"."""
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
