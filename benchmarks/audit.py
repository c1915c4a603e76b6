"""How well `probe audit` ranks wrong labels, against cleanlab and AUM, at no more training compute than theirs.

Run alone: python benchmarks/audit.py --data digits --data fashion-mnist --data folder:PATH --seeds 0 [--write]

Noise is drawn on data whose labels are right, and the rankings are compared with it. All methods train the same network
with the same optimizer. Compute is counted in passes: a forward pass of one example is one, a backward pass two.
cleanlab gets networks of three folds and asks each, at the end, for the examples it did not train on; it trains for as
many epochs as make its passes no fewer than the audit's (`matched`), and is read after every epoch before that, too:
`best` is the epoch at which its own mean over the settings is highest, chosen with the truth in hand. AUM is the mean
margin over the epochs of one network that trains on everything, for as many epochs as cleanlab's; its best window is
chosen in the same way.
Finished settings are kept in --cache, so that a run that was stopped goes on. --audit-only trains the audit alone and
reads the others' kept results at the epoch that now matches: their curves hold every epoch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audit_development import HARD, load_hard
from measuring import machine

from probes.audit import AuditSettings, examine
from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer, choose_model
from probes.audit.progress import Work
from probes.data import Dataset, corrupt, subset
from probes.data.pooled import load_pooled
from probes.scores import auroc
from probes.scores.detection import average_precision

KEPT = Path(__file__).parent / "results/audit.json"
GUIDE = Path(__file__).parents[1] / "docs/audit.md"
SETTINGS = [(kind, share) for kind in ("uniform_other", "pair", "instance") for share in (0.2, 0.4)]
METHODS = {
    "audit": "`probe audit`",
    "self_confidence": "cleanlab, self-confidence, matched",
    "quality": "cleanlab, best of its scores, best epoch",
    "issues": "cleanlab, `find_label_issues`, matched",
    "aum": "AUM, matched",
    "aum_best": "AUM, best window",
}
# read where they end, nothing in them chosen by the truth
MATCHED = {"self_confidence": "cleanlab", "issues": "cleanlab", "aum": "AUM"}


def load(name: str, size: int) -> Dataset:
    """All of a data set, the first `size` of Fashion-MNIST, a stratified `size` of a folder, or one of `HARD`."""
    if name in HARD:
        return load_hard(name)
    dataset = load_pooled(name)
    if len(dataset.train) <= size:
        return dataset
    return dataset.select(np.arange(size)) if name == "fashion-mnist" else subset(dataset, size, seed=0)


def compare(
    dataset: Dataset, kind: str, share: float, seed: int, rivals: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Every method on one setting: AUROC and average precision, by epoch where a method can be read by epoch.

    Args:
        rivals: an earlier result, whose curves of the others are read in place of training them.
    """
    noise = corrupt(dataset, {kind: share}, seed=seed)
    noisy, told = noise.apply(dataset), noise.given_labels
    wrong = noise.given_labels != noise.true_labels
    start = time.monotonic()
    found = examine(noisy, seed=seed, plant=None)
    issues, facts = found.issues, found.facts
    passes, trained = facts["compute"]["passes"], facts["compute"]["trained_visits"]
    count = len(told)
    epochs = -(-(passes - count) // (6 * count))  # three folds, each two thirds, three passes a visit; one answer each
    others = _kept(rivals, epochs) if rivals else _rivals(noisy, told, wrong, epochs, seed)
    flagged = issues["is_label_issue"].to_numpy()
    return {
        "parameters": facts["model"]["parameters"],
        "examples": count,
        "wrong": int(wrong.sum()),
        "epochs": epochs,
        "passes": {"audit": passes, "cleanlab": (6 * epochs + 1) * count, "aum": 3 * epochs * count},
        "trained_visits": {"audit": trained, "cleanlab": 2 * epochs * count, "aum": epochs * count},
        "audit": _ranked(-issues["label_score"].to_numpy(), wrong),
        "audit_flags": _flags(flagged, wrong),
        "estimate": {key: facts["estimate"][key] for key in ("errors", "low", "high", "trusted")},
        **others,
        "seconds": round(time.monotonic() - start, 1),
    }


def _rivals(dataset: Dataset, told: np.ndarray, wrong: np.ndarray, epochs: int, seed: int) -> dict[str, Any]:
    """cleanlab and AUM, read after every epoch."""
    held = _cross_validated(dataset, told, epochs, seed)
    margins = _margins(dataset, told, epochs, seed)
    means = np.cumsum(margins, axis=0) / np.arange(1, len(margins) + 1)[:, None]
    return {
        "cleanlab": {
            method: [_ranked(-score, wrong) for score in (_quality(told, answers, method) for answers in held)]
            for method in ("self_confidence", "normalized_margin")
        },
        "cleanlab_issues": [_issue_ranking(told, answers, wrong) for answers in held],
        "aum": [_ranked(-values, wrong) for values in means],
    }


def _kept(result: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The others' curves of an earlier result, which must reach so many epochs."""
    if len(result["aum"]) < epochs:
        raise SystemExit(f"the kept results end at epoch {len(result['aum'])} of {epochs}: leave out --audit-only")
    return {name: result[name] for name in ("cleanlab", "cleanlab_issues", "aum")}


def _trainer(dataset: Dataset) -> Trainer:
    settings = AuditSettings()
    name = choose_model(dataset, None, settings)
    return Trainer(dataset.train.inputs, len(dataset.classes), name, settings, torch.device("cpu"), Work(None))


def _one_hot(labels: np.ndarray, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(labels), classes).float()


def _cross_validated(dataset: Dataset, told: np.ndarray, epochs: int, seed: int) -> np.ndarray:
    """Out-of-sample probabilities after every epoch, (E, N, K); only those of one epoch count as work."""
    classes = len(dataset.classes)
    trainer, fold = _trainer(dataset), stratified_folds(told, 3, [seed, 99])
    held = np.empty((epochs, len(told), classes))
    for part in range(3):
        network = trainer.build(1000 + 10 * seed + part)
        outside, inside = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        for epoch in range(epochs):
            trainer.train_epoch(network, inside, _one_hot(told, classes), epoch + 1)
            held[epoch, outside] = trainer.answers(network, outside)
    return held


def _margins(dataset: Dataset, told: np.ndarray, epochs: int, seed: int) -> np.ndarray:
    """Margins of the log-probabilities, which are those of the logits, on everything after every epoch: (E, N).

    AUM reads the logits of training; the pass that reads them here counts as no work, and spares us a second loop.
    """
    classes = len(dataset.classes)
    trainer, rows = _trainer(dataset), np.arange(len(told))
    network = trainer.build(2000 + seed)
    margins = np.empty((epochs, len(told)))
    for epoch in range(epochs):
        trainer.train_epoch(network, rows, _one_hot(told, classes), epoch + 1)
        logs = np.log(np.clip(trainer.answers(network, rows), 1e-300, 1))
        own = logs[rows, told].copy()
        logs[rows, told] = -np.inf
        margins[epoch] = own - logs.max(axis=1)
    return margins


def _quality(told: np.ndarray, answers: np.ndarray, method: str) -> np.ndarray:
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(told, answers, method=method, adjust_pred_probs=False)


def _issue_ranking(told: np.ndarray, answers: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    """cleanlab's flags, by confident learning, and the ranking with the flagged first."""
    from cleanlab.filter import find_label_issues

    try:
        flags = find_label_issues(told, answers, n_jobs=1)
    except (ValueError, IndexError):  # it cannot rank where a class is never predicted
        flags = np.zeros(len(told), dtype=bool)
    return _ranked(flags - _quality(told, answers, "self_confidence"), wrong) | _flags(flags, wrong)


def _ranked(suspicion: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    return {"auroc": auroc(suspicion, wrong) or 0.0, "ap": average_precision(suspicion, wrong) or 0.0}


def _flags(flagged: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    precision = float(wrong[flagged].mean()) if flagged.any() else 0.0
    return {"flagged": int(flagged.sum()), "precision": precision, "recall": float(flagged[wrong].mean())}


def summarised(results: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """method -> "kind share" -> "auroc" and "ap", a value per seed; best epochs are those of the highest mean AUROC."""
    best = {}
    for method in ("self_confidence", "normalized_margin"):
        best[method] = _best_epoch([result["cleanlab"][method] for result in results])
    chosen = max(best, key=lambda method: best[method][1])
    window = _best_epoch([result["aum"] for result in results])[0]
    table: dict[str, dict[str, dict[str, list[float]]]] = {method: {} for method in METHODS}
    for result in results:
        end = result["epochs"] - 1
        rows = {
            "audit": result["audit"],
            "self_confidence": result["cleanlab"]["self_confidence"][end],
            "quality": result["cleanlab"][chosen][best[chosen][0]],
            "issues": result["cleanlab_issues"][end],
            "aum": result["aum"][end],
            "aum_best": result["aum"][window],
        }
        for method, row in rows.items():
            cell = table[method].setdefault(f"{result['kind']} {result['share']}", {"auroc": [], "ap": []})
            cell["auroc"].append(row["auroc"])
            cell["ap"].append(row["ap"])
    return table


def _best_epoch(curves: list[list[dict[str, float]]]) -> tuple[int, float]:
    """The epoch, from 0, at which the mean AUROC over all curves is highest, and that mean."""
    shortest = min(len(curve) for curve in curves)
    means = [statistics.mean(curve[epoch]["auroc"] for curve in curves) for epoch in range(shortest)]
    return int(np.argmax(means)), max(means)


def tables(results: list[dict[str, Any]]) -> str:
    """Markdown: for each data set AUROC / average precision of every method, and what the audit estimated."""
    parts = []
    for data in dict.fromkeys(result["data"] for result in results):
        here = [result for result in results if result["data"] == data]
        seeds = sorted({result["seed"] for result in here})
        first = here[0]
        epochs = sorted({result["epochs"] for result in here})
        work = {
            method: statistics.mean(result["passes"][method] * result["parameters"] for result in here)
            for method in first["passes"]
        }
        parts.append(
            f"**{data}**, {first['examples']:,} examples, a network of {first['parameters']:,} parameters, "
            f"{_seeds(seeds)}. Passes x parameters, mean over settings: audit {work['audit']:.2e}, cleanlab "
            f"({_range(epochs)} epochs in each of 3 folds) {work['cleanlab']:.2e}, AUM {work['aum']:.2e}.\n\n"
            f"{_table(here)}\n{_standing(summarised(here))}\n"
        )
    return "\n".join(parts)


def _seeds(seeds: list[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}, mean ± sd"


def _range(values: list[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _table(results: list[dict[str, Any]]) -> str:
    summary = summarised(results)
    settings = list(summary["audit"])
    lines = [["AUROC / average precision", *settings, "mean"], ["---", *["---:"] * (len(settings) + 1)]]
    for method, name in METHODS.items():
        cells = summary[method]
        lines.append([name, *(_pair(cells[setting]) for setting in settings), _mean(cells)])
    estimates = [[r for r in results if f"{r['kind']} {r['share']}" == setting] for setting in settings]
    lines.append(
        [
            "estimated / true count of errors",
            *(f"{statistics.mean(r['estimate']['errors'] / r['wrong'] for r in rows):.2f}" for rows in estimates),
            "",
        ]
    )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _standing(summary: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """In how many settings the audit is ahead of every matched row, and to whom it loses the others."""
    audit = summary["audit"]
    parts = []
    for name, words in (("auroc", "AUROC"), ("ap", "average precision")):
        lost = {}
        for setting in audit:
            rivals = [rival for method, rival in MATCHED.items() if _behind(audit, summary[method], setting, name)]
            if rivals:
                lost[setting] = " and ".join(dict.fromkeys(rivals))
        losses = ", ".join(f"{setting} (to {rivals})" for setting, rivals in lost.items())
        parts.append(
            f"{words}: ahead in {len(audit) - len(lost)} of {len(audit)}" + f", behind in {losses}" * bool(lost)
        )
    return f"Against the matched rows, by {'; by '.join(parts)}."


def _behind(audit: dict[str, Any], other: dict[str, Any], setting: str, name: str) -> bool:
    return statistics.mean(audit[setting][name]) <= statistics.mean(other[setting][name])


def _pair(cell: dict[str, list[float]]) -> str:
    return " / ".join(_spread(cell[name]) for name in ("auroc", "ap"))


def _spread(values: list[float]) -> str:
    sd = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{sd}"


def _mean(cells: dict[str, dict[str, list[float]]]) -> str:
    return " / ".join(f"{statistics.mean(v for c in cells.values() for v in c[name]):.3f}" for name in ("auroc", "ap"))


def filled(guide: str, results: list[dict[str, Any]]) -> str:
    """The guide with its generated part made anew."""
    start, end = "<!-- benchmark -->\n", "<!-- end -->"
    before, _, rest = guide.partition(start)
    return before + start + tables(results) + end + rest.partition(end)[2]


def main() -> None:
    """Compare on every data set, setting and seed; print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = f"digits, fashion-mnist, folder:PATH, {', '.join(HARD)}; repeatable"
    parser.add_argument("--data", action="append", help=named)
    parser.add_argument("--size", type=int, default=10_000, help="examples, at most")
    parser.add_argument("--seeds", default="0", help="such as 0 or 1,2,3")
    parser.add_argument("--cache", type=Path, help="folder of finished settings")
    parser.add_argument("--audit-only", action="store_true", help="take the others from benchmarks/results/audit.json")
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    parser.add_argument("--write", action="store_true", help="keep the results and fill docs/audit.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = json.loads(KEPT.read_text(encoding="utf-8"))["results"] if KEPT.exists() else []
    kept = {_place(result): result for result in known}
    results = []
    for data in options.data or ["digits"]:
        dataset = load(data, options.size)
        for seed in map(int, options.seeds.split(",")):
            for kind, share in SETTINGS:
                key = {"data": f"{dataset.name}", "kind": kind, "share": share, "seed": seed}
                rivals = kept[_place(key)] if options.audit_only else None
                results.append(key | _cached(options.cache, key, options.size, dataset, rivals))
                row = results[-1]
                print(
                    json.dumps(key),
                    row["audit"],
                    row["cleanlab"]["self_confidence"][row["epochs"] - 1],
                    row["seconds"],
                    flush=True,
                )
    if options.write:
        merged = kept | {_place(result): result for result in results}  # each in its old place
        lines = ",\n".join(json.dumps(_rounded(result)) for result in merged.values())
        KEPT.write_text(f'{{"machine": {json.dumps(machine())},\n"results": [\n{lines}\n]}}\n', encoding="utf-8")
        results = json.loads(KEPT.read_text(encoding="utf-8"))["results"]
        GUIDE.write_text(filled(GUIDE.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(json.dumps({"results": results}) if options.json else tables(results))


def _place(result: dict[str, Any]) -> tuple[Any, ...]:
    """What tells one result from another."""
    return tuple(result[name] for name in ("data", "kind", "share", "seed"))


def _rounded(value: Any) -> Any:
    """Floats to five digits after the point."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def _cached(
    cache: Path | None, key: dict[str, Any], size: int, dataset: Dataset, rivals: dict[str, Any] | None
) -> dict[str, Any]:
    """A finished setting, or a fresh one that is kept."""
    file = None if cache is None else cache / f"{'-'.join(map(str, key.values()))}-{size}.json"
    if file is not None and file.exists():
        return dict(json.loads(file.read_text()))
    result = compare(dataset, key["kind"], key["share"], key["seed"], rivals)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
