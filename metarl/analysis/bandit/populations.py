"""Regret of networks that were trained on other arms, or that lack a part."""

import numpy as np
import pandas as pd

from metarl.analysis.bandit.behaviour import (
    RASTERS,
    SETTLING_COLUMNS,
    SUBJECT_COLUMNS,
    Players,
    read_problems,
    regret_by_trial,
    settling,
    subject_regrets,
)
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import stack

DISTRIBUTIONS = ("independent", "correlated", "easy", "medium", "hard")
"""Distributions of the arms, in training and in tests."""
DEPENDENT_TEST = "medium"
"""Test with arms of reward probability .25 and .75, as the references have them."""
ABLATIONS = ("no-reward", "no-action", "no-memory")
"""Variants that lack a part."""


def transfer(data: ExperimentData, players: Players) -> dict[str, pd.DataFrame]:
    """Regret by the distribution in training and in the test, and settling.

    Args:
        data: with tests and variants named after distributions.
        players: the measured subjects in the main test.

    Returns:
        transfer, one row a population, test and subject: trained, tested, the columns
        of `subject_regrets`, and expected (as of `_expected`). dependent, of
        DEPENDENT_TEST, one row a population, subject and trial: trained, and the
        columns of `regret_by_trial`. settling, of the measured subjects in the tests of
        RASTERS: tested, and the columns of `settling`.
    """
    regrets, curves, settled = [], [], []
    for trained, population in _populations(data).items():
        expected = _expected(data, trained)
        for tested, trials in _tests(population).items():
            problems = players if trials is data.trials else read_problems(trials)
            table = subject_regrets(problems).assign(expected=expected)
            regrets.append(({"trained": trained, "tested": tested}, table))
            if tested == DEPENDENT_TEST:
                curves.append(({"trained": trained}, regret_by_trial(problems)))
            if tested in RASTERS and population is data:
                settled.append(({"tested": tested}, settling(problems)))
    return {
        "transfer": stack(regrets, ("trained", "tested", *SUBJECT_COLUMNS, "expected")),
        "dependent": stack(curves, ("trained", "subject", "trial", "regret")),
        "settling": stack(settled, ("tested", *SETTLING_COLUMNS)),
    }


def _populations(data: ExperimentData) -> dict[str, ExperimentData]:
    """Distribution in training -> the networks that were trained on it."""
    others = {k: data.variants[k] for k in DISTRIBUTIONS if k in data.variants}
    return {_distribution(data): data} | others


def _distribution(data: ExperimentData) -> str:
    """Distribution of the arms in the main test."""
    return str(data.parameters.get("distribution", DISTRIBUTIONS[0]))


def _tests(data: ExperimentData) -> dict[str, pd.DataFrame]:
    """Distribution of the arms in a test -> its trial table."""
    known = {**data.tests, _distribution(data): data.trials}
    return {k: known[k] for k in DISTRIBUTIONS if k in known}


def _expected(data: ExperimentData, variant: str) -> float:
    """Expected number of subjects of a variant; NaN where not known."""
    population = data.variants.get(variant)
    count = None if population is None else population.expected_subjects
    return np.nan if count is None else count


def ablations(data: ExperimentData) -> pd.DataFrame:
    """Regret of the variants that lack a part, as a share of that of random choice.

    Returns:
        One row a variant and subject: variant, the columns of `subject_regrets`,
        expected (as of `_expected`), and ratio (regret / random_regret).
    """
    frames = []
    for name in [name for name in ABLATIONS if name in data.variants]:
        problems = read_problems(data.variants[name].trials)
        table = subject_regrets(problems).assign(expected=_expected(data, name))
        frames.append(({"variant": name}, table))
    table = stack(frames, ("variant", *SUBJECT_COLUMNS, "expected"))
    return table.assign(ratio=table["regret"] / table["random_regret"])
