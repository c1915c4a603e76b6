"""What the probes of this run did not measure, in one line instead of as many empty sections."""

from __future__ import annotations

from collections.abc import Sequence

from probes_reports.sections.section import Absent, Section
from probes_reports.view import RunView
from probes_reports.wording import prose

__all__ = ["gathered", "unrecorded"]

KEY, QUESTION = "unrecorded", "What else could be measured?"
SHOWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("what the network looks at", ("attributions",)),
    ("which inputs lie close to a boundary", ("critical_samples",)),
    ("how gradients pull at the weights", ("gradient_norms", "coherence")),
    ("scores that need gradients", ("input_grad", "vog", "self_influence", "loss_curvature", "prediction_depth")),
)
HOLDS_TOO = {"gradient_norms": "self_influence"}  # whose frames hold what that probe measures


def gathered(view: RunView, sections: Sequence[Section | Absent]) -> list[Section | Absent]:
    """The sections that have a place here; one line for all that was not measured stands below them.

    Those that wait for a probe are left out, and absent ones without a title.
    """
    kept: list[Section | Absent] = []
    line = unrecorded(view)
    for section in sections:
        if isinstance(section, Absent) and (section.probes or not section.title):
            continue
        if section.key == "examples" and line is not None:
            kept.append(line)
        kept.append(section)
    return kept


def unrecorded(view: RunView) -> Absent | None:
    """What was not measured and what would do it; None where nothing is missing."""
    if view.nothing is not None:
        return None
    held = set(view.run.probe_names)
    missing = [
        (what, [name for name in names if name not in held and HOLDS_TOO.get(name) not in held])
        for what, names in SHOWS
    ]
    listed = [f"{what} ({', '.join(names)})" for what, names in missing if names]
    if not listed:
        return None
    if "import" in view.config:
        return _line(
            "Probes are measured with the network itself, and this run was read from another tool’s log: it cannot "
            f"show {_joined(listed, 'or')}."
        )
    start = f"This run did not measure {_joined(listed, 'or')}."
    if not view.config:
        return _line(
            f"{start} In a loop of your own each probe is measured by", "tracker.record(probe, model, examples)"
        )
    if any(view.run.path.glob("checkpoints/epoch-*")):
        return _line(
            f"{start} From its checkpoints each of the named probes can still be:", "probe measure RUN --probe NAME"
        )
    return _line(f"{start} It kept no checkpoints; during training each is measured by", "probe train --probe NAME")


def _line(reason: str, command: str = "") -> Absent:
    return Absent(KEY, "", QUESTION, prose(reason), command)


def _joined(things: Sequence[str], last: str) -> str:
    """ "a, b or c"."""
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} {last} {things[-1]}"
