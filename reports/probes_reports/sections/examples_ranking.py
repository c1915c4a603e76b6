"""The most suspicious examples as a table, where no label is known and so no answer can be called right."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probes.scores import CATALOGUE
from probes_reports.sections.section import Absent, Cell, Column, Data, Section, Table
from probes_reports.view import RunView
from probes_reports.wording import count, number, prose

__all__ = ["ranking"]

ROWS = 20
NO_LABELS = "The labels that training saw were not recorded, so no answer can be called right."


def ranking(view: RunView, title: str, question: str) -> Section | Absent:
    """The table, by mean loss or the first score that any example has, most suspicious first."""
    directed = [name for name, score in CATALOGUE.items() if score.direction is not None and name in view.scores]
    known = [name for name in dict.fromkeys(("mean_loss", *directed)) if view.scores[name].notna().any()]
    if not known:
        return Absent("examples", title, question, prose(NO_LABELS))
    by = CATALOGUE[known[0]]
    ordered = view.scores[by.name].dropna().sort_values(ascending=by.direction == "low", kind="stable")
    shown = ordered.index[:ROWS].to_numpy(dtype=np.int64)
    columns = {name: _values(view, name, shown) for name in known if name in (by.name, "noise_probability")}
    ids = _ids(view, shown)
    headings = ["example", *(["id"] if ids else []), *(CATALOGUE[name].label for name in columns)]
    texts = [
        [count(int(i)) for i in shown],
        *([ids] if ids else []),
        *([number(v) for v in c] for c in columns.values()),
    ]
    return Section(
        key="examples",
        title=title,
        question=question,
        answer=prose(f"Those with the {by.direction}est {by.label} are the most suspicious."),
        parts=(
            Table(
                columns=tuple(Column(name, "right") for name in headings),
                rows=tuple(tuple(Cell(prose(text)) for text in row) for row in zip(*texts, strict=True)),
                alt=f"The most suspicious examples by {by.label}.",
            ),
            Data("examples", {"example": shown.tolist(), **({"id": ids} if ids else {}), **columns}),
        ),
        caption=prose(f"{count(len(shown))} of {count(len(ordered))} examples, most suspicious first. {NO_LABELS}"),
        definition=(prose(f"{by.label.capitalize()}: {by.formula}. {by.source}."),),
    )


def _values(view: RunView, name: str, shown: np.ndarray) -> list[float]:
    """Of the examples shown; NaN where missing."""
    return view.scores[name].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)[shown].tolist()


def _ids(view: RunView, shown: np.ndarray) -> list[str]:
    """Of the examples shown; empty where they have none, or it may not be shown (an id may be a path)."""
    if not view.with_paths or "id" not in view.examples:
        return []
    return ["" if pd.isna(name) else str(name) for name in view.examples["id"].iloc[shown]]
