"""Whether `probe audit --plant` finds as large a share of its planted errors as the audit does of those already there.

Run alone: python benchmarks/planting.py --data digits --data fashion-mnist --seeds 0,1,2 [--write]

Synthetic noise (`uniform_other`) stands for the errors of the user's data; two labels in a hundred are moved on top of
it. One audit then tells the share of the planted that is found and, at the same cut-off, of the other wrong labels.
Planting knows no truth: where the label was wrong already, the planted one may be the true one by chance, and no audit
ought to flag it. How many, the truth tells here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audit import load
from measuring import machine

from probes.audit import examine
from probes.audit.planting import plant_labels
from probes.data import Dataset, corrupt

KEPT = Path(__file__).parent / "results/planting.json"
KIND, SHARES, PLANT = "uniform_other", (0.2, 0.4), 0.02


def compare(dataset: Dataset, share: float, seed: int) -> dict[str, Any]:
    """One audit, with labels planted, on one draw of noise."""
    noise = corrupt(dataset, {KIND: share}, seed=seed)
    noisy_data = noise.apply(dataset)
    noisy, true = noise.given_labels != noise.true_labels, noise.true_labels
    control = examine(noisy_data, seed=seed, plant=PLANT)
    planted = control.facts["plant"]
    redrawn = plant_labels(noise.given_labels, PLANT, len(dataset.classes), seed)  # as the audit draws them
    assert redrawn.rows.tolist() == planted["examples"]
    held = np.setdiff1d(np.flatnonzero(noisy), redrawn.rows)
    flagged = control.issues["is_label_issue"].to_numpy()
    return {
        "wrong": len(held),
        "recall": float(flagged[held].mean()),
        "planted": planted["planted"],
        "planted_recall": planted["recall"],
        "planted_on_wrong": int(noisy[redrawn.rows].sum()),
        "planted_true": int((redrawn.labels == true)[redrawn.rows].sum()),
    }


def main() -> None:
    """Compare on every data set, share and seed; print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", help="digits, fashion-mnist, folder:PATH; repeatable")
    parser.add_argument("--size", type=int, default=10_000, help="examples, at most")
    parser.add_argument("--seeds", default="0,1,2", help="such as 0 or 1,2,3")
    parser.add_argument("--write", action="store_true", help="keep the results in benchmarks/results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for data in options.data or ["digits"]:
        dataset = load(data, options.size)
        for share in SHARES:
            for seed in map(int, options.seeds.split(",")):
                key = {"data": dataset.name, "examples": len(dataset.train), "share": share, "seed": seed}
                results.append(key | compare(dataset, share, seed))
                print(json.dumps(results[-1]), flush=True)
                if options.write:
                    keep(results)


def keep(results: list[dict[str, Any]]) -> None:
    """Write the results, each in the place of an older one of the same data, share and seed."""
    known = json.loads(KEPT.read_text(encoding="utf-8"))["results"] if KEPT.exists() else []
    merged = {(r["data"], r["share"], r["seed"]): r for r in [*known, *results]}
    rows = ",\n".join(json.dumps(row) for row in merged.values())
    head = {"machine": machine(), "kind": KIND, "plant": PLANT}
    KEPT.write_text(json.dumps(head)[:-1] + f',\n"results": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
