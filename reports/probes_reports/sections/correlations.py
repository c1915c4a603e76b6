"""Do the views agree on each example? Scores of probes against scores of trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes.scores import CATALOGUE
from probes.scores.correlations import rank_correlations
from probes_reports.figures.score_matrix import score_matrix
from probes_reports.sections.finding_facts import suspicion
from probes_reports.sections.groups import FEWEST
from probes_reports.sections.probe_columns import probe_columns
from probes_reports.sections.section import Absent, Data, Plot, Section
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, highlight, muted, prose

__all__ = ["FIGURES", "Matrix", "build"]

KEY, TITLE = "correlations", "All views"
FIGURES = (KEY,)
QUESTION = "Do probes and trajectories single out the same examples?"
PROBES = ("gradient_norms", "input_grad", "vog", "self_influence", "loss_curvature", "prediction_depth")
OPPOSED = 0.2  # below minus that a pair is said to be in opposite order
SHORT = {"area under the margin": "margin (AUM)"}


@dataclass(frozen=True)
class Score:
    """A score as the matrix shows it; `turned` where its low end is the suspicious one, `source` who defined it."""

    name: str
    label: str
    turned: bool
    source: str


@dataclass(frozen=True)
class Matrix:
    """Rank correlations of scores of probes (rows) with scores of trajectories (columns).

    Attributes:
        rows, columns: scores.
        values: float64, (R, C); NaN where undefined, and where fewer than FEWEST examples have both scores.
        measured: int64, (R, C); examples that have both scores.
        examples: of the run.
    """

    rows: tuple[Score, ...]
    columns: tuple[Score, ...]
    values: np.ndarray
    measured: np.ndarray
    examples: int

    def closest(self) -> tuple[int, int]:
        """The pair that orders the examples most alike."""
        return self._place(np.nanargmax(self.values))

    def loosest(self) -> tuple[int, int]:
        """The pair whose correlation is nearest to 0."""
        return self._place(np.nanargmin(np.abs(self.values)))

    def lowest(self) -> tuple[int, int]:
        """The pair that orders them most nearly the other way round."""
        return self._place(np.nanargmin(self.values))

    def _place(self, at: np.intp) -> tuple[int, int]:
        row, column = np.unravel_index(at, self.values.shape)
        return int(row), int(column)


def build(view: RunView) -> Section | Absent:
    """The matrix, and the pairs that stand out."""
    if view.not_finite is not None:
        return Absent(KEY, TITLE, QUESTION, prose(view.not_finite), probes=PROBES)
    matrix = _matrix(view)
    if matrix is None:
        return Absent(
            KEY, TITLE, QUESTION, prose("No probe has left a score of each example. One does with"),
            "probe measure RUN --probe gradient_norms", probes=PROBES,
        )  # fmt: skip
    if not np.isfinite(matrix.values).any():
        return Absent(KEY, TITLE, QUESTION, prose(_nothing(matrix)))
    pairs = [*dict.fromkeys((matrix.closest(), matrix.loosest()))]
    rows, columns = ([score.label for score in scores] for scores in (matrix.rows, matrix.columns))
    return Section(
        key=KEY,
        title=TITLE,
        question=QUESTION,
        answer=_answer(matrix),
        parts=(
            Plot(
                KEY,
                wide=score_matrix(matrix.values, rows, columns, pairs),
                narrow=score_matrix(matrix.values, rows, columns, pairs, narrow=True),
                alt="Rank correlation of every score of a probe with every score of trajectories.",
                halo=False,
            ),
            _data(matrix),
        ),
        caption=_caption(matrix),
        how_to_read=_how_to_read(),
        definition=_definition(matrix),
    )


def _matrix(view: RunView) -> Matrix | None:
    """None where no probe has left a score, or no trajectory has."""
    probes = probe_columns(view) if view.last_epoch else []
    scores = [s for s in CATALOGUE.values() if s.direction is not None and s.scope == "example" and s.default]
    held = [(score, suspicion(view, score.name)) for score in scores] if probes else []
    held = [(score, values) for score, values in held if np.isfinite(values).any()]
    if not held:
        return None
    rows, columns = np.stack([p.suspicion for p in probes]), np.stack([values for _, values in held])
    measured = (~np.isnan(rows)).astype(np.int64) @ (~np.isnan(columns)).astype(np.int64).T
    values = np.where(measured < FEWEST, np.nan, rank_correlations(rows, columns))
    return Matrix(
        tuple(Score(probe.name, probe.label, probe.direction == "low", probe.source) for probe in probes),
        tuple(Score(s.name, SHORT.get(s.label, s.label), s.direction == "low", s.source) for s, _ in held),
        values,
        measured,
        view.num_examples,
    )


def _data(matrix: Matrix) -> Data:
    pairs = [(row, column) for row in range(len(matrix.rows)) for column in range(len(matrix.columns))]
    return Data(
        KEY,
        {
            "probe_score": [matrix.rows[row].name for row, _ in pairs],
            "trajectory_score": [matrix.columns[column].name for _, column in pairs],
            "rank_correlation": [float(matrix.values[pair]) for pair in pairs],
            "examples": [int(matrix.measured[pair]) for pair in pairs],
        },
    )


def _nothing(matrix: Matrix) -> str:
    """Why there is no correlation to show."""
    most = int(matrix.measured.max())
    if most >= FEWEST:
        return "No two scores vary over the same examples."
    return (
        f"Scores of probes were measured on {count(most)} of the {count(matrix.examples)} training examples: too few "
        f"to compare orders, which takes {FEWEST}."
    )


def _over(matrix: Matrix) -> tuple[str, str]:
    """ "over the 1,400 training examples", or those that have both scores; and what a dash says where there is one."""
    least, most = int(matrix.measured[matrix.measured >= FEWEST].min()), int(matrix.measured.max())
    few = f" –: fewer than {FEWEST} examples have both scores." if matrix.measured.min() < FEWEST else ""
    if least == matrix.examples:
        return f"over the {count(matrix.examples)} training examples", few
    between = count(most) if least == most else f"{count(least)} to {count(most)}"
    return f"over the training examples that have both scores, {between} of the {count(matrix.examples)}", few


def _answer(matrix: Matrix) -> Prose:
    """The closest pair, the one with least in common, and one that is turned round."""
    if np.isfinite(matrix.values).sum() == 1:
        return prose(
            f"{_pair(matrix, matrix.closest())} have rank correlation ",
            highlight(_value(matrix, matrix.closest())),
            ".",
        )
    closest, loosest, lowest = matrix.closest(), matrix.loosest(), matrix.lowest()
    rest = _with_ties(matrix, loosest, "have least to do with each other")
    if matrix.values[lowest] < -OPPOSED:
        rest += _with_ties(matrix, lowest, "come nearest to the opposite order")
    ties = _ties(matrix, closest)
    others = f", as {count(ties)} other {'pair does' if ties == 1 else 'pairs do'}" if ties else ""
    return prose(
        f"{_pair(matrix, closest)} order the examples most alike{others}, with rank correlation ",
        highlight(_value(matrix, closest)),
        ".",
        muted(rest),
    )


def _with_ties(matrix: Matrix, pair: tuple[int, int], what: str) -> str:
    """A sentence about a pair, or about as many as show the same number; with a space in front."""
    ties = _ties(matrix, pair)
    if not ties:
        return f" {_pair(matrix, pair)} {what} ({_value(matrix, pair)})."
    return f" {count(ties + 1)} pairs {what} ({_value(matrix, pair)}), {_names(matrix, pair)} among them."


def _ties(matrix: Matrix, pair: tuple[int, int]) -> int:
    """Other pairs that show the same number."""
    shown = np.round(matrix.values, 2)
    return int((shown == shown[pair]).sum()) - 1


def _names(matrix: Matrix, pair: tuple[int, int]) -> str:
    return f"{matrix.rows[pair[0]].label} and {matrix.columns[pair[1]].label}"


def _pair(matrix: Matrix, pair: tuple[int, int]) -> str:
    """To begin a sentence with."""
    names = _names(matrix, pair)
    return f"{names[:1].upper()}{names[1:]}"


def _value(matrix: Matrix, pair: tuple[int, int]) -> str:
    value = float(matrix.values[pair])
    return f"{value:.2f}".replace("-", "−") if round(value, 2) else "0.00"


def _caption(matrix: Matrix) -> Prose:
    turned = [score.label for score in (*matrix.rows, *matrix.columns) if score.turned]
    names = turned[0] if len(turned) == 1 else f"{', '.join(turned[:-1])} and {turned[-1]}" if turned else ""
    directions = (
        f" Every score is turned so that its published suspicious end is up: {names} point down, so they are negated."
        if turned
        else ""
    )
    over, few = _over(matrix)
    return prose(
        f"Spearman’s rank correlation {over}, scores of probes against scores of trajectories.{directions} Pink: the "
        f"same order; violet: the opposite one; framed: the pairs named first.{few}"
    )


def _how_to_read() -> tuple[Prose, ...]:
    return (
        prose(
            "1: both scores put the examples in the same order; 0: knowing one says nothing about the other; −1: the "
            "opposite order. It compares orders only, not sizes."
        ),
        prose(
            "All scores read the same training run, so high values are to be expected: they do not confirm each other "
            "as independent measurements would. Low ones tell more: there the probe sees something that the trajectory "
            "does not, or nothing."
        ),
    )


def _definition(matrix: Matrix) -> tuple[Prose, ...]:
    sources = [f"{score.label}: {score.source}" for score in matrix.rows]
    return (
        prose(
            "Pearson’s correlation of ranks; tied values share their mean rank; an example that lacks one of the two "
            "scores is left out of that pair. Learning epochs and forgetting events of never-learned examples count as "
            "later, and more, than any other. Spearman 1904."
        ),
        prose("; ".join(sources) + "."),
    )
