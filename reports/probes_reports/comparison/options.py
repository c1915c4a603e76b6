"""What differs between the runs?"""

from __future__ import annotations

from collections.abc import Sequence

from probes_reports.comparison.answer import joined
from probes_reports.comparison.compared import Compared
from probes_reports.comparison.differences import Difference, without_options
from probes_reports.sections.section import Absent, Cell, Column, Data, Section, Table
from probes_reports.wording import count, muted, prose

__all__ = ["build"]

QUESTION, TITLE = "What differs between them?", "What differs"


def build(runs: Sequence[Compared], told: Sequence[Difference]) -> Section | Absent:
    """The options in which the runs differ, and those alone."""
    silent = [run.letter for run in without_options(runs)]
    unrecorded = f" The options of {joined(silent)} were not recorded." if silent else ""
    if not told:
        return Absent("options", TITLE, QUESTION, prose(f"Nothing that was recorded.{unrecorded}"))
    options = "One option or fact differs" if len(told) == 1 else f"{count(len(told))} options and facts differ"
    table = Table(
        columns=(Column("option"), *(Column(run.letter) for run in runs)),
        rows=tuple((Cell(prose(one.name)), *(Cell(prose(value)) for value in one.values)) for one in told),
        alt="Options and facts that differ, for each run.",
    )
    values = {run.letter: [one.values[at] for one in told] for at, run in enumerate(runs)}
    return Section(
        key="options",
        title=TITLE,
        question=QUESTION,
        answer=prose(f"{options}.", muted(f" Every other one that was recorded is the same.{unrecorded}")),
        parts=(table, Data("options", {"option": [one.name for one in told], **values})),
    )
