"""The tests of the hybrid itself fit it to as many trials as a user's."""

import pytest


@pytest.fixture(autouse=True)
def few_fitted_trials():
    """Fit as many trials as outside the tests."""
