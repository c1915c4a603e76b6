"""How was this made?"""

from __future__ import annotations

from probes_reports.audit.view import AuditView
from probes_reports.sections.provenance import Entry, Provenance
from probes_reports.sections.section import Block, Section
from probes_reports.wording import count

__all__ = ["build"]

UNSHOWN = ("steps", "fewest_epochs", "most_epochs", "rounds")


def build(view: AuditView, *, cards: int, pictures: int) -> Section:
    """The footer: data, networks, compute, settings, and what the file holds."""
    entries = (
        Entry("Data", _data(view)),
        Entry("Networks", _model(view)),
        Entry("Compute", _compute(view)),
        Entry("Settings", _settings(view)),
        Entry("Versions", ", ".join(f"{name} {value}" for name, value in (view.meta.get("versions") or {}).items())),
        Entry("Data fingerprint", str((view.meta.get("dataset") or {}).get("fingerprint") or "")),
        Entry("Made", str(view.meta.get("created") or "")),
        Entry("This file holds", _held(view, cards, pictures)),
        Entry(
            "Limits",
            "one audit with one seed; probabilities come from networks that err where examples look alike; what a "
            "network cannot tell apart, it cannot flag",
        ),
    )
    command = str(view.meta.get("command") or "") if view.paths else ""
    return Section(
        key="provenance",
        title="How this was made",
        question="How this was made",
        answer=(),
        parts=(Block("provenance.html.j2", Provenance(tuple(e for e in entries if e.value), command)),),
    )


def _data(view: AuditView) -> str:
    dataset = view.meta.get("dataset") or {}
    shape = " × ".join(str(size) for size in dataset.get("shape") or ())
    source = str(dataset.get("source") or "") if view.paths else ""
    facts = (
        view.name,
        f"from {source}" if source and source != view.name else "",
        f"{count(view.size)} examples of {count(len(view.classes))} classes",
        f"inputs {shape}" if shape else "",
    )
    return "; ".join(fact for fact in facts if fact)


def _model(view: AuditView) -> str:
    model = view.meta.get("model") or {}
    size = f"{count(int(model['parameters']))} parameters" if model.get("parameters") else ""
    return "; ".join(str(fact) for fact in (model.get("description") or model.get("name"), size) if fact)


def _compute(view: AuditView) -> str:
    compute = view.meta.get("compute") or {}
    facts = (
        f"{count(int(compute['trained_visits']))} examples trained on" if "trained_visits" in compute else "",
        f"{count(int(compute['answered_visits']))} answered" if "answered_visits" in compute else "",
        f"{compute['seconds']:,.0f} s" if "seconds" in compute else "",
    )
    return ", ".join(fact for fact in facts if fact)


def _settings(view: AuditView) -> str:
    settings = view.meta.get("settings") or {}
    told = [f"{name.replace('_', ' ')} {_text(value)}" for name, value in settings.items() if name not in UNSHOWN]
    return ", ".join([f"seed {view.meta.get('seed')}", *told])


def _text(value: object) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)


def _held(view: AuditView, cards: int, pictures: int) -> str:
    named = "ids, names and the command" if view.paths else "no paths"
    images = f"{count(pictures)} thumbnails" if pictures else "no thumbnails"
    features = ", values of their features" if len(view.features) else ""
    return f"labels of {count(cards)} examples{features}, {images}, {named}, no requests to anywhere"
