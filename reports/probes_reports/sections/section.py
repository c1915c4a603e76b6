"""What a section is made of: frozen dataclasses that hold every word and number; templates only lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from probes_reports.wording import Prose

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "Absent",
    "Block",
    "Caption",
    "Cell",
    "Chooser",
    "Column",
    "Columns",
    "Data",
    "Heading",
    "Key",
    "Part",
    "Plot",
    "Section",
    "Shape",
    "Slider",
    "Swatch",
    "Table",
]


Shape = Literal["area", "line", "dash", "dot", "diamond", "disc", "square", "triangle", "triangle-down", "cross"]


@dataclass(frozen=True)
class Plot:
    """A figure in its two layouts.

    Attributes:
        key: names the figure: `probes_reports.figure(run, key)`, and anchors it; unique on the page.
        wide: for a screen on which it gets `narrow_below` px or more.
        narrow: for less.
        alt: what it shows, in one sentence, for those who cannot see it.
        narrow_below: px of the figure's own width. 820 suits a full column, 400 a half one.
        halo: text over the plot gets a halo in the page's colour; off inside heat maps.
        data_title: names its CSV where a section has several ("AUROC by epoch").
    """

    template: ClassVar[str] = "part_plot.html.j2"
    key: str
    wide: Figure
    narrow: Figure
    alt: str
    narrow_below: int = 820
    halo: bool = True
    data_title: str = ""


@dataclass(frozen=True)
class Swatch:
    """An entry of a colour key: an area, or a line that may be dashed. `tone` names a token of palette.py."""

    label: str
    tone: str
    shape: Shape = "area"


@dataclass(frozen=True)
class Key:
    """A colour key; `narrow_only` where names stand in the plot itself on a wide screen."""

    template: ClassVar[str] = "part_key.html.j2"
    items: tuple[Swatch, ...]
    narrow_only: bool = False
    lead: str = ""


@dataclass(frozen=True)
class Slider:
    """A slider that steps a figure through prepared states, without any code of its own.

    Attributes:
        plot: key of the figure it moves.
        label: what it chooses ("Slice at epoch").
        values: V texts, one a step, shown beside it.
        start: step it starts at; the figure itself must be drawn in that state.
        traces: per change (index of a trace, name of its attribute, array of V states); index and attribute are
            the same in both layouts.
        wide: path in the wide layout -> V states, such as {"shapes[3].x0": positions, "annotations[2].text": texts}.
        narrow: the same for the narrow layout.
    """

    template: ClassVar[str] = "part_slider.html.j2"
    plot: str
    label: str
    values: tuple[str, ...]
    start: int
    traces: tuple[tuple[int, str, Any], ...] = ()
    wide: dict[str, Any] = field(default_factory=dict)
    narrow: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chooser:
    """Radio buttons; whatever carries `data-when="NAME=VALUE"` shows while that value is chosen (first at the start).

    Several conditions: `data-when="map=saliency label=given"`; several values: `data-when="map=saliency|gradient"`.
    """

    template: ClassVar[str] = "part_chooser.html.j2"
    name: str
    label: str
    options: tuple[tuple[str, str], ...]  # (value, text)


@dataclass(frozen=True)
class Column:
    """A table column: title, alignment, and whether a phone keeps it."""

    title: str
    align: Literal["left", "right"] = "left"
    keep_narrow: bool = True


@dataclass(frozen=True)
class Cell:
    """A table cell: text, or a strip between two ends with a filled dot and perhaps a hollow one, in [0, 1]."""

    text: Prose = ()
    dot: float | None = None
    hollow: float | None = None


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading."""

    template: ClassVar[str] = "part_table.html.j2"
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    alt: str


@dataclass(frozen=True)
class Heading:
    """A small heading inside a section: bold, then a regular rest."""

    template: ClassVar[str] = "part_heading.html.j2"
    text: Prose


@dataclass(frozen=True)
class Caption:
    """A caption in the middle of a section; the last one is the section's own `caption`."""

    template: ClassVar[str] = "part_caption.html.j2"
    text: Prose


@dataclass(frozen=True)
class Columns:
    """Parts side by side on wide screens, below each other on narrow ones."""

    template: ClassVar[str] = "part_columns.html.j2"
    columns: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Block:
    """Markup of a section's own: `templates/<template>`, which finds its dataclass as `data`."""

    template: str
    data: Any


@dataclass(frozen=True)
class Data:
    """A table that is only downloaded, for what is not drawn by plotly.

    Attributes:
        key: unique on the page, part of the file's name.
        columns: name -> values, all equally long.
        data_title: names it where a section has several.
    """

    template: ClassVar[str] = "part_data.html.j2"
    key: str
    columns: Mapping[str, Sequence[Any]]
    data_title: str = ""


Part = Plot | Key | Slider | Chooser | Table | Heading | Caption | Columns | Block | Data


@dataclass(frozen=True)
class Section:
    """A question, its computed answer, what shows it, and how to read that.

    Attributes:
        key: anchor, and name in `sections.SECTIONS`.
        title: in the navigation: one to four words.
        question: grey, ends with a question mark.
        answer: one large sentence, number first; its first half plain (bold), the qualification `muted(...)`.
        parts: from top to bottom.
        caption: what is drawn, in one or two sentences.
        how_to_read: paragraphs.
        definition: paragraphs: formula in words, source with a link in plain text, departures from it.
        half: stands beside its neighbour on wide screens, where that is a half too.
    """

    key: str
    title: str
    question: str
    answer: Prose
    parts: tuple[Part, ...]
    caption: Prose = ()
    how_to_read: tuple[Prose, ...] = ()
    definition: tuple[Prose, ...] = ()
    half: bool = False

    def all_parts(self) -> list[Part]:
        """Every part, those inside columns too."""
        return _flatten(self.parts)

    def plots(self) -> list[Plot]:
        """Every figure, in order."""
        return [part for part in self.all_parts() if isinstance(part, Plot)]

    def downloads(self) -> list[Plot | Data]:
        """Everything that a CSV can be made of: figures with a trace whose `meta` names columns, and data parts."""
        return [p for p in self.all_parts() if isinstance(p, Data) or (isinstance(p, Plot) and _has_csv(p))]


@dataclass(frozen=True)
class Absent:
    """A section without anything to say: why, and the command that would record what is missing.

    Attributes:
        title: in the navigation; "" where it has no place there.
        probes: that would have to be recorded for it: the page tells all of these in one line (`unrecorded.py`).
    """

    key: str
    title: str
    question: str
    reason: Prose
    command: str = ""
    half: bool = False
    probes: tuple[str, ...] = ()


def _flatten(parts: Sequence[Part]) -> list[Part]:
    flat: list[Part] = []
    for part in parts:
        if isinstance(part, Columns):
            flat += [inner for column in part.columns for inner in _flatten(column)]
        else:
            flat.append(part)
    return flat


def _has_csv(plot: Plot) -> bool:
    return any(isinstance(trace.meta, dict) and "csv" in trace.meta for trace in plot.wide.data)
