"""How a run's fit is read, on runs of known curves."""

import numpy as np
import pytest

from probes.studies import randomization
from probes.studies.randomization import Fit, fit_of


@pytest.fixture
def curves(monkeypatch):
    """Gives the curves that a run is read by."""

    def set_curves(train, test):
        table = {"train/all": np.array(train), "test": np.array(test)}
        monkeypatch.setattr(randomization, "curve", lambda run, group, column="accuracy": table[group])

    return set_curves


def test_test_error_is_read_when_the_training_set_is_fitted(curves):
    curves([0.5, 0.9995, 1.0], [0.6, 0.8, 0.7])

    fit = fit_of(None)
    assert (fit.best, fit.epoch) == (1.0, 2.0)
    assert fit.test_error == pytest.approx(0.2)


def test_one_that_never_fits_has_no_epoch_and_its_last_error(curves):
    curves([0.5, 0.9, 0.8], [0.6, 0.8, 0.7])

    fit = fit_of(None)
    assert (fit.best, np.isnan(fit.epoch)) == (0.9, True)
    assert fit.test_error == pytest.approx(0.3)


def test_early_growth_is_the_share_of_the_whole_growth():
    fits = [Fit(1.0, epoch, 0.0, np.zeros(1)) for epoch in (10.0, 40.0, 50.0)]

    assert randomization._early_growth(*([fit] for fit in fits)) == (0.75,)
