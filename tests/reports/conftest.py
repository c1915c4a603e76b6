"""Small runs with known behaviour, written through RunWriter: no training, so that the page's tests stay fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes.signals import signals

CLASSES = ["zero", "one", "</script><img src=x onerror=alert(1)>", "three"]
N, K = 60, 4


def _png() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def make_run(tmp_path_factory):
    """Write a run of 60 examples, 4 classes, in which the pattern comes first and the noise later.

    Every third example is noisy unless `noise` says otherwise ("none", "all"). At epoch t the true label's logit is
    4 t / (t + 1) and the given label's grows from epoch 5 on.
    """

    def make(*, epochs=12, noise="some", truth=True, initial=True, metrics=True, examples=True, status="complete",
             classes=CLASSES, visited=None):  # fmt: skip
        random = np.random.default_rng(0)
        true = np.arange(N) % K
        noisy = {"some": np.arange(N) % 3 == 0, "none": np.zeros(N, bool), "all": np.ones(N, bool)}[noise]
        given = np.where(noisy, (true + 1) % K, true)
        writer = RunWriter.create(
            tmp_path_factory.mktemp("runs") / "small",
            num_examples=N,
            measure="sweep",
            meta={
                "config": {"noise": 0.4, "noise_kind": "uniform_other", "seed": 0},
                "dataset": {"name": "toy", "classes": classes},
            },
        )
        if examples:
            known = {"true_label": true, "noisy": noisy, "corruption": np.where(noisy, "uniform_other", "").tolist()}
            writer.write_examples({"given_label": given, **(known if truth else {})})
            writer.write_thumbnails({example: _png() for example in range(N)})
        index = np.arange(N) if visited is None else np.asarray(visited)
        for epoch in range(0 if initial else 1, epochs + 1):
            logits = random.normal(0, 0.5, (N, K)).astype(np.float32)
            logits[np.arange(N), true] += 4 * epoch / (epoch + 1)
            logits[np.arange(N), given] += max(0, epoch - 4) * (0.6 + 0.4 * (np.arange(N) % 5) / 5)
            found = signals(logits, given)
            columns = {name: getattr(found, name)[index] for name in found._fields}
            writer.write_epoch(epoch, {"example": index, "visits": np.ones(len(index), np.int32), **columns})
            if metrics:
                share = 0.25 if epoch == 0 else 0.95 - 0.02 * abs(epoch - 3)
                row = {"epoch": epoch, "examples": 20, "accuracy": share, "true_label_accuracy": share, "loss": 1.0}
                writer.append_metrics([{**row, "group": group} for group in ("validation", "test")])
        writer.finish(status)
        return open_run(writer.path)

    return make


@pytest.fixture(scope="session")
def small_run(make_run):
    """A complete run with noise, truth, validation and test."""
    return make_run()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; skips without one, fails without one where REQUIRE_BROWSER=1."""
    import os

    required = os.environ.get("REQUIRE_BROWSER") == "1"
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        if required:
            raise
        pytest.skip("playwright is not installed")
    chromium = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu", *quiet]
            )
        except Error as error:
            if required:
                raise
            pytest.skip(f"no Chromium to draw the page with: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


MIXED_KINDS = np.array(["uniform_all"] * 8 + ["gaussian"] * 6 + ["random_pixels"] * 4 + [""] * 22)
MIXED_RATES = {
    "kind": "uniform_all+gaussian+random_pixels",
    "requested": 0.45,
    "drawn": 0.45,
    "realised": 0.4,
    "kinds": {
        "uniform_all": {"requested": 0.2, "drawn": 0.2, "realised": 0.15},
        "gaussian": {"requested": 0.15, "drawn": 0.15, "realised": 0.15},
        "random_pixels": {"requested": 0.1, "drawn": 0.1, "realised": 0.1},
    },
}


def _write_mixed(folder, *, wrong=None, kinds=MIXED_KINDS, rates=MIXED_RATES):
    """Six epochs: at first all but the replaced inputs are answered with the true label, in the end as given."""
    size = len(kinds)
    true = np.arange(size) % K
    replaced = np.isin(kinds, ["gaussian", "random_pixels"])
    wrong = np.arange(size) < 6 if wrong is None else wrong  # two of the eight redrawn got their own label back
    given = np.where(wrong, (true + 1) % K, true)
    noisy = wrong | replaced
    meta = {"config": {"seed": 0}, "dataset": {"name": "toy", "classes": list("abcd")}, "corruption": rates}
    writer = RunWriter.create(folder, num_examples=size, measure="sweep", meta=meta)
    writer.write_examples(
        {"given_label": given, "true_label": true, "noisy": noisy, "corruption": kinds.astype(str).tolist()}
    )
    for epoch in range(1, 7):
        early = np.where(replaced, (true + 2) % K, true)
        answer = np.where(np.arange(size) % 5 < epoch - 1, given, early)
        logits = np.random.default_rng(epoch).normal(0, 0.1, (size, K)).astype(np.float32)
        logits[np.arange(size), answer] += 3
        found = signals(logits, given)
        columns = {name: getattr(found, name) for name in found._fields}
        writer.write_epoch(epoch, {"example": np.arange(size), "visits": np.ones(size, np.int32), **columns})
        writer.append_metrics(
            [{"epoch": epoch, "group": g, "examples": 9, "accuracy": 0.5, "true_label_accuracy": 0.5, "loss": 1.0}
             for g in ("validation", "test")]
        )  # fmt: skip
    writer.finish("complete")
    return open_run(writer.path)


@pytest.fixture(scope="session")
def write_mixed():
    """Write a run of 40 examples: 8 labels redrawn, 6 of them wrong, and 10 other inputs replaced, of two kinds."""
    return _write_mixed
