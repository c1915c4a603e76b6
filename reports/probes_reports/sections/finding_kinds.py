"""Can each kind of noise be found? Every score, each kind against the clean examples alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from probes.runs.kinds import detection_by_kind
from probes_reports.sections.section import Caption, Cell, Column, Data, Heading, Part, Table
from probes_reports.view import RunView
from probes_reports.wording import auroc, count, muted, prose, strong

if TYPE_CHECKING:
    from probes.scores import Score

__all__ = ["kind_parts"]


def kind_parts(view: RunView, scores: Sequence[Score]) -> tuple[Part, ...]:
    """A row a score, a column a kind; nothing where there are not several kinds.

    Args:
        view: of the run.
        scores: rows, in order.
    """
    found = detection_by_kind(view.run)
    if not len(found.columns):
        return ()
    found = found.reindex([score.name for score in scores])
    best = {kind: found[kind].max() for kind in found.columns}
    table = Table(
        columns=(Column("score"), *(Column(str(kind), "right") for kind in found.columns)),
        rows=tuple(
            (
                Cell(prose(score.label)),
                *(
                    Cell(prose(strong(auroc(value)) if value == best[kind] else auroc(value)))
                    for kind, value in found.loc[score.name].items()
                ),
            )
            for score in scores
        ),
        alt="AUROC of each kind of noise by every score.",
    )
    values = {f"auroc_{kind}": [None if np.isnan(v) else v for v in found[kind]] for kind in found.columns}
    data = Data("finding-kinds", {"score": [score.name for score in scores], **values}, data_title="AUROC by kind")
    sizes = ", ".join(f"{count(int(members.sum()))} of {kind}" for kind, members in view.kinds.items())
    clean = 0 if view.clean is None else int(view.clean.sum())
    return (
        Heading(prose("Each kind by itself", muted(" AUROC against the clean examples"))),
        table,
        data,
        Caption(
            prose(
                f"The same scores over the whole run, the noisy examples of one kind against the {count(clean)} clean "
                f"ones: {sizes}. Bold: what finds that kind best. Below 0.5 a score points the wrong way for that kind."
            )
        ),
    )
