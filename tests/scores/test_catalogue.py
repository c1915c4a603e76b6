"""The catalogue is complete and says what a reader must know."""

from probes.scores.catalogue import CATALOGUE

CONTRACT = """
    forgetting_events first_learned_epoch learned_epoch never_learned unforgettable correctness confidence variability
    mean_loss final_loss aum el2n mean_entropy noise_probability visits
"""


def test_lists_the_contract_columns_in_order():
    assert list(CATALOGUE) == CONTRACT.split()


def test_every_entry_says_what_it_is_and_where_it_comes_from():
    for name, score in CATALOGUE.items():
        assert score.name == name
        assert all((score.label, score.meaning, score.formula, score.source)), name
        assert score.function.__doc__, name


def test_counts_published_online_say_so():
    for name in ("forgetting_events", "first_learned_epoch", "aum"):
        assert "online" in CATALOGUE[name].source
