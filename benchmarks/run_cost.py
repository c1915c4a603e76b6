"""What a whole `probe train` costs: time and peak memory of the command, from start to exit, and what it found.

Run alone: python benchmarks/run_cost.py [--only digits-mlp] [--write]

Each command runs in a process of its own with the recording that is on by default: a sweep after every epoch,
attributions, checkpoints, thumbnails. Peak memory is the largest resident set that the system saw of it. `--write`
keeps the results in benchmarks/results, beside those of other commands measured before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import Figure, as_json

KEPT = Path(__file__).parent / "results/run_cost.json"
COMMANDS = {
    "digits-mlp": "--noise 0.4",
    "fashion-mnist-mlp": "--dataset fashion-mnist --subset 10000 --epochs 60 --noise 0.4",
    "fashion-mnist-cnn": "--dataset fashion-mnist --model cnn --noise 0.4 --epochs 20",
}
TOLD = (
    *("clean_learned_epoch", "noisy_memorized_epoch", "noisy_true_label_peak", "noisy_true_label_peak_epoch"),
    *("final_noisy_accuracy", "peak_test_accuracy", "peak_test_epoch", "final_test_accuracy"),
)


def measure(options: str) -> dict[str, Any]:
    """Run `probe train` with these options: seconds, bytes at the peak and on disk, and the summary."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "probes_cli", "train", *options.split(), "--out", "run", "--json", "--quiet"]
        start = time.perf_counter()
        printed, usage = _child(words, folder)
        seconds = time.perf_counter() - start
        summary = json.loads(printed)
        meta = json.loads((Path(folder) / "run/run.json").read_text(encoding="utf-8"))
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": _peak_bytes(usage),
        "disk_bytes": disk,
        "threads": meta["threads"],
        "timings": meta["timings"],
        "summary": {name: summary[name] for name in TOLD},
    }


def _child(words: list[str], folder: str) -> tuple[str, resource.struct_rusage]:
    """What a command prints, and what the system says of it."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {status}")
    return printed, usage


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def figures(name: str, run: dict[str, Any]) -> dict[str, Figure]:
    """What of it the page shows."""
    command = f"`probe train {COMMANDS[name]}`"
    threads = f"{run['threads']} thread{'' if run['threads'] == 1 else 's'}"
    slug = name.replace("-", "_")
    return {
        f"{slug}_seconds": Figure(f"s, {command}, {threads}", [run["seconds"]]),
        f"{slug}_cpu": Figure(f"s of processor time, {command}", [run["cpu_seconds"]]),
        f"{slug}_memory": Figure(f"MB at the peak, {command}", [run["peak_bytes"] / 1e6]),
        f"{slug}_disk": Figure(f"MB on disk, {command}", [run["disk_bytes"] / 1e6]),
    }


def main() -> None:
    """Measure, print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=COMMANDS, help="one of the commands; repeatable")
    parser.add_argument("--write", action="store_true", help="keep the results in benchmarks/results")
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    runs = dict(kept.get("runs", {}))
    for name in options.only or COMMANDS:
        runs[name] = measure(COMMANDS[name])
        print(name, json.dumps(runs[name], indent=2), flush=True)
        if options.write:
            in_order = {known: runs[known] for known in COMMANDS if known in runs}
            shown = {key: figure for known, run in in_order.items() for key, figure in figures(known, run).items()}
            bare = _peak_bytes(_child([sys.executable, "-c", "import torch"], ".")[1])
            shown["torch_memory"] = Figure("MB at the peak, `import torch` and nothing else", [bare / 1e6])
            KEPT.write_text(json.dumps({**as_json(shown), "runs": in_order}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
