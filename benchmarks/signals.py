"""Signals of one batch: one pass of numpy on views of the tensors against the same in torch.

Run alone: python benchmarks/signals.py [--json]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from measuring import Figure, alternated, ratios, run_alone

from probes.signals import signals

SIZES = ((128, 10), (1024, 10), (128, 1000))
ROUNDS = 15


def in_torch(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The rival: what one would write with torch's own operators."""
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    column = targets[:, None]
    loss = -log_p.gather(1, column)[:, 0]
    one_hot = torch.zeros_like(p).scatter_(1, column, 1.0)
    margin = logits.gather(1, column)[:, 0] - logits.masked_fill(one_hot.bool(), -torch.inf).amax(1)
    return loss, margin, torch.special.entr(p).sum(1), (p - one_hot).norm(dim=1), logits.argmax(1)


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """Time of torch in units of ours, by size."""
    for batch, classes in SIZES:
        logits, targets = torch.randn(batch, classes) * 3, torch.randint(classes, (batch,))
        calls: dict[str, Callable[[], object]] = {
            "ours": partial(signals, logits.numpy(), targets.numpy()),
            "torch": partial(in_torch, logits, targets),
        }
        times = alternated(calls, rounds)
        size = f"{batch}x{classes}"
        yield (
            f"torch_over_ours_{size}",
            Figure(f"torch / ours, logits of {size}", ratios(times["torch"], times["ours"])),
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_alone(__doc__, measured)
