"""How well each score finds wrong labels on the reference protocol: AUROC over the whole run, and up to the peak.

Run alone: python benchmarks/score_auroc.py [--json] [--write]; about a minute and a half. `--write` keeps the result
in docs/score_auroc.json, from which docs/make_scores.py fills docs/scores.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from probes.runs.run import Run
from probes.scores import CATALOGUE, auroc
from probes.scores.detection import ranking_values
from probes.training import TrainConfig, train

KEPT = Path(__file__).parents[1] / "docs/score_auroc.json"
NOISE = (0.2, 0.4)
SEEDS = (0, 1, 2)
EL2N_EPOCHS = (1, 5, 10, 20, 120)
DIRECTED = [name for name, score in CATALOGUE.items() if score.direction is not None]


def aurocs(run: Run, names: list[str], window: tuple[int, int]) -> dict[str, float | None]:
    """AUROC of some scores over a window of epochs, noisy against clean."""
    table = run.scores([*names, "never_learned"], epochs=window)
    never = table["never_learned"].to_numpy(dtype=np.int8, na_value=-1)
    found = {}
    for name in names:
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        direction = CATALOGUE[name].direction or "high"
        ranked = ranking_values(name, values, direction, never_learned=never, last_epoch=window[1])
        found[name] = auroc(ranked, run.noisy)
    return found


def measure(noise: float, seed: int) -> dict[str, Any]:
    """Train once, as `probe train --noise NOISE --seed SEED` does, and read every score."""
    with tempfile.TemporaryDirectory() as folder:
        run = train(TrainConfig(noise=noise, seed=seed, probe=("none",), checkpoint_epochs=()), Path(folder) / "run")
        peak = run.summary()["peak_test_epoch"]
        return {
            "peak": peak,
            "whole_run": aurocs(run, DIRECTED, (1, run.num_epochs)),
            "to_peak": aurocs(run, DIRECTED, (1, peak)),
            "el2n_at": {str(epoch): aurocs(run, ["el2n"], (epoch, epoch))["el2n"] for epoch in EL2N_EPOCHS},
        }


def spread(values: list[float | None]) -> dict[str, Any]:
    """Mean and sample standard deviation over the seeds; None where any seed has no value."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "sd": None, "values": values}
    rounded = [round(value, 4) for value in known]
    return {"mean": round(statistics.mean(known), 4), "sd": round(statistics.stdev(known), 4), "values": rounded}


def main() -> None:
    """Measure every noise rate and seed; print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for noise in NOISE:
        runs = [measure(noise, seed) for seed in SEEDS]
        figures[str(noise)] = {"peak": [run["peak"] for run in runs]} | {
            part: {name: spread([run[part][name] for run in runs]) for name in runs[0][part]}
            for part in ("whole_run", "to_peak", "el2n_at")
        }
    machine = {"processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__}
    result = {"noise": list(NOISE), "seeds": list(SEEDS), "figures": figures, "machine": machine}
    if options.write:
        KEPT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(result))
        return
    for noise, figure in figures.items():
        print(f"noise {noise}: highest validation accuracy at epochs {figure['peak']}")
        for name in DIRECTED:
            whole, early = (figure[part][name] for part in ("whole_run", "to_peak"))
            print(f"  {name:22} {whole['mean']} ± {whole['sd']}   up to the peak {early['mean']} ± {early['sd']}")


if __name__ == "__main__":
    main()
