"""The sentences of the section `attributions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes_reports.sections.attribution_panel import GRAD_CAM, INTEGRATED, PRODUCT, SALIENCY, Kind, Panel
from probes_reports.wording import Prose, muted, noisy, number, part_of, prose, true

__all__ = ["answer", "caption", "definition", "how_to_read"]


def answer(panel: Panel, kinds: Sequence[Kind]) -> Prose:
    """Which label the pixels point to, over all examples of the group: at the peak, and at the end."""
    kind = kinds[0]
    if kind.parts[0][0] == SALIENCY:
        return prose(
            "Only saliency was recorded, which has no sign:",
            muted(" it shows where the network looks, not for which label."),
        )
    if kind.parts[0][0] != INTEGRATED:
        return prose(
            "No integrated gradients were recorded,", muted(" whose sums would say for which label pixels speak.")
        )
    last = panel.epochs[-1]
    if panel.group == "wrong":
        return _wrong_answer(panel, kind, panel.near(panel.view.key.peak), last)
    things = f"{'clean ' if panel.group == 'clean' else ''}examples {panel.whose(kind)}"
    first = panel.epochs[0]
    signs = _signs(panel, kind, first)
    start = (
        f"At epoch {first:,} the pixels spoke for the given label in {part_of(signs.positive, signs.total)} {things}"
    )
    if first == last:
        return prose(start + ".")
    signs = _signs(panel, kind, last)
    return prose(start + ";", muted(f" at epoch {last:,} in {part_of(signs.positive, signs.total)}."))


def _wrong_answer(panel: Panel, kind: Kind, early: int, last: int) -> Prose:
    signs = _signs(panel, kind, early)
    start = prose(f"At epoch {early:,} the pixels pointed to the ", true("true label"))
    counted = f" in {part_of(signs.negative, signs.total)} wrongly labelled examples {panel.whose(kind)}"
    if early == last:
        return (*start, *prose(counted, "."))
    signs = _signs(panel, kind, last)
    end = muted(f" in {part_of(signs.positive, signs.total)}.")
    return (*start, *prose(counted, ";", muted(f" at epoch {last:,} to the "), noisy("wrong one"), end))


@dataclass(frozen=True)
class _Signs:
    """Examples of the group that have a map, and those in which its sum is positive, or negative."""

    total: int
    positive: int
    negative: int


def _signs(panel: Panel, kind: Kind, epoch: int) -> _Signs:
    maps = [panel.pixels(kind, int(example), epoch) for example in panel.held(kind)]
    sums = [float(pixels.sum()) for pixels in maps if pixels is not None]
    return _Signs(len(sums), sum(value > 0 for value in sums), sum(value < 0 for value in sums))


def caption(panel: Panel, kind: Kind) -> Prose:
    """Of the rows: which examples these are, what the colours say, and which columns are bold."""
    rows, total = len(panel.shown(kind)), len(panel.held(kind))
    counted = {1: "One", 2: "Two", 3: "Three", 4: "Four"}.get(rows, f"{rows}")
    what = {"wrong": "wrongly labelled example", "clean": "clean example", "all": "example"}[panel.group]
    learned = "memorized" if panel.group == "wrong" else "learned for good"
    of = f"{counted} {what}{'s' * (rows > 1)}" if rows == total else f"{counted} of the {total:,} {what}s"
    order = f", from the first {learned} to the last" if rows > 1 and panel.any_learned else ""
    return prose(
        f"{of} {panel.whose(kind)}{order}. Each pixel is coloured by ",
        *kind.meaning,
        f" Every picture has its own scale.{_columns(panel)}",
    )


def _columns(panel: Panel) -> str:
    """What the bold epochs are, and that those before training are not drawn; with a space in front."""
    bold = "; ".join(f"{epoch:,}, {' and '.join(names)}" for epoch, names in sorted(panel.named_epochs.items()))
    before = " Epoch 0, before training, was measured too; it is not drawn." if panel.left_out else ""
    return f"{f' In bold: epoch {bold}.' if bold else ''}{before}"


def how_to_read(panel: Panel) -> tuple[Prose, ...]:
    added = f"how far the image moves the logit away from that of {panel.against}"
    if panel.group == "wrong":
        added = f"how much further the image moves the two logits apart than {panel.against} does"
    return (
        prose(
            "A pixel is clear where it makes no difference and strong where it makes most of one, in that picture. "
            "Pictures are not comparable in strength, since logits grow during training."
        ),
        prose(f"The answer above adds up each map: the sum is {added}."),
        prose(
            "The rows are not chosen by eye: they are quantiles of the epoch from which the given label stays the "
            "answer, among the examples that have the chosen map: "
            + ("those that were measured." if panel.chosen else "a fixed, seeded panel.")
        ),
    )


def definition(panel: Panel) -> tuple[Prose, ...]:
    steps, baseline = panel.metadata.get("n_steps"), panel.baseline
    points = f" at {steps} points" if isinstance(steps, int) else ""
    unit = " in standardised units" if panel.view.config else ""
    integrated = (
        "Integrated gradients: input less baseline, times the mean gradient of a logit along the straight line "
        f"between them{points}. The baseline is {panel.against} (every value {number(baseline)}{unit}). The map "
        "of a difference of logits is the difference of their maps. Saliency: absolute value of the gradient. "
        "Colour channels are summed."
    )
    if PRODUCT in panel.methods:
        integrated += " Input × gradient: the input times the gradient of a logit."
    if GRAD_CAM in panel.methods:
        integrated += (
            " Grad-CAM: the channels of the last convolution, each times the mean gradient of a logit by it, summed; "
            "what is negative left out; enlarged to the image."
        )
    source = (
        "Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, arxiv.org/abs/1703.01365; "
        "Simonyan et al., Deep Inside Convolutional Networks, 2014, arxiv.org/abs/1312.6034; "
        + ("Shrikumar et al., 2016, arxiv.org/abs/1605.01713; " if PRODUCT in panel.methods else "")
        + ("Selvaraju et al., Grad-CAM, ICCV 2017, arxiv.org/abs/1610.02391; " if GRAD_CAM in panel.methods else "")
        + "computed by captum"
    )
    version = panel.metadata.get("captum")
    counts = [(len(found.examples), found.group) for found in (panel, panel.beside) if found is not None]
    names = {"wrong": "wrongly labelled", "clean": "clean", "all": "training"}
    which = " and ".join(f"{number_of:,} {names[group]}" for number_of, group in counts)
    one = sum(number_of for number_of, _ in counts) == 1
    return (
        prose(integrated),
        prose(
            f"Measured in eval mode on {which} example{'' if one else 's'}"
            + ("." if panel.chosen else " of the probe's panel.")
        ),
        prose(source + (f" {version}." if isinstance(version, str) else ".")),
    )
