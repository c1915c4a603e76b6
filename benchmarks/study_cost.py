"""How long each study takes at either size, and what came of its claims.

Run alone: python benchmarks/study_cost.py [--quick] [--only NAME] --out FOLDER [--write]

One `probe study all` (or one `probe study NAME` for each that is named), with a worker per core, as a user would type
it. The seconds of a study are those that study.json holds: its points, finished ones of an earlier, broken-off call
included, and its claims; those of all of them run from the command's start to its exit. `--write` keeps the results in
benchmarks/results, beside those of other studies and the other size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measuring import machine

from probes.studies import STUDIES

KEPT = Path(__file__).parent / "results/study_cost.json"


def run(name: str, out: Path, *, quick: bool) -> float:
    """`probe study NAME`; seconds from its start to its exit."""
    words = [sys.executable, "-m", "probes_cli", "study", name, "--out", str(out), *(["--quick"] if quick else [])]
    start = time.perf_counter()
    status = subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {status}")
    return time.perf_counter() - start


def told(study: Path) -> dict[str, Any]:
    """What study.json says of time and verdicts."""
    content = json.loads((study / "study.json").read_text(encoding="utf-8"))
    verdicts = Counter(claim["verdict"] for claim in content["claims"])
    return {**content["timings"], "seeds": len(content["scale"]["seeds"]), "verdicts": dict(sorted(verdicts.items()))}


def main() -> None:
    """Run, print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the quick size")
    parser.add_argument("--only", action="append", choices=STUDIES, help="one of the studies; repeatable")
    parser.add_argument("--out", type=Path, required=True, help="folder of studies; finished points are not run again")
    parser.add_argument("--write", action="store_true", help="keep the results in benchmarks/results")
    options = parser.parse_args()
    seconds = {name: run(name, options.out, quick=options.quick) for name in options.only or ["all"]}
    print(json.dumps(seconds), flush=True)
    found = {name: told(options.out / name) for name in options.only or STUDIES}
    for name, one in found.items():
        print(f"{name:<20} {one['seconds']:6.1f} s  {one['points']:>4} points  {one['verdicts']}")
    if options.write:
        kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"sizes": {}}
        size = kept["sizes"].setdefault("quick" if options.quick else "full", {"seconds": None, "studies": {}})
        if "all" in seconds and all(one["carried_out"] == one["points"] for one in found.values()):
            size["seconds"] = seconds["all"]  # of a call that found nothing finished
        size["studies"] = {name: one for name in STUDIES if (one := found.get(name, size["studies"].get(name)))}
        KEPT.write_text(json.dumps({**kept, "machine": machine()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
