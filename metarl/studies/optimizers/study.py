"""Optimizers without gradients: weight perturbation with a rate set by regret.

Is a learning rate that follows the optimizer's regret RPE quicker than plain weight
perturbation, and does it depend less on its initial value?

Source: reconstruction from the abstract of arXiv:2510.22178; not the paper's equations.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd
from matplotlib.figure import Figure

from metarl.studies.optimizers.effects import CRITERIA, HEADLINE_RATES, effects
from metarl.studies.optimizers.optimizer_run import OptimizerRun
from metarl.studies.optimizers.plots import draw_all
from metarl.studies.optimizers.tables import baselines_table, comparison_table
from metarl.studies.spec import Condition, Results, Scale, Study

SHORT, LONG = 6000, 25_000
"""Steps of perturbation on a chaotic series."""
BACKPROPAGATION_STEPS = 3000
BANDIT_STEPS = 1800
XOR_STEPS, XOR_REPLICAS = 3000, 40
SMOKE_STEPS = 4

RATES: Mapping[str, Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "xor": {
            "wp": HEADLINE_RATES,
            "np": (0.3, 1.0),
            "d0": (1.0, 3.0),
            "d1": (0.03, 0.1, 0.2),
            "d2": HEADLINE_RATES,
            "sgd": (1.0, 3.0, 10.0),
            "adam": (0.01, 0.1),
        },
        "xor-2-2-1": {
            "wp": (1.0,),
            "d1": (0.1,),
            "d2": (1.0,),
            "sgd": (3.0,),
            "adam": (0.1,),
        },
        "lorenz": {
            "wp": (0.03, 0.1),
            "np": (0.03,),
            "d0": (0.1,),
            "d1": (0.001,),
            "d2": (0.001, 0.01, 0.1),
            "sgd": (0.1, 0.3),
            "adam": (0.01,),
        },
        "rossler": {
            "wp": (0.01, 0.03),
            "np": (0.03,),
            "d0": (0.1,),
            "d1": (0.001,),
            "d2": (0.01, 0.1),
            "sgd": (0.1, 0.3),
            "adam": (0.01,),
        },
        "bandit": {"wp": (0.01,), "d1": (0.01,), "adam": (0.003,)},
    }
)
"""Problem -> rule -> initial rates, fixed after pilots on other seeds."""
GRID: Mapping[str, Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "xor": {
            "wp": (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 10.0),
            "np": (0.1, 0.3, 1.0, 3.0),
            "d0": (0.3, 1.0, 3.0, 10.0),
            "d1": (0.01, 0.03, 0.1, 0.2, 0.5),
            "d2": (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 10.0),
            "sgd": (0.3, 1.0, 3.0, 10.0),
            "adam": (0.003, 0.01, 0.03, 0.1),
        },
        "lorenz": {
            "wp": (0.01, 0.03, 0.06, 0.1),
            "np": (0.01, 0.03, 0.1),
            "d0": (0.03, 0.1, 0.3),
            "d1": (0.0003, 0.001, 0.003),
            "d2": (0.001, 0.01, 0.1, 1.0),
            "sgd": (0.03, 0.1, 0.3),
            "adam": (0.003, 0.01, 0.03),
        },
        "rossler": {
            "wp": (0.003, 0.01, 0.03, 0.1),
            "np": (0.01, 0.03, 0.1),
            "d0": (0.03, 0.1, 0.3),
            "d1": (0.0003, 0.001, 0.003),
            "d2": (0.001, 0.01, 0.1, 1.0),
            "sgd": (0.03, 0.1, 0.3),
            "adam": (0.003, 0.01, 0.03),
        },
        "bandit": {
            "wp": (0.003, 0.01, 0.03),
            "np": (0.03, 0.3),
            "d0": (0.03, 0.3),
            "d1": (0.006, 0.01, 0.02),
            "d2": (0.01, 0.1),
            "sgd": (0.01, 0.1),
            "adam": (0.001, 0.003),
        },
    }
)
"""The same for the grid; a problem without a grid keeps RATES."""


def make_run(
    problem: str, rule: str, rates: tuple[float, ...], *, smoke: bool = False
) -> OptimizerRun:
    """One rule on one problem, for as many steps as the study has.

    Args:
        problem: one of BENCHMARK_PROBLEMS.
        rule: one of LEARNERS.
        rates: initial learning rates.
        smoke: whether to do only a few steps.
    """
    marks: tuple[int, ...] = ()
    if problem.startswith("xor"):
        steps = XOR_STEPS
    elif problem == "bandit":
        steps = BANDIT_STEPS
    elif rule in ("sgd", "adam"):
        steps = BACKPROPAGATION_STEPS
    elif (problem, rule) == ("lorenz", "d2"):
        marks, steps = (SHORT,), LONG
    else:
        steps = SHORT
    replicas = XOR_REPLICAS if problem.startswith("xor") else 1
    if smoke:
        marks, steps, replicas = (1,) if marks else (), SMOKE_STEPS, min(replicas, 2)
    return OptimizerRun(
        problem=problem,
        rule=rule,
        rates=rates,
        steps=steps,
        replicas=replicas,
        marks=marks,
    )


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every rule on every problem."""
    rates = {**RATES, **GRID} if scale.grid else RATES
    return {
        f"{problem}-{rule}": make_run(problem, rule, chosen, smoke=scale.smoke)
        for problem, rules in rates.items()
        for rule, chosen in rules.items()
    }


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Comparison of the rules, and forecasts without a network, if any."""
    all_tables = {
        "comparison": comparison_table(results),
        "baselines": baselines_table(results),
    }
    return {name: table for name, table in all_tables.items() if len(table)}


def figures(results: Results) -> Mapping[str, Figure]:
    """Learning curves, results by initial rate, and learning rates over training."""
    return draw_all(results)


STUDY = Study(
    name="optimizers",
    question="Does a learning rate that follows the optimizer's regret RPE make weight "
    "perturbation quicker, and less dependent on its initial rate?",
    source="Nambusubramaniyan et al. 2025, arXiv:2510.22178 (reconstructed from the "
    "abstract)",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
