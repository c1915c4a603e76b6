"""The sentences of the section `gradients`."""

from __future__ import annotations

import numpy as np

from probes_reports.figures.groups import Role
from probes_reports.sections.gradient_facts import Agreement, Facts
from probes_reports.sections.groups import FEWEST, missing_group
from probes_reports.sections.section import Caption
from probes_reports.view import RunView
from probes_reports.wording import Clause, Prose, clean, count, muted, noisy, number, plain_text, prose, strong

__all__ = ["agreement_caption", "answer", "definition", "how_to_read", "norms_caption", "pair_captions", "signed"]

TURNED = 0.2  # a cosine within this of 0 is called a right angle
TONES = {"clean": clean, "noisy": noisy, "all": Clause}


def answer(view: RunView, facts: Facts) -> Prose:
    """Whether the groups pulled against each other, or else how long or how coherent their gradients were."""
    agreement = facts.agreement
    cosine = float("nan")
    if agreement is not None and agreement.cosine is not None and agreement.examples >= FEWEST:
        cosine = agreement.at(agreement.cosine, facts.start)
    lengths, coherences = _lengths(facts), _coherences(facts)
    at = f"At epoch {count(facts.start)}"
    if not np.isnan(cosine):
        first = f"{at} {_pulled(view, cosine)}: their mean gradients had cosine {signed(cosine)}."
        rest = f" The median gradient then{plain_text(prose(*lengths))}" if lengths else ""
        return prose(*_coloured(view, first), muted(rest + _end(facts)))
    if lengths:
        of = "" if all(norms.whole for norms in facts.norms) else f" of the {_measured(facts)} measured"
        return prose(f"{at} the median gradient{of}", *lengths, muted(_final_lengths(facts)))
    if coherences:
        return prose(f"{at} {coherences[:1].lower()}{coherences[1:]}")
    if facts.few:
        return prose(
            f"Gradients were measured of {_measured(facts)}:",
            muted(
                f" too few for a sentence about them, which takes {FEWEST}{' of each group' * (len(facts.norms) > 1)}."
            ),
        )
    return prose(f"{at} nothing was measured that can be compared.")


def _measured(facts: Facts) -> str:
    """ "7 wrong labels and 1 clean example"."""
    return " and ".join(_some(norms.measured, norms.group.name) for norms in reversed(facts.norms))


def _some(number_of: int, name: str) -> str:
    return f"{count(number_of)} {name.removesuffix('s') if number_of == 1 else name}"


def _pulled(view: RunView, cosine: float) -> str:
    if cosine < -TURNED:
        return f"the {view.words.noisy} pulled against the clean examples"
    if cosine > TURNED:
        return f"the {view.words.noisy} pulled the same way as the clean examples"
    return f"the {view.words.noisy} pulled neither with nor against the clean examples"


def _coloured(view: RunView, text: str) -> tuple[Clause | str, ...]:
    """The names of the groups in their colours."""
    before, after = text.split(view.words.noisy, 1)
    middle, rest = after.split("clean examples", 1)
    return (before, noisy(view.words.noisy), middle, clean("clean examples"), rest)


def signed(value: float) -> str:
    """Two decimals, with a true minus."""
    return f"{value:.2f}".replace("-", "−") if round(value, 2) else "0.00"


def _end(facts: Facts) -> str:
    agreement = facts.agreement
    if agreement is None or agreement.cosine is None or facts.last == facts.start:
        return ""
    final = agreement.at(agreement.cosine, facts.last)
    return "" if np.isnan(final) else f" At epoch {count(facts.last)} the cosine was {signed(final)}."


def _lengths(facts: Facts) -> tuple[Clause | str, ...]:
    """ " was 9.85 long for wrong labels and 3.91 for clean examples."; nothing where unknown."""
    known = [(norms, facts.median(norms, facts.start)) for norms in reversed(facts.norms) if not facts.few]
    known = [(norms, value) for norms, value in known if not np.isnan(value)]
    pieces: list[Clause | str] = []
    for place, (norms, value) in enumerate(known):
        pieces += [" and " if place else " was ", TONES[norms.group.role](number(value)), "" if place else " long"]
        pieces.append("" if norms.group.role == "all" else f" for {norms.group.name}")
    return (*(piece for piece in pieces if piece != ""), ".") if known else ()


def _final_lengths(facts: Facts) -> str:
    values = [facts.median(norms, facts.last) for norms in reversed(facts.norms)]
    if facts.last == facts.start or np.isnan(values).any():
        return ""
    return f" At epoch {count(facts.last)} it was {' and '.join(number(value) for value in values)}."


def _coherences(facts: Facts) -> str:
    """Which group agrees more among itself at the epoch of the sentence, or how much the only one does."""
    agreement = facts.agreement
    series = () if agreement is None else agreement.measures.get("m_coherence", ())
    if agreement is None or not series or agreement.examples < FEWEST:
        return ""
    values: dict[Role, float] = {one.role: agreement.at(one.values, facts.start) for one in series}
    if np.isnan(list(values.values())).any():
        return ""
    if len(values) == 1:
        value = number(next(iter(values.values())))
        return f"A step on one example helped as many as {value} of {count(agreement.examples)} (m-coherence)."
    more = "more" if values["clean"] > values["noisy"] else "no more"
    numbers = f"{number(values['clean'])} against {number(values['noisy'])}"
    return f"Clean gradients agreed {more} among themselves than noisy ones (m-coherence {numbers})."


def norms_caption(view: RunView, facts: Facts) -> Prose:
    """What the ribbons are, of how many examples, and what was measured when."""
    shown = missing_group(view, [norms.group for norms in facts.norms])
    whole = all(norms.whole for norms in facts.norms) and sum(n.measured for n in facts.norms) == view.num_examples
    whose = (
        "each training example’s own loss"
        if whole
        else f"the loss of each of {_measured(facts)}, of {count(view.num_examples)} training examples,"
    )
    both = "median and middle half" if len(facts.drawn) > 2 else "median, middle half and middle 90%"
    return prose(
        f"Length of the gradient of {whose} by all weights: {both} of each group. "
        f"Dots are the epochs measured, lines between them only connect.{shown}"
    )


def pair_captions(name: str, facts: Facts) -> tuple[Caption, ...]:
    """What is drawn in one half."""
    coherent = _coherences(facts)
    texts = {
        "m_coherence": "1: as if every gradient stood at right angles to every other; m: all the same."
        + (f" At epoch {count(facts.start)}: {coherent[:1].lower()}{coherent[1:]}" if coherent else ""),
        "cosine_of_means": "1: the same direction; below 0 a step for one group undoes the other’s.",
        "stiffness_cosine": "Mean cosine between the gradients of two examples of the group.",
        "gsnr_mean": "Squared mean over variance of each weight’s gradient, averaged over the weights.",
    }
    return (Caption(prose(texts[name])),)


def agreement_caption(view: RunView, agreement: Agreement) -> Prose:
    """On how many examples."""
    single = len({series.role for found in agreement.measures.values() for series in found}) == 1
    whom = (
        f"{count(agreement.examples)} examples"
        if single
        else f"{count(agreement.examples)} clean and as many noisy examples"
    )
    kinds = " The panel does not tell the kinds of noise apart." if view.kinds and not single else ""
    text = f"Measured on a panel of {whom}, the same at every epoch. These measures depend on that number.{kinds}"
    return prose(text)


def how_to_read(view: RunView, facts: Facts) -> tuple[Prose, ...]:
    """Paragraphs behind the link."""
    both = len(facts.norms) == 2
    texts = [
        "A long gradient means that a step on this example alone would move the weights far: the network has yet to "
        "fit it. A short one means that it is fitted."
        + (
            f" While the pattern is learned the {view.words.noisy} keep long gradients; once they are memorized the "
            "two groups overlap."
            if both
            else ""
        )
    ]
    if facts.agreement is not None:
        texts.append(
            "Where gradients of different examples agree, one step serves them all: that is a pattern. Where they do "
            "not, each example has to be fitted on its own."
        )
    if facts.agreement is not None and facts.agreement.cosine is not None:
        texts.append(
            "A cosine below 0 between the groups means that learning the pattern undoes the fit to the noise, and the "
            "reverse. It rises again when the pattern is learned and what is left of both gradients is small."
        )
    return tuple(prose(text) for text in texts)


def definition(facts: Facts) -> tuple[Prose, ...]:
    """Formulas and sources."""
    norms = prose(
        strong("Gradient norm"),
        ": l2 norm over all trainable weights of the gradient of the cross-entropy of the given label, one example at "
        "a time, in eval mode. Paul et al., Deep Learning on a Data Diet, NeurIPS 2021, arxiv.org/abs/2107.07075 "
        "(GraNd, there at initialisation).",
    )
    start = prose(f"The sentence speaks of epoch {count(facts.start)}, {facts.start_is}.")
    if facts.agreement is None:
        return norms, start
    return (
        *((norms,) if facts.norms else ()),
        prose(
            strong("m-coherence"),
            ": m times the squared length of the mean gradient over the mean squared length, m the number of examples. "
            "Chatterjee & Zielinski 2020, arxiv.org/abs/2008.01217. ",
            strong("Stiffness"),
            ": mean cosine over pairs. Fort et al. 2019, arxiv.org/abs/1901.09491. ",
            strong("GSNR"),
            ": squared mean of a weight’s gradient over its variance, over the examples of the group. Liu et al., ICLR "
            "2020, arxiv.org/abs/2001.07384.",
        ),
        start,
    )
