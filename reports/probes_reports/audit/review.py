"""Which labels are wrong? Cards to decide on, the most suspicious first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from probes_reports.audit.features import OPEN, Feature, features_by_example
from probes_reports.audit.pictures import Pictures
from probes_reports.audit.view import AuditView
from probes_reports.sections.section import Block, Section
from probes_reports.wording import count, muted, percent, prose

__all__ = ["MOST", "Card", "Neighbour", "Review", "build", "review"]

MOST = 400  # cards
LEAST = 24  # cards, where fewer are flagged: the most suspicious of the rest
NEIGHBOURS = 4  # that disagree, on a card
VOTES = 3  # labels of neighbours, on a card without pictures
LONG = 9  # characters from which names of classes are written small
READ = (
    prose(
        "A card is an example. Above, the label it was given; below, the one that it looks like. The percentage is the "
        "probability that the given label is right."
    ),
    prose(
        "The small pictures are those of its nearest neighbours, in what the networks see, that carry another label. "
        "A neighbour's own label may be wrong too."
    ),
    prose(
        "Of a table, a card shows features, the most unusual for the given label first: how many standard deviations a "
        "number is from the mean of the examples with that label, or how many of these share the value."
    ),
    prose(
        "Keys: arrows or j and k move, a says that the label is wrong and the suggestion right, r that the label is "
        "right, x or space takes it back. Of an example that looks like its own label no other is suggested: a leaves "
        "it as it is, save for two classes, where the other is taken. Decisions live in this page until you save them."
    ),
    prose(
        "The saved file goes to probe train --exclude FILE, which leaves out what you accepted as wrong, or to "
        "probe train --relabel FILE, which gives it the suggested label."
    ),
)


@dataclass(frozen=True)
class Neighbour:
    """A near example with another label."""

    example: int
    label: str
    pictured: bool


@dataclass(frozen=True)
class Card:
    """An example to decide on.

    Attributes:
        name: its id, or its number where that is not shown.
        disagree: how many of its neighbours do, in words.
        neighbours: the nearest that do.
        votes: their labels, the most frequent first, and how many have each.
        features: of a table, the most unusual first.
        folded: further features, shown on demand.
        untold: how many more the example has.
        accepted_label: what accepting saves: the suggestion, or of two classes the other; None where there is neither.
    """

    example: int
    name: str
    given: str
    suggested: str
    given_label: int
    suggested_label: int
    score: str
    flagged: bool
    pictured: bool
    disagree: str
    neighbours: tuple[Neighbour, ...]
    votes: tuple[tuple[str, int], ...]
    features: tuple[Feature, ...] = ()
    folded: tuple[Feature, ...] = ()
    untold: int = 0
    accepted_label: int | None = None


@dataclass(frozen=True)
class Review:
    """What the template shows.

    Attributes:
        cards: the most suspicious first.
        rows: per card id, example, given and suggested label: what a saved decision says of it.
        pictures: example -> data URI.
        ink: pictures are grey, and change with the theme.
        long: names of classes are long.
        given: classes to filter by, (label, name).
        suggested: likewise.
    """

    cards: tuple[Card, ...]
    rows: list[list[Any]]
    pictures: dict[str, str]
    ink: bool
    long: bool
    given: tuple[tuple[int, str], ...]
    suggested: tuple[tuple[int, str], ...]


def build(view: AuditView) -> Section:
    """The grid of cards."""
    shown = review(view)
    size = len(shown.cards)
    flagged = sum(card.flagged for card in shown.cards)
    rest = view.flagged - flagged
    if not view.flagged:
        answer = prose("None is flagged. ", muted(f"The {count(size)} most suspicious are here for a look."))
    elif rest:
        answer = prose(
            f"The {count(flagged)} most suspicious of {count(view.flagged)} flagged examples. ",
            muted(f"The other {count(rest)} are in issues.csv."),
        )
    else:
        fill = f" and the {count(size - flagged)} next most suspicious" if size > flagged else ""
        answer = prose(f"{count(flagged)} flagged", muted(f"{fill}, the most suspicious first."))
    withheld = "" if view.names_shown else " Ids are left out: a file saved here cannot be applied without them."
    return Section(
        key="review",
        title="Review",
        question="Which labels are wrong?",
        answer=answer,
        parts=(Block("audit_review.html.j2", shown),),
        caption=prose(
            "Decisions are kept in this page only, until you save them: then probe train --exclude FILE leaves the "
            f"accepted ones out, and probe train --relabel FILE gives them the suggested labels.{withheld}"
        ),
        how_to_read=READ,
    )


def review(view: AuditView) -> Review:
    """The cards and what is held for them."""
    ranked = np.argsort(view.scores, kind="stable")
    chosen = ranked[: min(max(view.flagged, LEAST), MOST)]
    near = _neighbours(view, set(chosen.tolist()))
    examples = chosen.tolist()
    around = (n for rank in range(NEIGHBOURS) for e in examples for n in _at(view, near, e, rank))
    pictures = Pictures(view.pngs, examples, around)
    rows = view.issues.iloc[chosen]
    records: list[Any] = rows.to_dict("records")
    features = features_by_example(view.features, set(examples))
    cards = tuple(
        _with_features(_card(view, row, near.get(example, []), pictures), features.get(example, ()), view.columns)
        for example, row in zip(examples, records, strict=True)
    )
    ids = [value if view.names_shown else "" for value in rows["id"].tolist()]
    columns = (rows[name].tolist() for name in ("example", "given_label", "suggested_label"))
    return Review(
        cards=cards,
        rows=[list(row) for row in zip(ids, *columns, strict=True)],
        pictures=pictures.held,
        ink=pictures.ink,
        long=any(len(name) > LONG for card in cards for name in (card.given, card.suggested)),
        given=_classes((card.given_label, card.given) for card in cards),
        suggested=_classes((card.suggested_label, card.suggested) for card in cards),
    )


def _neighbours(view: AuditView, chosen: set[int]) -> dict[int, list[int]]:
    """Near examples of each chosen one, the nearest first."""
    found: dict[int, list[int]] = {}
    table = view.neighbours.sort_values(["example", "rank"], kind="stable")
    for example, neighbour in zip(table["example"].tolist(), table["neighbour"].tolist(), strict=True):
        if example in chosen:
            found.setdefault(example, []).append(neighbour)
    return found


def _others(view: AuditView, near: list[int], example: int) -> list[int]:
    return [neighbour for neighbour in near if view.given[neighbour] != view.given[example]]


def _at(view: AuditView, near: dict[int, list[int]], example: int, rank: int) -> list[int]:
    return _others(view, near.get(example, []), example)[rank : rank + 1]


def _card(view: AuditView, row: dict[str, Any], near: list[int], pictures: Pictures) -> Card:
    example = int(row["example"])
    others = _others(view, near, example)
    return Card(
        example=example,
        name=_name(row["id"]) if view.names_shown else f"example {example}",
        given=view.classes[row["given_label"]],
        suggested=view.classes[row["suggested_label"]],
        given_label=int(row["given_label"]),
        suggested_label=int(row["suggested_label"]),
        score=percent(float(row["label_score"])),
        flagged=bool(row["is_label_issue"]),
        pictured=example in pictures,
        disagree=_disagree(len(others), len(near)),
        neighbours=tuple(
            Neighbour(other, view.classes[view.given[other]], other in pictures) for other in others[:NEIGHBOURS]
        ),
        votes=tuple(Counter(view.classes[view.given[other]] for other in others).most_common(VOTES)),
        accepted_label=_accepted_label(int(row["given_label"]), int(row["suggested_label"]), len(view.classes)),
    )


def _accepted_label(given: int, suggested: int, classes: int) -> int | None:
    if suggested != given:
        return suggested
    return 1 - given if classes == 2 else None


def _with_features(card: Card, features: tuple[Feature, ...], columns: int) -> Card:
    """A card with what is unusual about its example."""
    untold = columns - len(features) if features else 0
    return replace(card, features=features[:OPEN], folded=features[OPEN:], untold=untold)


def _disagree(others: int, near: int) -> str:
    if not near:
        return ""
    if not others:
        return f"all {near} nearest have its label"
    if others == near:
        return f"all {near} nearest have other labels"
    return f"{others} of {near} nearest {'has another label' if others == 1 else 'have other labels'}"


def _name(value: object) -> str:
    return f"#{value}" if isinstance(value, int) else str(value)


def _classes(pairs: Any) -> tuple[tuple[int, str], ...]:
    return tuple(sorted(set(pairs)))
