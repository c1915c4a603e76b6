"""Names and shares of noise, checked before any work."""

import pytest

from probes.data import INPUT_KINDS, NOISE_KINDS, check_noise, check_shares, parse_shares
from probes.errors import ConfigError


def test_every_kind_of_the_contract_is_there():
    assert list(NOISE_KINDS) == [
        *("uniform_all", "uniform_other", "pair", "matrix:FILE", "instance"),
        *("shuffled_pixels", "random_pixels", "gaussian"),
    ]
    assert set(INPUT_KINDS) < set(NOISE_KINDS)


def test_shares_are_read_in_their_order():
    assert list(parse_shares(["gaussian=0.1", "uniform_all=0.2"]).items()) == [("gaussian", 0.1), ("uniform_all", 0.2)]


def test_the_last_equals_sign_ends_the_file_of_a_matrix():
    assert parse_shares(["matrix:a=b.csv=0.5"]) == {"matrix:a=b.csv": 0.5}


@pytest.mark.parametrize("text", ["uniform_all", "uniform_all=", "uniform_all=much", "=0.2x"])
def test_what_is_no_kind_and_share_is_refused(text):
    with pytest.raises(ConfigError, match="corrupt must look like KIND=SHARE"):
        parse_shares([text])


def test_a_kind_named_twice_is_refused():
    with pytest.raises(ConfigError, match="corrupt names 'pair' twice"):
        parse_shares(["pair=0.1", "pair=0.2"])


def test_shares_that_sum_to_more_than_one_are_refused():
    with pytest.raises(ConfigError, match=r"must sum to at most 1, got 1.1 \(pair 0.6, gaussian 0.5\)"):
        check_shares({"pair": 0.6, "gaussian": 0.5})


def test_ten_shares_of_a_tenth_are_not_too_many():
    check_shares({f"matrix:{i}.csv": 0.1 for i in range(10)})


@pytest.mark.parametrize("kind", ["matrix", "matrix:", "matrix:FILE"])
def test_a_matrix_without_a_file_is_refused(kind):
    with pytest.raises(ConfigError, match="needs a file: matrix:PATH"):
        check_noise(kind, 0.5)
