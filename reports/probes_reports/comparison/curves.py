"""How did they learn? Each quantity of all runs on the same axes."""

from __future__ import annotations

from collections.abc import Sequence

from probes_reports.comparison.change import points
from probes_reports.comparison.compared import Compared, Line
from probes_reports.comparison.kinds import all_kinds
from probes_reports.figures.compared_curves import Role, RunLine, compared_curves
from probes_reports.sections.section import Absent, Block, Caption, Columns, Heading, Part, Plot, Section
from probes_reports.wording import LABELS, Prose, count, muted, percent, prose

__all__ = ["build"]

QUESTION, TITLE = "How did they learn?", "Learning curves"
TONES = {"test": "ink", "validation": "ink", "clean": "clean", "noisy": "noisy", "true": "true", "all": "ink_2"}


def build(runs: Sequence[Compared]) -> Section | Absent:
    """A panel a quantity; the dash and a letter tell the runs apart."""
    roles = [role for role in _roles(runs) if any(role in run.curves for run in runs)]
    if not roles:
        return Absent("curves", TITLE, QUESTION, prose("No run has a curve to draw yet."))
    kinds = all_kinds(runs)
    held = [run.curves[role][0] for run in runs for role in roles if role in run.curves]
    first, last = min(int(epochs[0]) for epochs in held), max(int(epochs[-1]) for epochs in held)
    panels = [
        _panel(runs, role, *_title(role, runs), [run.curves.get(role) for run in runs], first, last) for role in roles
    ]
    for kind, role in kinds.items():
        lines = [run.kinds.get(kind) for run in runs]
        panels.append(_panel(runs, role, kind, " answered as labelled", lines, first, last, key=f"kind-{kind}"))
    rows = [Columns(tuple(panels[at : at + 2])) for at in range(0, len(panels), 2)]
    return Section(
        key="curves",
        title=TITLE,
        question=QUESTION,
        answer=_answer(runs),
        parts=(Block("comparison_key.html.j2", [(at, run.letter, run.name) for at, run in enumerate(runs)]), *rows),
        caption=prose(
            "Share of each group answered with its label, by epoch; all panels have the same axes. The dash tells the "
            "runs apart, the letter and the final value stand at the right. Epochs are spaced as log(1 + epoch)."
        ),
        how_to_read=(
            prose(
                "Compare within a panel: the colour is that of the group, as on the page of a single run, and never "
                "that of a run. A line ends where its run ended; lines of unequal length end at different epochs."
            ),
        ),
    )


def _roles(runs: Sequence[Compared]) -> list[Role]:
    """Validation only where no run has a test set; all training examples where some truth is unknown."""
    tested = any("test" in run.curves for run in runs)
    roles: list[Role] = ["test" if tested else "validation", "clean", "noisy"]
    if all(run.words is LABELS for run in runs):
        roles.append("true")
    return [*roles, "all"] if any(run.examples.noisy is None for run in runs) else roles


def _panel(
    runs: Sequence[Compared],
    role: Role,
    title: str,
    rest: str,
    curves: Sequence[Line | None],
    first: int,
    last: int,
    *,
    key: str = "",
) -> tuple[Part, ...]:
    """One quantity; `curves` holds that of each run, None where it has none."""
    lines = [
        RunLine(at, run.letter, run.name, *curve)
        for at, (run, curve) in enumerate(zip(runs, curves, strict=True))
        if curve is not None
    ]
    missing = [run.letter for run, curve in zip(runs, curves, strict=True) if curve is None]
    plot = Plot(
        key=f"curves-{key or role}",
        wide=compared_curves(lines, role, first=first, last=last),
        narrow=compared_curves(lines, role, first=first, last=last, narrow=True),
        alt=f"{title}{rest} over the epochs, a line for each run.",
        narrow_below=400,
        data_title=f"{title.lower()}{rest}",
    )
    absent = (Caption(prose(f"Not in {', '.join(missing)}.")),) if missing else ()
    return (Heading(prose(title, muted(rest))), plot, *absent)


def _title(role: Role, runs: Sequence[Compared]) -> tuple[str, str]:
    """Of a panel: what it shows, and the rest."""
    noisy = runs[0].words.noisy.capitalize() if all(run.words is runs[0].words for run in runs) else "Noisy examples"
    return {
        "test": ("Test accuracy", " on new examples"),
        "validation": ("Validation accuracy", " on new examples"),
        "clean": ("Clean examples", " answered as labelled"),
        "noisy": (noisy, " answered as labelled"),
        "true": (noisy, " answered with the true label"),
        "all": ("Training examples", " answered as labelled"),
    }[role]


def _answer(runs: Sequence[Compared]) -> Prose:
    """Best test accuracies, and what was lost after them; computed from what is known."""
    known = [
        (
            run.letter,
            run.summary["peak_test_accuracy"],
            run.summary["final_test_accuracy"],
            run.summary["peak_test_epoch"],
        )
        for run in runs
        if run.summary["peak_test_accuracy"] is not None and run.summary["final_test_accuracy"] is not None
    ]
    if not known:
        return prose("No run recorded validation and test accuracies.", muted(" The curves show what there is."))
    letter, peak, _, epoch = max(known, key=lambda entry: entry[1])
    lost = "; ".join(f"{points(final - best)} in {name}" for name, best, final, _ in known)
    tied = len([entry for entry in known if entry[1] == peak]) > 1
    if tied and len(known) == 2:
        both = f"At the best validation accuracy of each, both runs reached {percent(peak)} on the test set."
        return prose(both, muted(f" From there to the end, in points: {lost}."))
    first = f"At its best validation accuracy {letter} reached {percent(peak)} on the test set"
    more = (
        ", another run as much" if tied else ", the most of these runs" if len(known) > 2 else ", more than the other"
    )
    alone = more if len(known) > 1 else ""
    return prose(f"{first}{alone} (epoch {count(epoch)}).", muted(f" From there to the end, in points: {lost}."))
