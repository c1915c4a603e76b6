"""Write docs/performance.md, and parts of docs/probes.md, audit.md and studies.md, from benchmarks/results.

for name in tracker training signals attributions ensemble gradient_norms probing probe_memory; do
    python benchmarks/$name.py --json > benchmarks/results/$name.json
done
python benchmarks/run_cost.py --write
python benchmarks/planting.py --data digits --data fashion-mnist --write
python benchmarks/study_cost.py --out studies --write; python benchmarks/study_cost.py --quick --out quick --write
python benchmarks/write_page.py
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import spelled

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = ROOT / "docs/performance.md"
GUIDE = ROOT / "docs/audit.md"
PROBES_GUIDE = ROOT / "docs/probes.md"
STUDIES_GUIDE = ROOT / "docs/studies.md"

TOP = """\
# Performance

<!-- Written by benchmarks/write_page.py from benchmarks/results. Edit there. -->

What recording costs, measured by the scripts in `benchmarks/`, each run alone. Rivals take turns in one process, on one
thread unless said. Every figure is the median of its rounds (seven, of `tracker.py`) with the lower and upper quartile;
a ratio is formed round by round. A target is what we hold ourselves to; where a figure misses it, the table says so.
"""
VERDICTS = ("reproduced", "not reproduced", "inconclusive")
QUICK_S, FULL_S = 75, 900  # the most that a study may take on two cores
WITHIN = 0.1  # how close the recall of planted labels should be to that of wrong ones
# benchmark -> (heading, prose, the figures that belong there by the beginnings of their names)
SECTIONS: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    (
        "tracker",
        "One update",
        """\
`ExampleTracker.update` checks its inputs and records loss, margin, entropy, EL2N and prediction. Package
[aum](https://pypi.org/project/aum/) records the margin alone, unchecked. Per batch, so per example, of the same random
float32 logits on the CPU. The other rows set `update` against the least that any of this could cost: one
`torch.log_softmax` of the same logits, which training computes anyway.
""",
        ("aum_over_", "update_over_"),
    ),
    (
        "tracker",
        "A training run",
        """\
Time inside `update` over the time of the same steps' forward pass, backward pass and optimizer; fetching the batch
counts on neither side, and writing files is a figure of its own: once per epoch, with checksum and sync to the disk.
The digits MLP is the hard case, a step of it takes a millisecond or two. On anything larger the share is smaller.
""",
        ("overhead_", "write_ms_"),
    ),
    (
        "tracker",
        "On disk",
        """\
One Parquet file per epoch, with all five signals and the count of visits, of a real training of 50,000 examples over
200 epochs: scikit-learn's digits drawn with replacement, each with pixel noise of its own and one label in five wrong,
and an MLP of 512 hidden units that learns most of them by heart. Every tenth epoch is also written the way
[Dataset Cartography](https://github.com/allenai/cartography) logs it: guid, logits and gold as JSON lines, by pandas.
That log keeps all K logits and grows with K; ours keeps the signals and hardly does.
""",
        ("disk_", "json_", "write_ms", "sync_ms"),
    ),
    (
        "tracker",
        "In memory",
        """\
Buffers of one open epoch and the given labels, after every example of a training set the size of ImageNet was seen: as
Python's `tracemalloc` counts them, and as the process grew. With `run=None` the closed epochs stay in memory as well,
32 bytes per example and epoch; with a run folder they do not. Writing an epoch copies it for as long as that lasts.
""",
        ("memory_",),
    ),
    (
        "training",
        "`probe train` against plain loops",
        """\
One epoch of `probe train`'s loop, signals of every example recorded from the training forward pass (`--measure
online`), against the least a loop over tensors can do, and against the usual script: torchvision's transforms on PIL
images and a `DataLoader`, in the process as in PyTorch's introduction, or with two workers. On one thread, and on as
many as torch takes by itself; Fashion-MNIST, batches of 64. A sweep is the extra pass without gradients that
`--measure sweep`, the default, makes after every epoch.
""",
        ("throughput_", "loader_", "sweep_"),
    ),
    (
        "signals",
        "The signals themselves",
        """\
`probes.signals.signals` on numpy views of CPU tensors, against the same five signals in torch's own operators.
""",
        ("torch_over_",),
    ),
    (
        "attributions",
        "Attributions",
        """\
One measurement of the probe `attributions` on its default panel of 32 digits, in units of one training epoch of the
same model on digits, on one thread: the default MLP, and the CNN.
""",
        ("both_", "saliency_", "integrated_gradients_", "input_x_gradient_", "cnn_"),
    ),
    (
        "run_cost",
        "A whole run",
        """\
The command from its start to its exit, once: loading Python's packages and the data, training, and all that is
recorded by default: a sweep after every epoch, attributions and checkpoints at chosen ones. Memory is the largest
resident set of the process, most of which is PyTorch itself.
""",
        ("digits_", "fashion_", "torch_memory"),
    ),
    (
        "ensemble",
        "Many small networks at once",
        """\
`probes.training.ensemble.train_ensemble`, which studies use where a claim needs hundreds of networks, against the least
a loop over tensors can do for one network after another. Digits, each network with its own 980 examples, start and
order; batches of 64, one thread per process; 24 networks together. All times are per network. The larger the network,
the less there is to gain: more of the time alone is then spent in products already.
""",
        ("alone_",),
    ),
    (
        "gradient_norms",
        "Gradient norms",
        """\
`probes.probing.gradient_norms.gradient_norms`, one call for one batch, in units of one plain forward and backward pass
of that batch. The rivals: a loop of single-example backward passes; `vmap(grad)` of `torch.func`, the whole batch at
once (in chunks it is slower); [opacus](https://opacus.ai), which keeps every gradient. The layout `channels_last` is
what `probe train` uses for images. Seconds of the processor, one thread, calls in turns.
""",
        ("digits_mlp", "mlp", "cnn"),
    ),
    (
        "probing",
        "Each probe",
        """\
One measurement of each probe on the set of examples it runs on, in units of one training epoch of the default MLP on
digits with 40 % noise, an epoch and a measurement in turns; seconds of the processor as well. What a probe's `finish`
reads of earlier epochs is not in it.
""",
        ("",),
    ),
    (
        "probe_memory",
        "Memory of each probe",
        """\
The most memory that was resident in a process that loads Fashion-MNIST's 60,000 training images, builds the CNN and
records one probe into a run, in 10^9 bytes: Python, torch and the data included, which the first row shows. `vog`
measured twice, `loss_curvature` in one direction in place of ten that come one after the other, `critical_samples` on
the validation split.
""",
        ("",),
    ),
)
END = """\
## Not measured

- **GPUs.** All of this is the CPU. Logits on an accelerator are recorded there; that path is tested, but what it costs
  is not known.
- Several processes (DDP): the cost of merging shards at the end of an epoch.
- Network file systems, where a sync to disk takes as long as it takes.
- Other processors. The ratios lean on numpy's vector instructions and on the sizes of caches; run the scripts on yours.
"""


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page.

    Args:
        results: by benchmark, what it prints with `--json`.
    """
    shown: set[tuple[str, str]] = set()
    parts = [TOP]
    for benchmark, heading, prose, beginnings in SECTIONS:
        names = [
            name
            for name in results[benchmark]["figures"]
            if name.startswith(beginnings) and (benchmark, name) not in shown
        ]
        shown.update((benchmark, name) for name in names)
        parts.append(f"## {heading}\n\n{prose}\n{table(results[benchmark], names)}")
    machines: dict[str, list[str]] = {}
    for benchmark, result in results.items():
        machines.setdefault(described(result["machine"]), []).append(f"`{benchmark}.py`")
    lines = "".join(f"- {', '.join(scripts)}: {words}\n" for words, scripts in machines.items())
    return "\n".join([*parts, f"## The machine\n\n{lines}", END])


def planting(result: Mapping[str, Any]) -> str:
    """Markdown: share found of what was wrong and of what was planted, in the mean over seeds."""
    rows = [
        "| data, share of wrong labels | seeds | others found | planted found | less | planted, but right | "
        "found of the other planted |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for one in result["results"]:
        groups.setdefault((one["data"], one["share"]), []).append(one)
    for (data, share), members in groups.items():
        wrong, planted = (statistics.mean(one[name] for one in members) for name in ("recall", "planted_recall"))
        count, right = (sum(one[name] for one in members) for name in ("planted", "planted_true"))
        found = sum(one["planted_recall"] * one["planted"] for one in members)
        name = f"{data}, {members[0]['examples']:,} examples, {share:g}"
        judged = "" if abs(wrong - planted) <= WITHIN else ": **missed**"
        rows.append(
            f"| {name} | {len(members)} | {wrong:.3f} | {planted:.3f} | "
            f"{wrong - planted:.3f}{judged} | {right} of {count} | {found / (count - right):.3f} |"
        )
    return "\n".join(rows) + "\n"


def studies(result: Mapping[str, Any]) -> str:
    """Markdown, a row per study: its time at either size, and the verdicts on its claims at the full one."""
    quick, full = result["sizes"]["quick"], result["sizes"]["full"]
    rows = [
        "| study | quick, s | full, s | reproduced | not reproduced | inconclusive |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in full["studies"].items():
        verdicts = " | ".join(str(one["verdicts"].get(verdict, 0)) for verdict in VERDICTS)
        took = (_within(quick["studies"][name]["seconds"], QUICK_S), _within(one["seconds"], FULL_S))
        rows.append(f"| `{name}` | {' | '.join(took)} | {verdicts} |")
    counts = [sum(one["verdicts"].get(verdict, 0) for one in full["studies"].values()) for verdict in VERDICTS]
    totals = [sum(one["seconds"] for one in size["studies"].values()) for size in (quick, full)]
    rows.append(f"| all | {totals[0]:.0f} | {totals[1]:.0f} | {' | '.join(map(str, counts))} |")
    workers = sorted({one["workers"] for size in (quick, full) for one in size["studies"].values()})
    whole = "" if quick["seconds"] is None else f" `probe study all --quick` as a whole took {quick['seconds']:.0f} s."
    return "\n".join(rows) + f"\n\n{' or '.join(map(str, workers))} workers. {described(result['machine'])}{whole}\n"


def _within(seconds: float, limit: float) -> str:
    return ("under 1" if seconds < 0.5 else f"{seconds:.0f}") + ("" if seconds <= limit else f": **over {limit}**")


def filled(guide: str, text: str, name: str = "planting") -> str:
    """The guide with its part of that name made anew."""
    start, end = f"<!-- {name}: written by benchmarks/write_page.py -->\n", f"<!-- {name} ends -->"
    before, found, rest = guide.partition(start)
    assert found
    assert end in rest
    return before + start + text + end + rest.partition(end)[2]


def with_costs(guide: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The guide to probes with the columns `cost` and `peak, GB` of its table made anew."""
    lines = guide.splitlines(keepends=True)
    for at, line in enumerate(lines):
        cells = line.split(" | ")
        name = cells[0].removeprefix("| ").strip("`")
        cost = results["probing"]["figures"].get(f"{name}_over_training_epoch")
        if line.startswith("| `") and cost is not None:
            cells[3:5] = f"{cost:.2g}", f"{results['probe_memory']['figures'][f'{name}_gb']:.2f}"
            lines[at] = " | ".join(cells)
    return "".join(lines)


def table(result: Mapping[str, Any], names: Sequence[str]) -> str:
    """Markdown, a row per figure."""
    rows = ["| | median | quartiles | target |", "| --- | ---: | ---: | --- |"]
    for name in names:
        value, target = result["figures"][name], result["targets"].get(name)
        low, high = result["quartiles"][name]
        spread = "" if low == high else f"{spelled(low)} to {spelled(high)}"
        rows.append(f"| {result['what'][name]} | {spelled(value)} | {spread} | {judged(value, target)} |")
    return "\n".join(rows) + "\n"


def judged(value: float, target: tuple[str, float] | None) -> str:
    """The target in words, with what became of it."""
    if target is None:
        return ""
    word, limit = target
    met = value >= limit if word == "at least" else value <= limit
    return f"{word} {spelled(limit)}" + ("" if met else ": **missed**")


def described(machine: Mapping[str, Any]) -> str:
    """One line."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "torch", "numpy", "pyarrow"))
    return f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {versions}."


def kept(name: str) -> dict[str, Any]:
    """What one benchmark left in benchmarks/results."""
    return dict(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")))


def saved() -> dict[str, dict[str, Any]]:
    """By benchmark, what is in benchmarks/results."""
    return {name: kept(name) for name in dict.fromkeys(section[0] for section in SECTIONS)}


if __name__ == "__main__":
    PAGE.write_text(page(saved()), encoding="utf-8")
    GUIDE.write_text(filled(GUIDE.read_text(encoding="utf-8"), planting(kept("planting"))), encoding="utf-8")
    PROBES_GUIDE.write_text(with_costs(PROBES_GUIDE.read_text(encoding="utf-8"), saved()), encoding="utf-8")
    about_studies = filled(STUDIES_GUIDE.read_text(encoding="utf-8"), studies(kept("study_cost")), "costs")
    STUDIES_GUIDE.write_text(about_studies, encoding="utf-8")
