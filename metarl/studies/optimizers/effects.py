"""Effects of the study of optimizers.

Of XOR a seed is a batch of networks: its values are the batch's share of successes and
median epochs (a network that never met the criterion counts with the last epoch). Of
the chaotic series a seed is a series, and one network for each rule and rate.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import pandas as pd

from metarl.analysis.effects import Effect
from metarl.studies.optimizers.tables import measure_value, median_epochs, success
from metarl.studies.spec import Results, SeedResults, make_effect, read_criteria

Series: TypeAlias = "pd.Series[float]"

CRITERIA = read_criteria("metarl.studies.optimizers")

HEADLINE_RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Initial rates at which D2 and WP are compared on XOR."""
BEST = {"d1": 0.1, "d2": 1.0}
"""Rates of D1 and D2 that are compared with weight perturbation's best rate, on XOR."""
FAILING = 0.9
"""Share of successes below which a rate counts as failing."""
POOR = 0.2
"""Test NRMSE above which a chaotic series counts as not learned."""


def effects(results: Results) -> list[Effect]:
    """All effects; on XOR a seed is a batch of networks."""
    return [
        *_xor_tuned(results),
        *_xor_at_every_rate(results),
        *_xor_relative_to_weight_perturbation(results),
        *_lorenz(results),
        *_rossler(results),
        *_unscored(results),
    ]


def _xor_tuned(results: Results) -> list[Effect]:
    rows = []
    for rule, rate in BEST.items():
        name = f"XOR, {rule.upper()} from rate {rate:g}"
        rows += [
            make_effect(
                f"{name}: share of networks that learn it",
                _successes(results, f"xor-{rule}", rate),
                CRITERIA["XOR, success"],
            ),
            make_effect(
                f"{name}: median epochs to the criterion",
                _epochs(results, rule, rate),
                CRITERIA["XOR, epochs"],
            ),
        ]
    return rows


def _xor_at_every_rate(results: Results) -> list[Effect]:
    rows = []
    for rate in HEADLINE_RATES:
        name = f"XOR, D2 from rate {rate:g}"
        rows += [
            make_effect(
                f"{name}: share of networks that learn it, whatever the rate",
                _successes(results, "xor-d2", rate),
                CRITERIA["XOR, success at every rate"],
            ),
            make_effect(
                f"{name}: median epochs to the criterion, whatever the rate",
                _epochs(results, "d2", rate),
                CRITERIA["XOR, epochs at every rate"],
            ),
        ]
    learned = {rate: _successes(results, "xor-wp", rate) for rate in HEADLINE_RATES}
    failing = (pd.DataFrame(learned) < FAILING).sum(axis=1).astype(float)
    name = "XOR, WP: number of the same five rates from which fewer than 90 % learn"
    return [*rows, make_effect(name, failing, CRITERIA["XOR, rates that fail"])]


def _xor_relative_to_weight_perturbation(results: Results) -> list[Effect]:
    wp_rate = best_rate(results, "xor-wp", median_epochs)
    rule = min(BEST, key=lambda rule: _epochs(results, rule, BEST[rule]).median())
    rate = BEST[rule]
    name = f"XOR, {rule.upper()} from rate {rate:g}"
    own, reference = (
        _successes(results, condition, each)
        for condition, each in ((f"xor-{rule}", rate), ("xor-wp", wp_rate))
    )
    return [
        make_effect(
            f"{name}: median epochs, as a share of WP's from its best rate",
            _epochs(results, rule, rate) / _epochs(results, "wp", wp_rate),
            CRITERIA["XOR, relative to weight perturbation"],
        ),
        make_effect(
            f"{name}: share of networks that learn it, minus WP's from its best rate",
            own - reference,
            CRITERIA["XOR, success relative to weight perturbation"],
        ),
    ]


def _lorenz(results: Results) -> list[Effect]:
    rates = results.seeds["lorenz-d2"][0]["rates"]
    first = {rate: _errors(results, "lorenz-d2", rate, 0) for rate in rates}
    by_rate = [
        make_effect(
            f"Lorenz, D2 from rate {rate:g}, 6,000 steps: test NRMSE",
            values,
            CRITERIA["Lorenz, error"],
        )
        for rate, values in first.items()
    ]
    linear = by_seed(
        results, "lorenz-d2", lambda run: run["baselines"]["linear autoregression"]
    )
    failed = _errors(results, "lorenz-wp", 0.1) > POOR
    return [
        *by_rate,
        make_effect(
            "Lorenz, D2, 6,000 steps, the worst of its rates: test NRMSE as a share of "
            "linear autoregression's",
            pd.DataFrame(first).max(axis=1) / linear,
            CRITERIA["Lorenz, relative to a linear forecast"],
        ),
        make_effect(
            "Lorenz, WP from rate 0.1: whether it diverged or stayed above 0.2",
            failed.astype(float),
            CRITERIA["Lorenz, weight perturbation fails"],
        ),
        *_lorenz_long(results),
    ]


def _lorenz_long(results: Results) -> list[Effect]:
    """Error after the longest training, relative to gradient descent and Adam."""
    name = "Lorenz, D2 from rate 0.01, 25,000 steps: test NRMSE"
    errors = _errors(results, "lorenz-d2", 0.01)
    return [
        make_effect(name, errors, CRITERIA["Lorenz, long training"]),
        make_effect(
            f"{name} as a share of gradient descent's",
            errors / _errors(results, "lorenz-sgd", 0.3),
            CRITERIA["Lorenz, relative to gradient descent"],
        ),
        make_effect(
            f"{name} as a share of Adam's",
            errors / _errors(results, "lorenz-adam", 0.01),
        ),
    ]


def _rossler(results: Results) -> list[Effect]:
    name = "Rossler, D2 from rate 0.01, 6,000 steps: test NRMSE"
    errors = _errors(results, "rossler-d2", 0.01)
    wp_rate = best_rate(
        results, "rossler-wp", lambda run, rate: measure_value(run, "NRMSE", rate)
    )
    return [
        make_effect(name, errors, CRITERIA["Rossler, error"]),
        make_effect(
            f"{name} as a share of WP's from its best rate",
            errors / _errors(results, "rossler-wp", wp_rate),
            CRITERIA["Rossler, relative to weight perturbation"],
        ),
    ]


def _unscored(results: Results) -> list[Effect]:
    """2-2-1 networks, a test of local minima; and agents that learn to learn."""
    rows = []
    for condition, runs in results.seeds.items():
        problem, rule = runs[0]["problem"], runs[0]["rule"].upper()
        for rate in runs[0]["rates"]:
            name = f"{rule} from rate {rate:g}"
            if problem == "xor-2-2-1":
                name = f"XOR with two hidden units, {name}: share that learn it"
                rows.append(make_effect(name, _successes(results, condition, rate)))
            if problem == "bandit":
                name = f"bandit agent, {name}: regret (rewards per episode)"
                rows.append(make_effect(name, _regrets(results, condition, rate)))
    return rows


def best_rate(results: Results, condition: str, measure: Callable[..., float]) -> float:
    """The initial rate with the lowest median of a measure over seeds.

    Args:
        results: of all conditions.
        condition: to search.
        measure: of a run and a rate.
    """

    def median(rate: float) -> float:
        return float(by_seed(results, condition, partial(measure, rate=rate)).median())

    rates: list[float] = results.seeds[condition][0]["rates"]
    return min(rates, key=median)


def by_seed(
    results: Results, condition: str, measure: Callable[[SeedResults], float]
) -> Series:
    """One number of each seed's run."""
    return pd.Series([measure(run) for run in results.seeds[condition]])


def _successes(results: Results, condition: str, rate: float) -> Series:
    return by_seed(results, condition, partial(success, rate=rate))


def _epochs(results: Results, rule: str, rate: float) -> Series:
    return by_seed(results, f"xor-{rule}", partial(median_epochs, rate=rate))


def _regrets(results: Results, condition: str, rate: float) -> Series:
    return by_seed(results, condition, partial(measure_value, name="regret", rate=rate))


def _errors(results: Results, condition: str, rate: float, mark: int = -1) -> Series:
    measure = partial(measure_value, name="NRMSE", rate=rate, mark=mark)
    return by_seed(results, condition, measure)
