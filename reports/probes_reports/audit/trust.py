"""How many are wrong, and can that be trusted?"""

from __future__ import annotations

from probes_reports.audit.answer import planted, range_of
from probes_reports.audit.view import AuditView
from probes_reports.sections.section import Cell, Column, Section, Table
from probes_reports.wording import Prose, auroc, count, muted, percent, prose

__all__ = ["build"]


def build(view: AuditView) -> Section:
    """A table of what the estimate rests on."""
    return Section(
        key="trust",
        title="Estimate",
        question="How many are wrong, and can that be trusted?",
        answer=_answer(view),
        parts=(
            Table(
                (Column("what"), Column("value", "right"), Column("how it is found", keep_narrow=False)),
                tuple(tuple(Cell(prose(text)) for text in row) for row in _rows(view)),
                "What the estimate rests on.",
            ),
        ),
        definition=(
            prose(
                "Networks answer early in training, before they learn noise. A model of the noise, fitted to their "
                "answers and the given labels, turns both into beliefs in each class, which more networks learn. What "
                "all of them believe orders the labels; the probabilities come from answers to examples that later "
                "networks were not trained on. No true label is used."
            ),
            prose(
                "The estimated number of wrong labels is the sum of the probabilities that they are wrong. Its range "
                "covers the later rounds, the spread over folds, the draw itself, and labels that pass for hard."
            ),
        ),
    )


def _answer(view: AuditView) -> Prose:
    errors = f"{count(round(view.estimate['errors']))} estimated, between {range_of(view)}. "
    if view.estimate["trusted"]:
        control = planted(view)
        rest = control or "Nothing speaks against the count, but only a control can speak for it: probe audit --plant."
        return prose(errors, muted(rest))
    return prose(errors, muted("Not to be trusted, for the reasons given at the top."))


def _rows(view: AuditView) -> list[tuple[str, str, str]]:
    estimate, plant, known = view.estimate, view.meta.get("plant"), view.meta.get("evaluation")
    rows = [
        ("wrong labels, estimated", f"{estimate['errors']:,.1f}", "sum of the probabilities that a label is wrong"),
        ("range", range_of(view, "to"), "rounds, folds, the draw, and labels that pass for hard"),
        ("in each round", ", ".join(f"{value:,.1f}" for value in estimate["by_round"]), "from its networks alone"),
        ("flagged", count(view.flagged), f"label right with a probability below {percent(view.cutoff, 0)}"),
        ("networks disagree", percent(estimate["disagreement"]), "with labels that they had not seen"),
        (
            "where they are surest",
            percent(estimate.get("disagreement_where_sure")),
            "in the quarter of each class that they are surest of",
        ),
        ("networks agree", percent(estimate.get("agreement")), "with the labels that are not flagged"),
    ]
    if plant:
        rows.append(
            (
                "planted errors found",
                f"{count(plant['found'])} of {count(plant['planted'])}",
                f"{percent(plant['share'])} of the labels were made wrong first, at random",
            )
        )
    if known:
        rows += [
            ("truly wrong", count(known["wrong"]), "true labels, used for nothing else"),
            ("AUROC", auroc(known["auroc"]), "chance that a wrong label is ranked above a right one"),
            ("average precision", auroc(known["average_precision"]), "of the ranking"),
            ("flagged that are wrong", percent(known["precision"]), "precision"),
            ("wrong that are flagged", percent(known["recall"]), "recall"),
            ("suggested label true", percent(known["suggested_right"]), "of the wrong ones"),
        ]
    return rows
