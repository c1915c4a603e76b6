"""The review page of an audit: what it says, what it holds, and what its decisions do to training."""

import base64
import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

import probes_reports
from probes.audit.folder import write_audit
from probes.data.dataset import Dataset
from probes.data.label_files import exclude, relabel
from probes.data.pooled import load_pooled
from probes.errors import ConfigError, RunExistsError, RunNotFoundError
from probes_reports.assembly import POLICY
from probes_reports.audit.answer import answer, lede, tiles
from probes_reports.audit.by_class import build as build_classes
from probes_reports.audit.histogram import histogram
from probes_reports.audit.pictures import Pictures
from probes_reports.audit.review import build, review
from probes_reports.audit.view import AuditView
from probes_reports.wording import plain_text

N = 40
HOSTILE = "</script><img src=x onerror=alert(1)>"
CLASSES = ["ape", HOSTILE, "cat"]
# after the keys pressed in `reviewed`: the fifth card is taken back, the third too and rejected in its place
DECIDED = [("35", "accept"), ("30", "reject"), ("25", "reject"), ("20", "accept")]


def _png(shade: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Writes an audit of 40 examples: every fifth is flagged, the later the surer; ids are names with commas."""

    def make(*, flagged=range(0, N, 5), pictures=True, warnings=(), estimate=None, plant=None, evaluation=None,
             ids=None, given=None, notes=(), size=N, features=None):  # fmt: skip
        flagged = list(flagged)
        given = np.arange(size) % 3 if given is None else np.asarray(given)
        scores = np.linspace(0.9, 0.999, size)
        scores[flagged] = np.linspace(0.4, 0.01, len(flagged))
        wrong = np.zeros(size, bool)
        wrong[flagged] = True
        suggested = np.where(wrong, (given + 1) % 3, given)
        issues = pd.DataFrame(
            {
                "example": np.arange(size),
                "id": [f"ape/{example},{HOSTILE}.png" for example in range(size)] if ids is None else ids,
                "given_label": given,
                "suggested_label": suggested,
                "label_score": scores,
                "is_label_issue": wrong,
            }
        )
        near = [(example, rank, (example + 1 + 2 * rank) % size) for example in range(size) for rank in (1, 2, 3, 4, 5)]
        neighbours = pd.DataFrame(near, columns=["example", "rank", "neighbour"]).assign(similarity=0.5)
        counts = np.bincount(given[wrong], minlength=3)
        by_class = [
            {
                "label": label,
                "class": name,
                "examples": int((given == label).sum()),
                "expected_errors": float(counts[label]),
                "flagged": int(counts[label]),
                "flagged_share": float(counts[label] / max((given == label).sum(), 1)),
                "share_of_flags": float(counts[label] / max(len(flagged), 1)),
                "looks_like": CLASSES[(label + 1) % 3] if counts[label] else None,
                "looks_like_count": int(counts[label]),
            }
            for label, name in enumerate(CLASSES)
        ]
        meta = {
            "name": "toy",
            "command": "probe audit /home/secret/toy",
            "created": "2024-01-01T00:00:00+00:00",
            "dataset": {"name": "toy", "source": "/home/secret/toy", "fingerprint": "f", "shape": [3, 8, 8]},
            "classes": CLASSES,
            "num_examples": size,
            "estimate": {
                "errors": 8.2, "share": 0.205, "low": 5.0, "high": 11.0, "by_round": [7.0, 8.0, 9.0],
                "disagreement": 0.2, "agreement": 0.98, "trusted": not warnings, **(estimate or {}),
            },
            "cutoff": {"label_score": 0.5, "flagged": len(flagged)},
            "plant": plant,
            "by_class": by_class,
            "warnings": list(warnings),
            "notes": list(notes),
            "model": {"name": "mlp", "description": "MLP 192-64-3", "parameters": 1000},
            "compute": {"trained_visits": 100, "answered_visits": 50, "seconds": 1.5},
            "settings": {"folds": 3, "epochs": [4, 4, 6]},
            "seed": 0,
            "evaluation": evaluation,
            "versions": {"torch": "2"},
        }  # fmt: skip
        thumbnails = {example: _png(example) for example in range(size)} if pictures else None
        if features is not None:
            meta["dataset"]["features"] = 50
        folder = tmp_path_factory.mktemp("audit")
        return write_audit(folder, issues, neighbours, thumbnails, meta, features=features).path

    return make


@pytest.fixture(scope="module")
def folder(write):
    return write(warnings=[f"The class {HOSTILE} is odd."], plant={"share": 0.05, "planted": 36, "found": 34,
                 "recall": 34 / 36, "examples": []})  # fmt: skip


@pytest.fixture(scope="module")
def html(folder):
    return probes_reports.build(folder).read_text(encoding="utf-8")


def _island(html, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)[1])


def test_build_knows_an_audit_by_its_folder_and_writes_into_it(folder, html):
    assert (folder / "report.html").read_text(encoding="utf-8") == html
    assert html.startswith("<!doctype html>") or html.lstrip().startswith("<!doctype html>")


def test_the_answer_is_the_estimate_with_its_range(write):
    assert plain_text(answer(AuditView(write()))).startswith("About 8 ± 3 of 40 labels look wrong (20.5%).")


def test_an_uneven_range_is_told_by_its_ends(write):
    view = AuditView(write(estimate={"low": 0.0, "high": 30.0}))

    assert "About 8 (0 to 30) of 40 labels" in plain_text(answer(view))


def test_a_count_that_cannot_be_trusted_says_so_and_its_warnings_are_shown(html, folder):
    assert "cannot be trusted" in plain_text(answer(AuditView(folder)))
    assert "The class &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; is odd." in html


def test_a_count_to_be_trusted_does_not_warn(write):
    folder = write()

    assert "trusted" not in plain_text(answer(AuditView(folder)))
    assert "Before you trust this" not in probes_reports.build(folder).read_text(encoding="utf-8")


def test_the_control_is_reported(folder):
    view = AuditView(folder)

    assert "Of 36 labels made wrong on purpose, 34 were found (94.4%)." in plain_text(lede(view))
    assert "94.4%" in [plain_text(tile.value) for tile in tiles(view)]


def test_true_labels_are_reported_where_known(write):
    known = {
        "wrong": 9, "auroc": 0.987, "average_precision": 0.9, "precision": 0.875, "recall": 0.777,
        "suggested_right": 0.7,
    }  # fmt: skip
    view = AuditView(write(evaluation=known))

    assert "87.5% of the flagged are wrong and 77.7% of the wrong ones are flagged" in plain_text(lede(view))


def test_cards_are_the_flagged_first_the_most_suspicious_at_the_top(folder):
    cards = review(AuditView(folder)).cards

    assert [card.example for card in cards[:8]] == [35, 30, 25, 20, 15, 10, 5, 0]
    assert [card.flagged for card in cards] == [True] * 8 + [False] * 16
    assert (cards[0].given, cards[0].suggested) == ("cat", "ape")


def test_a_card_shows_the_neighbours_with_other_labels(folder):
    card = review(AuditView(folder)).cards[0]  # example 35 has label 2; its neighbours are 38, 0, 2, 4, 6

    assert [(n.example, n.label) for n in card.neighbours] == [(0, "ape"), (4, HOSTILE), (6, "ape")]
    assert card.disagree == "3 of 5 nearest have other labels"
    assert card.votes == (("ape", 2), (HOSTILE, 1))


def test_at_most_400_are_shown_and_the_rest_is_stated(write):
    view = AuditView(write(size=600, flagged=range(500), pictures=False))

    assert len(review(view).cards) == 400
    assert "The other 100 are in issues.csv." in plain_text(build(view).answer)


def test_pictures_stop_where_the_page_would_grow_too_large():
    pngs = {example: _png(example) for example in range(10)}
    one = len(next(iter(Pictures(pngs, [0]).held.values()))) + 40

    assert list(Pictures(pngs, [7, 3, 7], [5, 99, 1], budget=3 * one + 8).held) == ["7", "3", "5"]


@pytest.mark.slow
def test_neighbours_are_shrunk_and_all_have_fewer_colours_where_pictures_are_many():
    from PIL import Image

    random = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(file, "PNG")
    pngs = dict.fromkeys(range(2000), file.getvalue())

    def opened(pictures, example):
        png = base64.b64decode(pictures.held[str(example)].split(",")[1])
        return Image.open(io.BytesIO(png))

    few, many = Pictures(pngs, range(4), range(4, 8)), Pictures(pngs, range(400), range(400, 1600))
    assert (opened(few, 0).size, opened(few, 4).size, opened(few, 0).mode) == ((64, 64), (40, 40), "RGB")
    assert (opened(many, 0).size, opened(many, 400).size, opened(many, 0).mode) == ((64, 64), (40, 40), "P")
    assert len(many.held) == 1600
    assert sum(map(len, many.held.values())) < 5_000_000


def test_nothing_from_the_data_becomes_markup(html):
    outside = re.sub(r"<script\b.*?</script>", "", html, flags=re.S)

    assert "<img src=x" not in html
    assert outside.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    assert _island(html, "review-rows")[0][0] == f"ape/35,{HOSTILE}.png"


def test_the_page_asks_for_nothing(html):
    own = html.split("<script>/**\n* plotly.js")[0]

    assert f'content="{POLICY.replace(chr(39), "&#39;")}"' in html
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:|//|file:)""", own)
    assert "localStorage" not in re.search(r"/\* Review of an audit.*?</script>", html, re.S)[0]


def test_pictures_are_held_once_and_only_where_wanted(folder, html, tmp_path):
    pictures = _island(html, "review-pictures")
    without = probes_reports.build(folder, tmp_path / "bare.html", images=False).read_text(encoding="utf-8")

    assert "35" in pictures
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures.values())
    assert _island(without, "review-pictures") == {}
    assert "no thumbnails" in without


def test_a_table_has_cards_without_pictures(write):
    html = probes_reports.build(write(pictures=False, ids=np.arange(N))).read_text(encoding="utf-8")

    assert "data-picture=" not in re.sub(r"<script\b.*?</script>", "", html, flags=re.S)
    assert html.count('class="candidate"') == 24
    assert "<span>ape</span> × 2" in html


@pytest.fixture(scope="module")
def table(write):
    """An audit of a table: of each example a rare level, a path, and eight numbers, the first the furthest."""
    rows = [
        (example, rank, *feature)
        for example in range(N)
        for rank, feature in enumerate(
            [
                (HOSTILE, HOSTILE, 3.0, 0.04),
                ("file", "/home/secret/a", 2.9, 0.1),
                *((f"size {n}", str(n), -2.5 + n / 4, np.nan) for n in range(10)),
            ],
            start=1,
        )
    ]
    names = ["example", "rank", "feature", "value", "deviation", "class_share"]
    return write(pictures=False, ids=np.arange(N), features=pd.DataFrame(rows, columns=names))


def test_a_card_of_a_table_shows_eight_features_and_folds_the_rest(table):
    card = review(AuditView(table)).cards[0]

    assert [feature.name for feature in card.features] == [HOSTILE, "file", *(f"size {n}" for n in range(6))]
    assert [feature.name for feature in card.folded] == [f"size {n}" for n in range(6, 10)]
    assert card.untold == 50 - 12
    assert [feature.odd for feature in card.features[:3]] == ["4%", "10%", "\N{MINUS SIGN}2.5 sd"]
    assert card.folded[-1].odd == "\N{MINUS SIGN}0.2 sd"
    assert card.features[0].meaning == "4.0% of the examples with this label have this value"
    assert card.features[2].meaning == "2.5 standard deviations below the mean of the examples with this label"


def test_features_are_in_the_page_and_none_of_them_is_markup(table):
    html = probes_reports.build(table).read_text(encoding="utf-8")

    assert html.count('<table class="features">') == 2 * 24
    assert html.count("4 more features</summary>") == 24
    assert HOSTILE not in html
    assert "values of their features, no thumbnails" in html


def test_features_are_left_out_with_the_images_and_those_like_paths_with_the_paths(table, tmp_path):
    bare = probes_reports.build(table, tmp_path / "bare.html", images=False).read_text(encoding="utf-8")
    shared = probes_reports.build(table, tmp_path / "shared.html", paths=False).read_text(encoding="utf-8")

    assert '<table class="features">' not in bare
    assert "size 3" in shared
    assert "secret" not in shared


def test_space_unfolds_features_and_takes_no_decision_back(table, browser):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(probes_reports.build(table).as_uri())
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("ArrowLeft")
    page.locator(".candidate summary").first.focus()
    page.keyboard.press(" ")

    assert page.locator(".candidate details").first.get_attribute("open") is not None
    assert page.locator("#review-counter").inner_text() == "1 of 24 decided: 1 wrong, 0 right"
    page.close()


def _decisions(page):
    return {card.get_attribute("data-at"): card.get_attribute("data-decision")
            for card in page.locator(".candidate[data-decision]").all()}  # fmt: skip


def _selected(page):
    return page.evaluate("document.activeElement.dataset.at ?? null")


@pytest.mark.parametrize(("key", "decision"), [("a", "accept"), ("r", "reject")])
def test_the_first_key_selects_the_first_card_and_the_next_decides_it(folder, browser, key, decision):
    page = browser.new_page(viewport={"width": 1440, "height": 500})
    page.goto(probes_reports.build(folder).as_uri())
    page.keyboard.press(key)

    assert (_decisions(page), _selected(page)) == ({}, "0")
    assert page.evaluate("document.activeElement.getBoundingClientRect().top < innerHeight")
    page.keyboard.press(key)
    assert (_decisions(page), _selected(page)) == ({"0": decision}, "1")
    page.close()


@pytest.mark.parametrize("key", ["a", "k"])
def test_after_a_filter_the_first_key_selects_what_is_undecided_and_reverses_nothing(folder, browser, key):
    """The filter hides the card that had the keyboard; the first it shows is decided."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(probes_reports.build(folder).as_uri())
    for _ in range(6):
        page.keyboard.press("r")
    decided = _decisions(page)
    page.select_option("#review-given", page.locator(".candidate").first.get_attribute("data-given"))
    visible = [card.get_attribute("data-at") for card in page.locator(".candidate:visible").all()]
    assert _selected(page) is None
    page.keyboard.press(key)

    assert len(decided) == 5
    assert _decisions(page) == decided
    assert _selected(page) == next(at for at in visible if at not in decided) != visible[0]
    page.close()


@pytest.mark.parametrize("key", ["A", "Shift+a"])
def test_keys_work_with_shift_and_caps_lock(folder, browser, key):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(probes_reports.build(folder).as_uri())
    page.keyboard.press("J")
    page.keyboard.press(key)

    assert _decisions(page) == {"0": "accept"}
    page.close()


def test_no_flags_still_show_the_most_suspicious(write):
    folder = write(flagged=[], estimate={"errors": 0.1, "low": 0.0, "high": 3.0, "share": 0.0025})
    view = AuditView(folder)

    assert plain_text(answer(view)) == "Hardly any of the 40 labels look wrong (at most about 3)."
    assert plain_text(build(view).answer).startswith("None is flagged.")
    assert len(review(view).cards) == 24
    assert plain_text(build_classes(view).answer) == "Nowhere: no example is flagged."
    assert probes_reports.build(folder).exists()


def test_a_class_that_holds_most_of_the_flags_is_warned_of(write):
    given = np.r_[np.zeros(12, int), 1 + np.arange(28) % 2]
    most = plain_text(build_classes(AuditView(write(flagged=range(14), given=given))).answer)
    spread = plain_text(build_classes(AuditView(write())).answer)

    assert most.startswith("Most are in one class: ape holds 12 of the 14 flags.")
    assert "one class" not in spread


def test_without_paths_no_file_is_named(folder, tmp_path):
    html = probes_reports.build(folder, tmp_path / "page.html", paths=False).read_text(encoding="utf-8")

    assert "secret" not in html
    assert "ape/35" not in html
    assert "a file saved here cannot be applied" in html


def test_numbers_are_ids_without_paths_too(write, tmp_path):
    folder = write(ids=np.arange(100, 100 + N))
    html = probes_reports.build(folder, tmp_path / "page.html", paths=False).read_text(encoding="utf-8")

    assert _island(html, "review-rows")[0] == [135, 35, 2, 0]
    assert "cannot be applied" not in html


def test_the_histogram_counts_every_example_once(folder):
    view = AuditView(folder)
    flagged, kept = histogram(view.scores, view.cutoff).data

    assert sum(value or 0 for value in flagged.y) == 8
    assert sum(value or 0 for value in kept.y) == 32


def test_two_audits_are_refused(folder, write):
    with pytest.raises(ConfigError, match="one audit folder at a time"):
        probes_reports.build([folder, write()])


def test_another_file_is_not_replaced(folder, tmp_path):
    (tmp_path / "mine.html").write_text("my notes")

    with pytest.raises(RunExistsError, match="not a report"):
        probes_reports.build(folder, tmp_path / "mine.html")


def test_a_damaged_audit_is_one_clear_line(write):
    folder = write()
    (folder / "issues.parquet").write_bytes(b"not a table")

    with pytest.raises(RunNotFoundError, match="cannot be read"):
        probes_reports.build(folder)


@pytest.fixture(scope="module")
def reviewed(browser, tmp_path_factory, write):
    """Keys pressed in the page of an audit of an .npz, and what was saved: the path of the data and of the file."""
    made = tmp_path_factory.mktemp("reviewed")
    ids = [f'ape/{example}, "{HOSTILE}".png' if example % 2 else f"={example}" for example in range(N)]
    given = np.arange(N) % 3
    np.savez(made / "toy.npz", X=np.zeros((N, 4), np.float32), y=given, ids=np.array(ids), classes=np.array(CLASSES))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    trouble, requests = [], []
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    address = probes_reports.build(write(ids=ids)).as_uri()
    page.goto(address)
    for key in ("j", "a", "r", "a", "a", "a", "ArrowLeft", "x", "ArrowLeft", "k", "x", "r"):
        page.keyboard.press(key)
    counter = page.locator("#review-counter").inner_text()
    with page.expect_download() as download:
        page.click("#review-save")
    download.value.save_as(made / "decisions.csv")
    yield made / "toy.npz", made / "decisions.csv", counter, trouble, [url for url in requests if url != address]
    page.close()


def test_keys_decide_and_the_file_says_what_was_decided(reviewed):
    _, decisions, counter, trouble, requests = reviewed
    with decisions.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))

    assert trouble == []
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == []
    assert rows[0] == ["id", "example", "given_label", "suggested_label", "decision"]
    assert [(row[1], row[4]) for row in rows[1:]] == DECIDED
    assert rows[1][0] == f'ape/35, "{HOSTILE}".png'
    assert counter == "4 of 24 decided: 2 wrong, 2 right"


def test_the_saved_file_is_what_exclude_and_relabel_read(reviewed):
    data, decisions, *_ = reviewed
    dataset = load_pooled(str(data))
    assert isinstance(dataset, Dataset)
    accepted = [int(example) for example, decision in DECIDED if decision == "accept"]
    labels = dataset.train.given_labels.numpy()

    left = exclude(dataset, decisions)
    changed = relabel(dataset, decisions).train.given_labels.numpy()

    assert sorted(set(dataset.ids) - set(left.ids)) == sorted(dataset.ids[accepted])
    assert np.flatnonzero(changed != labels).tolist() == sorted(accepted)
    assert (changed[accepted] == (labels[accepted] + 1) % 3).all()


@pytest.fixture
def unflagged(browser, write):
    """The page of an audit without a flag, its first card selected: no card has a suggestion."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(probes_reports.build(write(flagged=[])).as_uri())
    page.keyboard.press("j")
    yield page
    page.close()


@pytest.mark.parametrize("act", ["key", "button"])
def test_without_another_label_to_suggest_nothing_is_accepted(unflagged, act):
    first = unflagged.locator(".candidate").first
    if act == "key":
        unflagged.keyboard.press("a")
    else:
        first.locator("[data-decide=accept]").click()

    assert _decisions(unflagged) == {}
    assert unflagged.locator("#review-save").is_disabled()
    assert "No other label is suggested" in first.inner_text()
    unflagged.keyboard.press("r")
    assert _decisions(unflagged) == {"0": "reject"}
    assert "No other label is suggested" not in first.inner_text()


def test_of_two_classes_accepting_an_unflagged_example_saves_the_other(browser, write, tmp_path):
    page = browser.new_page()
    folder = write(flagged=[], given=np.arange(N) % 2)
    meta = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    (folder / "audit.json").write_text(json.dumps({**meta, "classes": CLASSES[:2]}), encoding="utf-8")
    page.goto(probes_reports.build(folder).as_uri())
    for key in ("j", "a", "r"):
        page.keyboard.press(key)
    with page.expect_download() as download:
        page.click("#review-save")
    download.value.save_as(tmp_path / "decisions.csv")
    page.close()

    saved = pd.read_csv(tmp_path / "decisions.csv")
    assert saved["decision"].tolist() == ["accept", "reject"]
    assert (saved["suggested_label"] == saved["given_label"]).tolist() == [False, True]


def test_the_number_shown_follows_the_filter(folder, browser):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(probes_reports.build(folder).as_uri())
    assert page.locator("#review-shown").inner_text() == "24 shown"
    page.select_option("#review-given", "0")

    assert page.locator("#review-shown").inner_text() == f"{page.locator('.candidate:visible').count()} shown"
    assert page.locator(".candidate:visible").count() < 24
    page.close()


def test_a_date_is_shown_whole_and_a_rare_value_is_not_none(write, browser):
    columns = ["example", "rank", "feature", "value", "deviation", "class_share"]
    rows = [(example, 0, "when", "2020-06-17", np.nan, 0.005) for example in range(N)]
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(probes_reports.build(write(pictures=False, features=pd.DataFrame(rows, columns=columns))).as_uri())
    cell = page.locator(".features tbody td").first

    assert cell.inner_text() == "2020-06-17"
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")
    assert page.locator(".features tbody .odd").first.inner_text() == "0.5%"
    assert page.locator(".features thead .odd").first.inner_text() == "in its class"
    page.close()
