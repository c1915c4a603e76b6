"""A run's summary in words: what the closing lines of `probe train` say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes_cli.output import decimal, percent

__all__ = ["findings", "never_finite"]

TELLS_APART = 0.6  # an AUROC below this is not worth the word "finds"; 0.5 is chance


def findings(summary: Mapping[str, Any], *, wrong: int | None = None) -> list[str]:
    """Sentences, each about something the run knows; what is unknown is left out or said to be unknown.

    Args:
        summary: of `Run.summary()`.
        wrong: how many of the noisy examples have a wrong label, the others a replaced input; None: all of them.
    """
    noise = Noise.of(summary["num_noisy"] or 0, wrong)
    if never_finite(summary):
        return ["The network's outputs were not finite, nothing could be recorded: try a lower --lr."]
    parts = [
        _sentence([_learning(summary), _memorizing(summary, noise)]),
        _sentence([_before_memorizing(summary)]),
        _sentence([_test_accuracy(summary)]),
        _sentence([_detection(summary, noise)]),
        _sentence([_nonfinite(summary)]),
    ]
    return [part for part in parts if part]


@dataclass(frozen=True)
class Noise:
    """What the noisy examples are called: once with their numbers where they are of both sorts, then without."""

    told: str
    name: str
    others: str

    @classmethod
    def of(cls, noisy: int, wrong: int | None) -> Noise:
        """The words for so many noisy examples, so many of them with a wrong label."""
        if wrong is None or wrong == noisy:
            return cls("wrong labels", "wrong labels", "right ones")
        if wrong == 0:
            return cls("replaced inputs", "replaced inputs", "the others")
        return cls(f"noisy examples ({_counted(wrong, noisy)})", "noisy examples", "clean ones")


def _counted(wrong: int, noisy: int) -> str:
    """ "72 wrong labels, 80 replaced inputs"; only one of them where there is no other."""
    replaced = noisy - wrong
    labels = f"{wrong:,} wrong label{'' if wrong == 1 else 's'}" if wrong else ""
    inputs = f"{replaced:,} replaced input{'' if replaced == 1 else 's'}" if replaced else ""
    return ", ".join(part for part in (labels, inputs) if part)


def _learning(summary: Mapping[str, Any]) -> str | None:
    """By which epoch the clean examples were learned."""
    share = summary["final_clean_accuracy"]
    if summary["clean_learned_epoch"] is not None:
        return f"clean examples learned by epoch {summary['clean_learned_epoch']}"
    if share is None:
        return "no clean examples" if summary["num_noisy"] and not summary["nonfinite_visits"] else None
    return f"clean examples not learned within {_epochs(summary)} ({percent(share)} predicted as given {_end(summary)})"


def _memorizing(summary: Mapping[str, Any], noise: Noise) -> str | None:
    """By which epoch the noise was memorized, or how far that went."""
    if summary["num_noisy"] is None:
        return "which labels are wrong is not known"
    if summary["num_noisy"] == 0:
        return "no wrong labels"
    if summary["noisy_memorized_epoch"] is not None:
        return f"{noise.told} memorized by epoch {summary['noisy_memorized_epoch']}"
    share = summary["final_noisy_accuracy"]
    if share is None:
        return None
    half = summary["noisy_half_memorized_epoch"]
    reached = f"half of them by epoch {half}, " if half is not None else ""
    return f"{noise.told} not memorized within {_epochs(summary)} ({reached}{percent(share)} {_end(summary)})"


def _test_accuracy(summary: Mapping[str, Any]) -> str | None:
    """Test accuracy at the validation peak and in the end."""
    final, peak = summary["final_test_accuracy"], summary["peak_test_accuracy"]
    if final is None:
        return None
    if peak is None:
        return f"test accuracy {percent(final)} {_end(summary)}"
    if summary["peak_test_epoch"] == summary["epochs"]:
        return f"test accuracy {percent(final)} {_end(summary)}, where validation is best"
    at_peak = f"test accuracy {percent(peak)} at best validation (epoch {summary['peak_test_epoch']})"
    return f"{at_peak}, {percent(final)} {_end(summary)}"


def _before_memorizing(summary: Mapping[str, Any]) -> str | None:
    share = summary["noisy_true_label_peak"]
    if share is None:
        return None
    epoch = summary["noisy_true_label_peak_epoch"]
    return f"at most {percent(share)} of the wrong labels were answered with their true label, at epoch {epoch}"


def _detection(summary: Mapping[str, Any], noise: Noise) -> str | None:
    auroc = summary["detection"]["mean_loss"]["auroc"]
    if auroc is None:
        return None
    if auroc < TELLS_APART:
        return f"mean loss does not tell {noise.name} from {noise.others} (AUROC {decimal(auroc)})"
    return f"mean loss finds the {noise.name} with AUROC {decimal(auroc)}"


def never_finite(summary: Mapping[str, Any]) -> bool:
    """Whether no visit after epoch 0 left a usable value."""
    count = summary["nonfinite_visits"]
    if not count or summary["detection"]["mean_loss"]["auroc"] is not None:
        return False
    known = (summary["final_clean_accuracy"], summary["final_noisy_accuracy"])
    return known == (None, None) and bool(count >= summary["num_examples"] * summary["epochs"])


def _nonfinite(summary: Mapping[str, Any]) -> str | None:
    count = summary["nonfinite_visits"]
    return f"{count:,} visits had logits that are not finite: try a lower --lr" if count else None


def _end(summary: Mapping[str, Any]) -> str:
    return "in the end" if summary.get("status", "complete") == "complete" else "so far"


def _epochs(summary: Mapping[str, Any]) -> str:
    count = summary["epochs"]
    return "1 epoch" if count == 1 else f"{count} epochs"


def _sentence(clauses: list[str | None]) -> str:
    text = ", ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}." if text else ""
