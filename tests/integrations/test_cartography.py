"""Dataset Cartography's logs as runs: scores by the published definitions, joins by guid, refusals in one line."""

import json
import math

import numpy as np
import pytest

from probes import open_run
from probes.errors import ConfigError, RunExistsError
from probes.integrations.cartography import import_cartography

LOG = [  # epochs of (guid, logits, gold), the order and coverage changing
    [(17, [2.0, 0.0, -1.0], 0), (4, [0.5, 1.0, 0.0], 2), (99, [0.0, 0.0, 3.0], 1)],
    [(99, [0.0, 1.0, 0.5], 1), (17, [0.0, 2.5, 1.0], 0)],
    [(4, [0.0, 0.0, 2.0], 2), (99, [1.0, 0.9, 0.0], 1), (17, [3.0, 0.1, 0.2], 0)],
]


def write_log(folder, log, name="dynamics_epoch_{}.jsonl"):
    folder.mkdir(parents=True, exist_ok=True)
    for epoch, rows in enumerate(log):
        lines = [
            json.dumps({"guid": guid, f"logits_epoch_{epoch}": logits, "gold": gold}) for guid, logits, gold in rows
        ]
        (folder / name.format(epoch)).write_text("\n".join(lines) + "\n")
    return folder


def published(log):
    """Confidence, variability and correctness as Swayamdipta et al. define them, one example at a time."""
    trends = {}
    for rows in log:
        for guid, logits, gold in rows:
            total = sum(math.exp(value) for value in logits)
            right = max(range(len(logits)), key=lambda place: logits[place]) == gold
            trends.setdefault(guid, []).append((math.exp(logits[gold]) / total, right))
    result = {}
    for guid, trend in trends.items():
        probabilities = [probability for probability, _ in trend]
        confidence = sum(probabilities) / len(trend)
        variability = math.sqrt(sum((p - confidence) ** 2 for p in probabilities) / len(trend))
        result[guid] = (confidence, variability, sum(right for _, right in trend) / len(trend))
    return result


def by_id(run):
    return run.scores().set_index("id")


def test_scores_are_the_published_ones(tmp_path):
    scores = by_id(import_cartography(write_log(tmp_path / "log", LOG), tmp_path / "run"))

    for guid, expected in published(LOG).items():
        row = scores.loc[guid, ["confidence", "variability", "correctness"]]
        assert row.astype(float).tolist() == pytest.approx(expected, rel=1e-6)
    assert len(scores) == 3


def test_a_random_log_agrees_with_a_plain_loop(tmp_path):
    random = np.random.default_rng(3)
    gold = random.integers(0, 5, 50).tolist()
    log = []
    for _ in range(6):
        seen = random.permutation(50)[: random.integers(30, 51)].tolist()
        log.append([(f"train-{i}", random.normal(0, 3, 5).tolist(), gold[i]) for i in seen])

    scores = by_id(import_cartography(write_log(tmp_path / "log", log), tmp_path / "run"))

    expected = published(log)
    assert set(scores.index) == set(expected)
    found = scores.loc[list(expected), ["confidence", "variability", "correctness"]].to_numpy(dtype=float)
    assert found == pytest.approx(np.array(list(expected.values())), rel=1e-5, abs=1e-7)


def test_epoch_0_becomes_epoch_1_and_a_missing_guid_a_missing_visit(tmp_path):
    run = import_cartography(write_log(tmp_path / "log", LOG), tmp_path / "run")

    assert run.closed_epochs == [1, 2, 3]
    assert run.examples["id"].tolist() == [4, 17, 99]  # numbers in their order
    assert run.examples["given_label"].tolist() == [2, 0, 1]
    assert run.trajectory("visits").tolist() == [[1, 1, 1], [-1, 1, 1], [1, 1, 1]]
    assert run.trajectory("prediction").tolist() == [[1, 0, 2], [-1, 1, 1], [2, 0, 0]]
    assert (run.measure, run.status, run.config["first_epoch"]) == ("online", "complete", 0)
    assert run.config["import"] == "cartography"


def test_of_a_repeated_guid_the_last_line_stands(tmp_path):
    log = [[(1, [5.0, 0.0], 0), (2, [0.0, 1.0], 1), (1, [0.0, 1.0], 0)]]

    run = import_cartography(write_log(tmp_path / "log", log), tmp_path / "run")

    assert run.trajectory("margin").tolist() == [[-1.0, 1.0]]
    assert run.scores()["visits"].tolist() == [2, 1]


def test_the_order_of_lines_changes_nothing(tmp_path):
    ahead = import_cartography(write_log(tmp_path / "a", LOG), tmp_path / "run-a").scores()
    back = import_cartography(write_log(tmp_path / "b", [rows[::-1] for rows in LOG]), tmp_path / "run-b").scores()

    assert ahead.equals(back)


def test_a_line_without_finite_logits_is_an_unusable_visit(tmp_path):
    folder = write_log(tmp_path / "log", [[(1, [1.0, 0.0], 0), (2, [1.0, float("nan")], 0), (3, [None, 1.0], 1)]])

    run = import_cartography(folder, tmp_path / "run")

    assert run.trajectory("prediction").tolist() == [[0, -1, -1]]
    assert run.summary()["nonfinite_visits"] == 2
    assert run.scores()["visits"].isna().tolist() == [False, True, True]


def test_the_folder_above_and_the_older_ending_are_found(tmp_path):
    above = write_log(tmp_path / "model/training_dynamics", LOG, "dynamics_epoch_{}.json").parent

    run = import_cartography(above, tmp_path / "run")

    assert run.num_epochs == 3
    assert run.meta["dataset"]["name"] == "model"


def test_a_fresh_folder_is_made_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "my log/training_dynamics", LOG)

    first, second = (import_cartography("my log/training_dynamics") for _ in range(2))

    assert first.path.parent.name == "runs"
    assert first.path != second.path
    assert "-my-log" in first.path.name


def refusal(tmp_path, log, **changes):
    """The message of a log that is refused; nothing may have been written."""
    with pytest.raises(ConfigError) as caught:
        import_cartography(write_log(tmp_path / "log", log, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_label_that_changes_is_refused_by_its_guid(tmp_path):
    log = [LOG[0], [(99, [0.0, 1.0, 0.5], 1), (17, [0.0, 2.5, 1.0], 2)]]

    assert refusal(tmp_path, log) == "id 17 has label 2 at epoch 1, but 0 before: an example keeps one label."


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, [1.0, 0.0], 2)], "label 2 is not a class: classes are 0 to 1"),
        ([(1, [1.0, 0.0], -1)], "label -1 is not a class"),
        ([(1, [1.0, 0.0], 0.5)], "a label must be a name or a whole number, got 0.5"),
        ([(1, [1.0, 0.0], None)], "id 1 has no label, which its logits need"),
        ([(1, [1.0, 0.0], 0), (2, [1.0, 0.0, 0.0], 0)], "line 2 of .* must have a list of 2 logits"),
        ([(1, [1.0, "x"], 0)], "line 1 of .* must have logits that are numbers"),
        ([(1, 3.0, 0)], "line 1 of .* must have a list of K logits, got 3.0"),
        ([(1, [1.0, 0.0], 0), ("b", [1.0, 0.0], 0)], "ids must be all text or all whole numbers"),
        ([(None, [1.0, 0.0], 0)], "ids must be all text or all whole numbers of at most 64 bits, got None"),
        ([(2**70, [1.0, 0.0], 0)], "ids must be all text or all whole numbers of at most 64 bits"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, rows, message):
    with pytest.raises(ConfigError, match=message):
        import_cartography(write_log(tmp_path / "log", [rows]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ids_of_two_kinds_in_two_epochs_are_refused(tmp_path):
    log = [[(1, [1.0, 0.0], 0)], [("1", [1.0, 0.0], 0)]]

    assert refusal(tmp_path, log) == "ids must be all text or all whole numbers, got 1 and '1'."


def test_another_number_of_logits_in_a_later_epoch_is_refused(tmp_path):
    log = [[(1, [1.0, 0.0], 0)], [(1, [1.0, 0.0, 0.0], 0)]]

    assert refusal(tmp_path, log) == "every row must have as many logits, got 3 after rows of 2."


def test_a_torn_line_an_empty_file_and_a_wrong_key_name_the_place(tmp_path):
    folder = write_log(tmp_path / "log", LOG)
    file = folder / "dynamics_epoch_1.jsonl"
    for text, message in (
        ('{"guid": 1, "logi', "line 1 of .*dynamics_epoch_1.jsonl is not JSON"),
        ("[1]\n", "line 1 of .* must be a JSON object, got list"),
        ("", "dynamics_epoch_1.jsonl holds no lines"),
        ('{"guid": 1, "logits_epoch_0": [1, 2], "gold": 0}', "line 1 of .* has no 'logits_epoch_1'; it has guid, "),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=message):
            import_cartography(folder, tmp_path / "run")


def test_a_folder_without_a_log_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no dynamics_epoch_"):
        import_cartography(tmp_path)
    with pytest.raises(ConfigError, match="is not a folder"):
        import_cartography(tmp_path / "nowhere")


def test_a_run_is_replaced_only_when_told_and_only_by_a_good_log(tmp_path):
    folder = write_log(tmp_path / "log", LOG)
    import_cartography(folder, tmp_path / "run")

    with pytest.raises(RunExistsError, match="already holds a run"):
        import_cartography(folder, tmp_path / "run")
    bad = write_log(tmp_path / "bad", [[(1, [1.0, 0.0], 7)]])
    with pytest.raises(ConfigError, match="label 7"):
        import_cartography(bad, tmp_path / "run", overwrite=True)
    assert open_run(tmp_path / "run").num_epochs == 3
    short = write_log(tmp_path / "short", LOG[:1])
    assert import_cartography(short, tmp_path / "run", overwrite=True).num_epochs == 1


def test_one_epoch_is_in_memory_at_a_time(tmp_path, monkeypatch):
    """While an epoch is read, at most the one before it, which has just been written, is still held."""
    import weakref

    from probes.integrations import cartography

    held = []
    read = cartography._read

    def watched(path, epoch):
        rows = read(path, epoch)
        assert sum(reference() is not None for reference in held) <= 1
        held.append(weakref.ref(rows))
        return rows

    monkeypatch.setattr(cartography, "_read", watched)
    log = [[(i, [1.0, 0.0], 0) for i in range(10)] for _ in range(6)]

    import_cartography(write_log(tmp_path / "log", log), tmp_path / "run")

    assert len(held) == 12  # each epoch twice: to learn what there is, and to write it
