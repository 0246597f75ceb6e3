"""What the study of optimizers must show.

Of XOR a seed is a batch of networks: its values are the batch's share of successes and
median epochs (a network that never met the criterion counts with the last epoch). Of
the chaotic series a seed is a series, and a network for each rule and rate.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import pandas as pd

from metarl.analysis.effects import Effect
from metarl.studies.optimizers.tables import measured, median_epochs, success
from metarl.studies.spec import Facts, Results, criteria

Series: TypeAlias = "pd.Series[float]"

HEADLINE_RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Initial rates at which D2 and WP stand side by side on XOR."""
BEST = {"d1": 0.1, "d2": 1.0}
"""Rates at which D1 and D2 are compared with weight perturbation's best, on XOR."""
FAILING = 0.9
"""Share of successes below which a rate counts as failing."""
POOR = 0.2
"""Test NRMSE above which learning of a chaotic series counts as failed."""


def by_seed(results: Results, condition: str, of: Callable[[Facts], float]) -> Series:
    """One number of each seed's facts."""
    return pd.Series([of(facts) for facts in results.facts[condition]])


def effect(name: str, values: Series, rule: str | None = None) -> Effect:
    """A row by the name of its rule; without one it is reported."""
    criterion = None if rule is None else criteria("optimizers")[rule]
    summary = "median" if criterion is None else criterion.summary
    return Effect(
        label=name,
        values=values,
        summary=summary,
        criterion=criterion,
        needs_learning=False,
    )


def judged(results: Results) -> list[Effect]:
    """All of them."""
    return [
        *_xor_tuned(results),
        *_xor_at_every_rate(results),
        *_xor_beside_weight_perturbation(results),
        *_lorenz(results),
        *_rossler(results),
        *_reported(results),
    ]


def _xor_tuned(results: Results) -> list[Effect]:
    rows = []
    for rule, rate in BEST.items():
        name = f"XOR, {rule.upper()} from rate {rate:g}"
        rows += [
            effect(
                f"{name}: share of networks that learn it",
                _successes(results, rule, rate),
                "XOR, success",
            ),
            effect(
                f"{name}: median epochs to the criterion",
                _epochs(results, rule, rate),
                "XOR, epochs",
            ),
        ]
    return rows


def _xor_at_every_rate(results: Results) -> list[Effect]:
    rows = []
    for rate in HEADLINE_RATES:
        name = f"XOR, D2 from rate {rate:g}"
        rows += [
            effect(
                f"{name}: share of networks that learn it, whatever the rate",
                _successes(results, "d2", rate),
                "XOR, success at every rate",
            ),
            effect(
                f"{name}: median epochs to the criterion, whatever the rate",
                _epochs(results, "d2", rate),
                "XOR, epochs at every rate",
            ),
        ]
    learned = {rate: _successes(results, "wp", rate) for rate in HEADLINE_RATES}
    failing = (pd.DataFrame(learned) < FAILING).sum(axis=1).astype(float)
    name = "XOR, WP: of the same five rates, those from which fewer than 90 % learn"
    return [*rows, effect(name, failing, "XOR, rates that fail")]


def _xor_beside_weight_perturbation(results: Results) -> list[Effect]:
    rate = best_rate(results, "xor-wp", median_epochs)
    baseline = _epochs(results, "wp", rate)
    quicker = min(BEST, key=lambda rule: _epochs(results, rule, BEST[rule]).median())
    ours = BEST[quicker]
    gain = _successes(results, quicker, ours) - _successes(results, "wp", rate)
    return [
        effect(
            f"XOR, {quicker.upper()} from rate {ours:g}: median epochs, as a share of "
            f"WP's from its best rate",
            _epochs(results, quicker, ours) / baseline,
            "XOR, beside weight perturbation",
        ),
        effect(
            f"XOR, {quicker.upper()} from rate {ours:g}: share of networks that learn "
            "it, less WP's from its best rate",
            gain,
            "XOR, success beside weight perturbation",
        ),
    ]


def _lorenz(results: Results) -> list[Effect]:
    rates = results.facts["lorenz-d2"][0]["rates"]
    first = {rate: _errors(results, "lorenz-d2", rate, 0) for rate in rates}
    rows = [
        effect(
            f"Lorenz, D2 from rate {rate:g}, 6,000 steps: test NRMSE",
            values,
            "Lorenz, error",
        )
        for rate, values in first.items()
    ]
    linear = by_seed(
        results, "lorenz-d2", lambda facts: facts["baselines"]["linear autoregression"]
    )
    failed = _errors(results, "lorenz-wp", 0.1) > POOR
    long = _errors(results, "lorenz-d2", 0.01)
    descent = _errors(results, "lorenz-sgd", 0.3)
    return [
        *rows,
        effect(
            "Lorenz, D2, 6,000 steps, the worst of its rates: test NRMSE as a share of "
            "linear autoregression's",
            pd.DataFrame(first).max(axis=1) / linear,
            "Lorenz, beside a linear forecast",
        ),
        effect(
            "Lorenz, WP from rate 0.1: whether it diverged or stayed above 0.2",
            failed.astype(float),
            "Lorenz, weight perturbation fails",
        ),
        effect(
            "Lorenz, D2 from rate 0.01, 25,000 steps: test NRMSE",
            long,
            "Lorenz, long training",
        ),
        effect(
            "Lorenz, D2 from rate 0.01, 25,000 steps: test NRMSE as a share of "
            "gradient descent's",
            long / descent,
            "Lorenz, beside gradient descent",
        ),
        effect(
            "Lorenz, D2 from rate 0.01, 25,000 steps: test NRMSE as a share of Adam's",
            long / _errors(results, "lorenz-adam", 0.01),
        ),
    ]


def _rossler(results: Results) -> list[Effect]:
    errors = _errors(results, "rossler-d2", 0.01)
    rate = best_rate(
        results, "rossler-wp", lambda facts, rate: measured(facts, "NRMSE", rate)
    )
    return [
        effect(
            "Rossler, D2 from rate 0.01, 6,000 steps: test NRMSE",
            errors,
            "Rossler, error",
        ),
        effect(
            "Rossler, D2 from rate 0.01, 6,000 steps: test NRMSE as a share of WP's "
            "from its best rate",
            errors / _errors(results, "rossler-wp", rate),
            "Rossler, beside weight perturbation",
        ),
    ]


def _reported(results: Results) -> list[Effect]:
    """2-2-1 networks, a test of local minima; and agents that learn to learn."""
    rows = []
    for condition, seeds in results.facts.items():
        problem, rule = seeds[0]["problem"], seeds[0]["rule"].upper()
        for rate in seeds[0]["rates"]:
            name = f"{rule} from rate {rate:g}"
            if problem == "xor-2-2-1":
                told = f"XOR with two hidden units, {name}: share that learn it"
                rows.append(effect(told, _shares(results, condition, rate)))
            if problem == "bandit":
                told = f"Bandit agent, {name}: regret (rewards an episode)"
                rows.append(effect(told, _regrets(results, condition, rate)))
    return rows


def best_rate(results: Results, condition: str, of: Callable[..., float]) -> float:
    """The rate whose median over seeds is lowest."""

    def middle(rate: float) -> float:
        return float(by_seed(results, condition, partial(of, rate=rate)).median())

    rates: list[float] = results.facts[condition][0]["rates"]
    return min(rates, key=middle)


def _successes(results: Results, rule: str, rate: float) -> Series:
    return _shares(results, f"xor-{rule}", rate)


def _shares(results: Results, condition: str, rate: float) -> Series:
    return by_seed(results, condition, lambda facts: success(facts, rate))


def _regrets(results: Results, condition: str, rate: float) -> Series:
    return by_seed(results, condition, lambda facts: measured(facts, "regret", rate))


def _epochs(results: Results, rule: str, rate: float) -> Series:
    return by_seed(results, f"xor-{rule}", lambda facts: median_epochs(facts, rate))


def _errors(results: Results, condition: str, rate: float, mark: int = -1) -> Series:
    return by_seed(
        results, condition, lambda facts: measured(facts, "NRMSE", rate, mark)
    )
