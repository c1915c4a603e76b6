"""How gradients tell patterns from noise on scikit-learn's digits: the effects of docs/gradient-probes.md.

Run alone: python benchmarks/gradient_effects.py [--write]; minutes on one thread. `--write` keeps the result in
docs/gradient_probes.json, from which docs/make_gradient_probes.py writes docs/gradient-probes.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from probes.data import load_dataset
from probes.probing import PROBE_SCORES, Coherence, ProbeContext, loss_sensitivity
from probes.runs.run import Run
from probes.scores import auroc, gini
from probes.training import TrainConfig, train
from probes.training.checkpoint import load_checkpoint
from probes.training.evaluation import held_out_metrics
from probes.training.loop import epoch_order, train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare

KEPT = Path(__file__).parents[1] / "docs/gradient_probes.json"
SEEDS = (0, 1, 2)

SENSITIVITY = {"examples": 300, "steps": 120, "lr": 0.1, "batch_size": 60}
NOISE_DRAWS = 20
CSR_EPOCHS, CSR_EARLY = 80, 5
CONDITIONS = {
    "real": (),
    "p = .2": ("uniform_all=0.2",),
    "p = .4": ("uniform_all=0.4",),
    "p = .6": ("uniform_all=0.6",),
    "p = .8": ("uniform_all=0.8",),
    "randX": ("gaussian=1",),
    "randY": ("uniform_all=1",),
}
PANEL, COHERENCE_EPOCHS = 600, (1, 3, 5, 10, 20, 40)
SCORES = ("input_grad", "gradient_norms", "self_influence", "vog", "loss_curvature", "prediction_depth")
SCORE_EPOCHS = (0, 1, 3, 5, 10, 20, 40, 80, 120)
OF_ONE_EPOCH = {
    "input_grad": "input_grad",
    "gradient_norm": "gradient_norms",
    "loss_curvature": "loss_curvature",
    "prediction_depth": "prediction_depth",
}  # column -> probe


def sensitivity(seed: int, draw: int | None = None) -> dict[str, dict[str, float]]:
    """Gini coefficient of the mean loss sensitivity over 120 updates, and its slope: digits, noise, random labels.

    Args:
        seed: of everything.
        draw: of the noise inputs and labels alone, instead.
    """
    rng = np.random.default_rng(seed)
    digits = load_dataset("digits").train.select(rng.choice(1400, SENSITIVITY["examples"], replace=False))
    real, labels = digits.inputs.flatten(1), digits.given_labels
    if draw is not None:
        rng = np.random.default_rng([seed, draw])
    noise = torch.from_numpy(rng.standard_normal(real.shape, dtype=np.float32))
    drawn = torch.from_numpy(rng.integers(0, 10, len(labels)))
    of_noise = (("randX", noise, labels), ("randY", real, drawn))
    found = {}
    for name, inputs, targets in of_noise if draw is not None else (("real", real, labels), *of_noise):
        each = loss_sensitivity(
            small_network,
            inputs,
            targets,
            steps=int(SENSITIVITY["steps"]),
            lr=SENSITIVITY["lr"],
            batch_size=int(SENSITIVITY["batch_size"]),
            seed=seed,
        )
        steps = np.arange(1, len(each) + 1)
        over_time = gini(each.cumsum(axis=0) / steps[:, None])
        found[name] = {"gini": float(over_time[-1]), "slope": float(100 * np.polyfit(steps, over_time, 1)[0])}
    return found


def draws() -> dict[str, list[float]]:
    """Gini coefficients at the end for other draws of the noise alone: digits, weights and order of seed 0."""
    each = [sensitivity(0, draw) for draw in range(NOISE_DRAWS)]
    return {name: [draw[name]["gini"] for draw in each] for name in ("randX", "randY")}


def small_network() -> nn.Module:
    """Two layers of 16 units, He's initialisation."""
    network = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10))
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network


def critical(seed: int) -> dict[str, dict[str, float]]:
    """CSR of the validation split, early, at the highest validation accuracy and at the end; and its floor there."""
    found = {}
    for name, kinds in CONDITIONS.items():
        setup = prepare(TrainConfig(corrupt=kinds, seed=seed, probe=("critical_samples",)))
        (probe,) = (probe for probe in setup.probes if probe.name == "critical_samples")
        optimizer = configured_optimizer(setup.model, setup.config)
        csr, floor, accuracy = [], [], []
        for epoch in range(1, CSR_EPOCHS + 1):
            shuffled = setup.examples.select(epoch_order(seed, epoch, len(setup.examples)))
            train_epoch(setup.model, optimizer, shuffled, setup.config.batch_size)
            frame = probe.measure(setup.model, setup.examples, ProbeContext(epoch=epoch, step=0, seed=seed))
            csr.append(float(frame["critical"].mean()))
            floor.append(float(frame["critical_random"].mean()))
            accuracy.append(held_out_metrics(setup.model, setup.dataset.validation)["accuracy"])
        peak = int(np.argmax(accuracy))
        found[name] = {
            "early": csr[CSR_EARLY - 1],
            "peak_epoch": peak + 1,
            "at_peak": csr[peak],
            "end": csr[-1],
            "floor": floor[-1],
        }
    return found


def probed(seed: int, folder: Path) -> Run:
    """The reference protocol at 40 % noise, with every probe that scores all examples."""
    return train(
        TrainConfig(noise=0.4, seed=seed, probe=SCORES, probe_epochs=SCORE_EPOCHS, checkpoint_epochs=COHERENCE_EPOCHS),
        folder / "probed",
    )


def coherence(seed: int, run: Run) -> dict[str, dict[str, float]]:
    """By epoch: m-coherence of 300 clean and of 300 noisy examples, and the cosine of their mean gradients."""
    setup = prepare(TrainConfig(noise=0.4, seed=seed))
    found = {}
    for epoch in COHERENCE_EPOCHS:
        load_checkpoint(run.path / f"checkpoints/epoch-{epoch:05d}", setup.model)
        frame = Coherence(panel=PANEL).measure(setup.model, setup.examples, ProbeContext(epoch=epoch, step=0))
        values = frame.set_index(["group", "quantity"])["value"]
        found[str(epoch)] = {
            "clean": float(values["clean", "m_coherence"]),
            "noisy": float(values["noisy", "m_coherence"]),
            "cosine": float(values["clean/noisy", "cosine_of_means"]),
        }
    return found


def aurocs(run: Run) -> dict[str, Any]:
    """AUROC of noisy against clean, of each probe's scores, high being suspicious as published; and of one epoch's."""
    table = run.scores()
    noisy = run.noisy
    of_scores = {name: auroc(table[name].to_numpy(dtype=np.float64), noisy) for name in PROBE_SCORES if name in table}
    of_epochs: dict[str, dict[str, float | None]] = {}
    for column, probe in OF_ONE_EPOCH.items():
        frame = run.probe(probe)
        of_epochs[column] = {
            str(epoch): auroc(rows.sort_values("example")[column].to_numpy(dtype=np.float64), noisy)
            for epoch, rows in frame.groupby("epoch")
        }
    return {"scores": of_scores, "epochs": of_epochs}


def measure(seed: int) -> dict[str, Any]:
    """All of it, for one seed of noise, weights and order."""
    with tempfile.TemporaryDirectory() as folder:
        run = probed(seed, Path(folder))
        return {
            "sensitivity": sensitivity(seed),
            "critical": critical(seed),
            "coherence": coherence(seed, run),
            "auroc": aurocs(run),
        }


def rounded(value: Any) -> Any:
    """Numbers to four decimals, all the way down."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    """Measure every seed; print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep the result in docs/{KEPT.name}")
    options = parser.parse_args()
    start = time.perf_counter()
    by_seed = {str(seed): rounded(measure(seed)) for seed in SEEDS}
    result = {
        "seeds": by_seed,
        "draws": rounded(draws()),
        "settings": {
            "sensitivity": SENSITIVITY,
            "critical": {"epochs": CSR_EPOCHS, "early": CSR_EARLY},
            "coherence": {"panel": PANEL, "epochs": list(COHERENCE_EPOCHS)},
            "scores": {"epochs": list(SCORE_EPOCHS)},
        },
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "machine": {"processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__},
    }
    text = json.dumps(result, indent=1)
    if options.write:
        KEPT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
