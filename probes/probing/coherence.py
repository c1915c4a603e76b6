"""Whether the examples of a group pull the weights the same way, and the clean ones the same way as the noisy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from probes.probing.panel import choose_panel
from probes.probing.per_example_gradients import (
    loss_slope,
    outputs_alone,
    per_example_gradients,
    rows_within,
    trainable_parameters,
)
from probes.probing.probe import check_arguments, misfits_named, preserved

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["Coherence", "GroupGradients", "gsnr", "m_coherence", "measure_group", "stiffness"]

_BYTES = 256 * 2**20  # most that one block of gradients takes up; three may exist at a time
_ROWS = 256  # most examples in a block
_COLUMNS = 2**15  # parameters whose moments are taken at once: in float64, which torch makes a copy for


class Coherence:
    """The probe `coherence`: per-example gradients of a panel, compared; in eval mode, loss of the given label.

    On m clean and m noisy examples, the same at every epoch, m = half the panel or what the smaller group has (the
    measures grow with m: compare equal m only). Where nothing is known to be noisy, one group. A long frame of

    - `m_coherence`: m ||mean g||^2 / mean ||g||^2, from 0; 1 if gradients are orthogonal and equally long, m if
      identical: how many examples a step on one helps;
    - `stiffness_cosine`, `stiffness_sign`: mean over pairs of two examples of cos(g_i, g_j) and of the sign of
      g_i . g_j; and the same ending in `_within` and `_between`: pairs of one given label, and of two;
    - `gsnr_mean`, `gsnr_median`: over parameters, of (E g_j)^2 / Var(g_j), variance over the m examples (divided by
      m); parameters whose gradient does not vary (dead units) are left out;
    - `cosine_of_means`, group `clean/noisy`: between the mean gradient of the clean and that of the noisy examples.

    A value is missing where nothing defines it. Memory: three blocks of gradients of at most 256 MB (or of one
    example, where that is more), and five vectors of all parameters in float64. With c blocks a group, gradients
    are computed (c + 1) / 2 times.

    Args:
        panel: examples to follow, at most; half of them of each group.
        seed: of the panel.

    Raises:
        ValueError: a panel below 4.

    Source:
        Chatterjee & Zielinski 2020, https://arxiv.org/abs/2008.01217 (m-coherence); Fort et al. 2019,
        https://arxiv.org/abs/1901.09491 (stiffness); Liu et al., ICLR 2020, https://arxiv.org/abs/2001.07384 (GSNR).
    """

    name = "coherence"

    def __init__(self, panel: int = 256, seed: int = 0) -> None:
        if panel < 4:
            raise ValueError(f"panel must be at least 4, got {panel}.")
        self.panel, self.seed = panel, seed

    def measure(self, model: nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Measure the panel.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            examples: any inputs that the model takes; the panel is chosen from them.
            context: only the epoch matters.

        Returns:
            One row per group and quantity: `epoch` (int32), `split`, `group` ("clean", "noisy", "clean/noisy";
            "all" where the truth is not known), `quantity`, `examples` (int32, m) and `value` (float64).

        Raises:
            TypeError: the model returns no tensor.
            ValueError: no examples, logits of another shape, fewer logits than labels, no trainable parameter, or
                a layer that mixes the examples of a batch in eval mode.
        """
        import pandas as pd

        check_arguments(model, examples)
        chosen = {name: examples.select(positions) for name, positions in self._groups(examples).items()}
        found = {name: measure_group(model, group) for name, group in chosen.items()}
        rows = [
            (name, quantity, len(chosen[name]), value)
            for name, group in found.items()
            for quantity, value in _quantities(group, chosen[name].given_labels.cpu().numpy()).items()
        ]
        if "noisy" in found:
            means = found["clean"].mean, found["noisy"].mean
            rows.append(("clean/noisy", "cosine_of_means", len(chosen["clean"]), _cosine(*means)))
        frame = pd.DataFrame(rows, columns=["group", "quantity", "examples", "value"])
        frame["examples"] = frame["examples"].astype(np.int32)
        frame.insert(0, "split", examples.split)
        frame.insert(0, "epoch", np.full(len(frame), context.epoch, dtype=np.int32))
        return frame

    def metadata(self) -> dict[str, str]:
        """JSON values: `mode` of the model, `panel` and `seed`."""
        return {
            name: json.dumps(value) for name, value in (("mode", "eval"), ("panel", self.panel), ("seed", self.seed))
        }

    def _groups(self, examples: ExampleSet) -> dict[str, np.ndarray]:
        """Positions of each group, of equal numbers."""
        if examples.noisy is None:
            return {"all": choose_panel(examples, self.panel // 2, self.seed)}
        noisy = examples.noisy.cpu().numpy()
        count = min(self.panel // 2, int(noisy.sum()), int((~noisy).sum()))
        if count == 0:
            return {"noisy" if noisy.all() else "clean": choose_panel(examples, self.panel // 2, self.seed)}
        positions = choose_panel(examples, 2 * count, self.seed)
        return {"clean": positions[~noisy[positions]], "noisy": positions[noisy[positions]]}


@dataclass(frozen=True)
class GroupGradients:
    """What the measures need of m per-example gradients g in D dimensions, up to a common factor.

    Attributes:
        products: float64, (m, m); g_i . g_j.
        cosines: float64, (m, m); 0 where one of the two is zero.
        mean: float64, (D,).
        variance: float64, (D,); over the m examples, divided by m.
    """

    products: np.ndarray
    cosines: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def measure_group(model: nn.Module, examples: ExampleSet) -> GroupGradients:
    """Compute the gradients of a group block by block, in eval mode; the model is left as it was."""
    with preserved(model), torch.inference_mode(False), torch.enable_grad(), misfits_named(model, examples):
        device = next(iter(trainable_parameters(model).values())).device
        rows = min(_ROWS, rows_within(_BYTES, model))
        blocks = [(inputs.to(device), targets.to(device)) for _, inputs, targets in examples.batches(rows)]
        slopes = [loss_slope(outputs_alone(model, inputs), targets) for inputs, targets in blocks]
        sizes = torch.cat([slope.size for slope in slopes])
        weights = (sizes / sizes.max().clamp(min=torch.finfo(sizes.dtype).tiny)).split(rows)
        directions = torch.zeros(len(sizes), len(sizes), dtype=torch.float64, device=device)
        moments = _Moments()

        def block(position: int) -> Tensor:
            found = per_example_gradients(model, blocks[position][0], slopes[position].direction)
            return torch.cat(found, dim=1)

        for i in range(len(blocks)):
            of_i = block(i)
            at_i = slice(i * rows, i * rows + len(of_i))
            directions[at_i, at_i] = (of_i @ of_i.T).double()
            for j in range(i + 1, len(blocks)):
                of_j = block(j)
                at_j = slice(j * rows, j * rows + len(of_j))
                directions[at_i, at_j] = (of_i @ of_j.T).double()
                directions[at_j, at_i] = directions[at_i, at_j].T
                del of_j
            moments.add(of_i.mul_(weights[i][:, None].to(of_i.dtype)))
    lengths = directions.diagonal().sqrt()
    lengths = torch.where(lengths == 0, 1.0, lengths)
    weight = torch.cat(weights)
    return GroupGradients(
        (directions * weight[:, None] * weight).cpu().numpy(),
        (directions / lengths[:, None] / lengths).clamp(-1, 1).cpu().numpy(),
        moments.mean.cpu().numpy(),
        (moments.squares / moments.count).cpu().numpy(),
    )


class _Moments:
    """Mean and summed squared deviations of rows that come block by block (Chan et al. 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros(1, dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """Take in a block; its numbers are overwritten."""
        count, parts = len(rows), []
        for columns in rows.split(_COLUMNS, dim=1):
            centre = columns.mean(0, dtype=torch.float64)
            parts.append((centre, columns.sub_(centre.to(rows.dtype)).square_().sum(0, dtype=torch.float64)))
        mean, squares = (torch.cat(part) for part in zip(*parts, strict=True))
        difference = mean - self.mean.to(mean.device)
        total = self.count + count
        self.squares = self.squares.to(mean.device) + squares + difference**2 * (self.count * count / total)
        self.mean = self.mean.to(mean.device) + difference * (count / total)
        self.count = total


def _quantities(group: GroupGradients, labels: np.ndarray) -> dict[str, float]:
    mean, median = gsnr(group.mean, group.variance)
    return {
        "m_coherence": m_coherence(group.products),
        **{f"stiffness_cosine{part}": value for part, value in stiffness(group.cosines, labels).items()},
        **{f"stiffness_sign{part}": value for part, value in stiffness(np.sign(group.cosines), labels).items()},
        "gsnr_mean": mean,
        "gsnr_median": median,
    }


def m_coherence(products: np.ndarray) -> float:
    """m ||mean g||^2 / mean ||g||^2; NaN where all gradients are zero.

    Args:
        products: float, (m, m); g_i . g_j.

    Example:
        >>> m_coherence(np.ones((3, 3))), m_coherence(np.eye(3))
        (3.0, 1.0)
    """
    squares = np.trace(products)
    return float(products.sum() / squares) if squares > 0 else float("nan")


def stiffness(agreement: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Mean agreement over pairs of two different examples: all, of one label, and of two.

    Args:
        agreement: float, (m, m), symmetric; cosines of gradients, or signs of their products.
        labels: int, (m,).

    Returns:
        By "", "_within" and "_between"; NaN where there is no such pair.
    """
    one, other = np.triu_indices(len(labels), k=1)
    pairs, same = agreement[one, other], labels[one] == labels[other]
    parts = {"": pairs, "_within": pairs[same], "_between": pairs[~same]}
    return {name: float(part.mean()) if len(part) else float("nan") for name, part in parts.items()}


def gsnr(mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Mean and median over parameters of (E g_j)^2 / Var(g_j).

    Args:
        mean: float, (D,); of each parameter's gradient over examples.
        variance: float, (D,); parameters with none are left out.

    Returns:
        NaN twice where no parameter is left.
    """
    varies = variance > 0
    ratio = mean[varies] ** 2 / variance[varies]
    return (float(ratio.mean()), float(np.median(ratio))) if len(ratio) else (float("nan"), float("nan"))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / lengths) if lengths > 0 else float("nan")
