"""How many labels look wrong, and whether to believe it: the top of the page, in words and four numbers."""

from __future__ import annotations

from probes_reports.audit.view import AuditView
from probes_reports.sections.learning_words import Tile
from probes_reports.wording import Prose, auroc, count, muted, noisy, part_of, percent, prose

__all__ = ["answer", "lede", "planted", "range_of", "tiles"]

EVEN = 0.75  # the shorter side of a range is at least that much of the longer one where it is told as plus or minus


def answer(view: AuditView) -> Prose:
    """The h1: an estimate, its range, and its limit."""
    errors, share = view.estimate["errors"], view.estimate["share"]
    doubt = muted(" This count cannot be trusted: see why below.") if not view.estimate["trusted"] else ""
    if round(errors) == 0:
        start: Prose = prose(f"Hardly any of the {count(view.size)} labels look wrong")
        return (*start, *prose(muted(f" (at most about {count(round(view.estimate['high']))})."), doubt))
    half = count(round((view.estimate["high"] - view.estimate["low"]) / 2))
    spread = f" ± {half}" if _even(view) else f" ({range_of(view, 'to')})"
    labels = noisy(f"{count(round(errors))}{spread} of {count(view.size)} labels")
    verb = "looks" if view.size == 1 else "look"
    return prose("About ", labels, f" {verb} wrong", muted(f" ({percent(share)})."), doubt)


def range_of(view: AuditView, joint: str = "and") -> str:
    """Both ends of the estimate's range, such as "35 and 131"."""
    return f"{count(round(view.estimate['low']))} {joint} {count(round(view.estimate['high']))}"


def lede(view: AuditView) -> Prose:
    """What is flagged, what the control and true labels say, and what to do."""
    flagged = (
        "No example is flagged: each label is more likely right than wrong."
        if not view.flagged
        else f"{count(view.flagged)} {'example is' if view.flagged == 1 else 'examples are'} flagged, "
        f"their labels being right with a probability below {percent(view.cutoff, 0)}."
    )
    known = view.meta.get("evaluation")
    truth = (
        f" Against the true labels, used for nothing else, {percent(known['precision'])} of the flagged are wrong "
        f"and {percent(known['recall'])} of the wrong ones are flagged."
        if known and known["precision"] is not None
        else ""
    )
    control = planted(view)
    todo = "Decide for each below, and save what you decide." if view.flagged else "The most suspicious are below."
    return prose(flagged, f" {control}" if control else "", truth, f" {todo}")


def planted(view: AuditView) -> str:
    """The control: how many labels that were made wrong on purpose were found; "" without one."""
    plant = view.meta.get("plant")
    if not plant:
        return ""
    made, found = plant["planted"], plant["found"]
    labels = "label" if made == 1 else "labels"
    return f"Of {count(made)} {labels} made wrong on purpose, {count(found)} were found ({percent(plant['recall'])})."


def tiles(view: AuditView) -> tuple[Tile, ...]:
    """Four numbers: the estimate, the flags, the control or how the network does, and truth or trust."""
    plant, known = view.meta.get("plant"), view.meta.get("evaluation")
    share = view.flagged / view.size if view.size else 0.0
    found = [
        Tile(
            "wrong labels, estimated",
            prose(count(round(view.estimate["errors"]))),
            f"between {range_of(view)}",
            "noisy",
        ),
        Tile(
            "flagged",
            prose(count(view.flagged), muted(f" {percent(share)}")),
            f"label right with less than {percent(view.cutoff, 0)}",
            "noisy",
        ),
    ]
    agreement = Tile(
        "answered as labelled",
        prose(percent(view.estimate.get("agreement"))),
        "of the labels kept, by networks that had not seen them",
        "clean",
    )
    if plant:
        found.append(
            Tile(
                "planted errors found",
                prose(percent(plant["recall"])),
                part_of(plant["found"], plant["planted"]),
                "ink",
            )
        )
    else:
        found.append(agreement)
    if known:
        found.append(
            Tile(
                "against true labels",
                prose(auroc(known["auroc"]), muted(" AUROC")),
                f"{count(known['wrong'])} are truly wrong",
                "ink",
            )
        )
    elif plant:
        found.append(agreement)
    else:
        trusted = view.estimate["trusted"]
        note = "nothing speaks against it" if trusted else "see the warnings"
        found.append(Tile("count to be trusted", prose("yes" if trusted else "no"), note, "ink"))
    return tuple(found)


def _even(view: AuditView) -> bool:
    """Whether the range reaches about as far down as up."""
    below = view.estimate["errors"] - view.estimate["low"]
    above = view.estimate["high"] - view.estimate["errors"]
    return min(below, above) >= EVEN * max(below, above)
