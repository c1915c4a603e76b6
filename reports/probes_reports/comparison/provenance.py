"""How were these made?"""

from __future__ import annotations

from collections.abc import Sequence

from probes_reports.comparison.compared import Compared
from probes_reports.comparison.pairing import Pairing
from probes_reports.sections.provenance import Entry, Provenance
from probes_reports.sections.section import Block, Section
from probes_reports.wording import count

__all__ = ["build"]


def build(runs: Sequence[Compared], pairing: Pairing, *, paths: bool, images: bool) -> Section:
    """The footer: an entry for each run, then what the file holds and its limits."""
    entries = [Entry(f"{run.letter} {run.name}".strip(), _run(run)) for run in runs]
    if paths:
        entries += [
            Entry(f"Command of {run.letter}", str(run.meta["command"])) for run in runs if run.meta.get("command")
        ]
    how = f"{count(pairing.size)}, matched {pairing.how}" if pairing.size else f"none, because {pairing.reason}"
    named = "names of the run folders and commands" if paths else "no paths"
    entries += [
        Entry("Shared examples", how),
        Entry("This file holds", f"{'thumbnails' if images else 'no thumbnails'}, {named}, no requests to anywhere"),
        Entry(
            "Limits",
            "one run of each: what another seed would change is not known; this page speaks of these runs only",
        ),
    ]
    return Section(
        key="provenance",
        title="How these were made",
        question="How these were made",
        answer=(),
        parts=(Block("provenance.html.j2", Provenance(tuple(entries), "")),),
    )


def _run(run: Compared) -> str:
    dataset = run.meta.get("dataset") or {}
    versions = run.meta.get("versions") or {}
    facts = (
        run.dataset,
        f"fingerprint {dataset['fingerprint']}" if dataset.get("fingerprint") else "",
        run.model,
        f"{run.summary['status']} at epoch {count(run.last)}",
        f"measured {'in sweeps and online' if run.summary['measure'] == 'both' else run.summary['measure']}",
        f"torch {versions['torch']}" if versions.get("torch") else "",
    )
    return "; ".join(fact for fact in facts if fact)
