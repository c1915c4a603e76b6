"""What training changes in a batch before the model sees it: shifted and mirrored images, noise, inputs left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import pad

__all__ = ["Augmentation", "epoch_seed"]


@dataclass(frozen=True)
class Augmentation:
    """Changes whole batches on their device; what is drawn comes from the generator alone.

    Attributes:
        shift: pixels by which images are moved at most, in each direction; 0 for none.
        mirror: whether half of the images are mirrored.
        noise: sd of Gaussian noise added to every input, in standardised units; 0 for none.
        dropout: share of inputs set to 0, the others scaled by 1 / (1 - share); 0 for none.
        blank: value of the pixels that a shift brings in.
    """

    shift: int = 0
    mirror: bool = False
    noise: float = 0.0
    dropout: float = 0.0
    blank: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.shift or self.mirror or self.noise or self.dropout)

    def __call__(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a changed copy of a batch.

        Args:
            inputs: float, (B, ...); images (B, C, H, W) where `shift` or `mirror` is set.
            generator: on the device of the inputs.
        """
        if self.shift:
            inputs = _shifted(inputs, self.shift, self.blank, generator)
        if self.mirror:
            mirrored = torch.rand(len(inputs), generator=generator, device=inputs.device) < 0.5
            inputs = torch.where(mirrored[:, None, None, None], inputs.flip(-1), inputs)
        if self.noise:
            drawn = torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype)
            inputs = inputs + self.noise * drawn
        if self.dropout:
            kept = torch.rand(inputs.shape, generator=generator, device=inputs.device) >= self.dropout
            inputs = inputs * kept / (1 - self.dropout)
        return inputs


def epoch_seed(*numbers: int) -> int:
    """A seed for what an epoch draws, a function of these numbers alone: resuming needs no random state."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _shifted(images: torch.Tensor, most: int, blank: float, generator: torch.Generator) -> torch.Tensor:
    """Each image cut out of its padded self at a place of its own."""
    count, channels, height, width = images.shape
    device = images.device
    padded = pad(images, (most, most, most, most), value=blank)
    corner = torch.randint(0, 2 * most + 1, (2, count), generator=generator, device=device)
    rows = corner[0, :, None] + torch.arange(height, device=device)
    columns = corner[1, :, None] + torch.arange(width, device=device)
    flat = rows[:, :, None] * (width + 2 * most) + columns[:, None, :]
    flat = flat.reshape(count, 1, height * width).expand(-1, channels, -1)
    return padded.reshape(count, channels, -1).gather(2, flat).reshape(images.shape)
