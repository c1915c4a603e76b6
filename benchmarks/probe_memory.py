"""Peak memory of each probe on the 60,000 training images of Fashion-MNIST and the CNN.

Run alone: python benchmarks/probe_memory.py [--json]; a quarter of an hour and more. A child process for each probe
loads the data, builds the model and records the probe into a run: `vog` twice, which needs two epochs;
`loss_curvature` with one direction in place of ten that come one after the other; `critical_samples` on the validation
split, as always. `nothing` does all but the probe. What the system counts as the most that was resident: Python, torch
and the data are in it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Figure, run_alone

from probes.probing import PROBES

NOTHING = "nothing"
LIMIT_GB = 2.0
CONFIG = {"dataset": "fashion-mnist", "model": "cnn", "noise": 0.4}


def measured() -> Iterator[tuple[str, Figure]]:
    """A child process for each probe, one after the other."""
    for name in (NOTHING, *PROBES):
        done = subprocess.run(
            [sys.executable, __file__, "--probe", name], check=True, stdout=subprocess.PIPE, text=True
        )
        what = "GB without any probe" if name == NOTHING else f"GB with `{name}`"
        target = None if name == NOTHING else ("at most", LIMIT_GB)
        yield f"{name}_gb", Figure(f"{what}, 60,000 images", [float(done.stdout)], target)


def peak_gb(name: str) -> float:
    """Record one probe in this process; the most memory that was resident, in 10^9 bytes."""
    import torch

    from probes import ExampleTracker
    from probes.data import ExampleSet
    from probes.probing import LossCurvature, make_probe
    from probes.probing.making import input_unit
    from probes.training import TrainConfig
    from probes.training.setup import prepare, using_threads

    setup = prepare(TrainConfig(**CONFIG, probe=("none",)))  # type: ignore[arg-type]
    dataset, model, lr, threads = setup.dataset, setup.model, setup.config.lr, setup.threads
    train, validation, unit, classes = dataset.train, dataset.validation, input_unit(dataset), len(dataset.classes)
    examples = ExampleSet(  # validation images were taken out of the 60,000
        torch.cat([train.inputs, validation.inputs]),
        torch.cat([train.given_labels, validation.given_labels]),
        true_labels=torch.cat([train.true_labels, validation.given_labels]),
    )
    assert len(examples) == 60_000
    blank = dataset.blank_value
    del setup, dataset, train  # 54,000 of the images, once more
    if name != NOTHING:
        probe = make_probe(name, seed=0, blank_value=blank, validation=validation, unit=unit)
        probe = LossCurvature(directions=1) if name == "loss_curvature" else probe
        with using_threads(threads), tempfile.TemporaryDirectory() as folder:
            tracker = ExampleTracker(len(examples), run=Path(folder) / "run")
            for _ in range(2 if name == "vog" else 1):
                tracker.update(range(len(examples)), torch.zeros(len(examples), classes), examples.given_labels)
                tracker.end_epoch()
                tracker.record(probe, model, examples, learning_rate=lr)
            tracker.close()
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 1e9


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--probe", choices=(NOTHING, *PROBES))
    asked, _ = parser.parse_known_args()
    if asked.probe is None:
        run_alone(__doc__, measured)
    else:
        print(peak_gb(asked.probe))
