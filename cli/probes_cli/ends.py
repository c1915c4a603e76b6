"""Where a run of `probe train` ends, early or late, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.data.words import counted

if TYPE_CHECKING:
    from probes.runs.run import Run
    from probes.training import TrainConfig

__all__ = ["nothing_to_train", "other_schedule", "stopped_early"]


def stopped_early(run: Run, config: TrainConfig) -> str:
    """Why a run has fewer epochs than its config, in a sentence; "" where it has all."""
    from probes.training.resuming import is_stopped_early

    if not is_stopped_early(run, config):
        return ""
    best, waited = _best(run)
    return f"Stopped early: validation accuracy has not risen for {counted(waited, 'epoch')} (best at epoch {best:,})."


def nothing_to_train(run: Run, config: TrainConfig) -> str:
    """What is said of a complete run that is to be gone on with, after "RUN is complete"."""
    from probes.training.resuming import is_stopped_early

    if is_stopped_early(run, config):
        best, waited = _best(run)
        return (
            f": early stopping ended it after epoch {run.num_epochs:,}, as validation accuracy has not risen for "
            f"{counted(waited, 'epoch')} (best at epoch {best:,}). There is nothing to train; --early-stopping N "
            f"with an N above {waited:,} trains on, up to --epochs."
        )
    more = "" if config.epochs >= run.num_epochs else f", with {run.num_epochs:,} epochs recorded"
    return f"{more}: there is nothing to train. --epochs N trains on."


def other_schedule(run: Run, config: TrainConfig) -> str:
    """That the recorded epochs had other learning rates than in a run of the new length; "" where they had the same."""
    from probes.training.schedules import learning_rate

    before = int(run.config["epochs"])
    recorded = range(1, run.num_epochs + 1)
    rates = [
        [learning_rate(config.schedule, config.lr, e, epochs) for e in recorded] for epochs in (before, config.epochs)
    ]
    if rates[0] == rates[1]:
        return ""
    return (
        f"the first {counted(run.num_epochs, 'epoch')} had the learning rates of the {config.schedule} schedule over "
        f"{before:,}; the others get those over {config.epochs:,}, so this is not what a run of {config.epochs:,} "
        "epochs from the start would be."
    )


def _best(run: Run) -> tuple[int, int]:
    """The epoch of the best validation accuracy, and how many came after it."""
    from probes.training.early_stopping import best_epoch, recorded_accuracies

    best = best_epoch(recorded_accuracies(run.path, run.num_epochs))
    return best, run.num_epochs - best
