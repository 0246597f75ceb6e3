"""Numbers of the study of optimizers: of one run, and of all runs in tables.

A run is the results of one seed of a condition, as of `optimizer_run`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.studies.spec import Results, SeedResults

Numbers = NDArray[np.float64]

MEASURES = {
    "NRMSE": "test NRMSE",
    "valid time": "valid time (Lyapunov times)",
    "regret": "regret (rewards/episode)",
}
"""Measure among the results -> column."""


def has_criterion(run: SeedResults) -> bool:
    """Whether the problem has a loss at which it counts as learned."""
    return str(run["problem"]).startswith("xor")


def run_marks(run: SeedResults) -> list[int]:
    """Steps after which measures were taken; the last if there are no measures."""
    for by_steps in run["measures"].values():
        return [int(steps) for steps in by_steps]
    return [run["steps"]]


def epochs(run: SeedResults, rate: float) -> list[int | None]:
    """Steps of each replica to the criterion from an initial rate; None: never."""
    steps: list[int | None] = run["epochs"][run["rates"].index(rate)]
    return steps


def success(run: SeedResults, rate: float) -> float:
    """Share of replicas that met the criterion."""
    return float(np.mean([epoch is not None for epoch in epochs(run, rate)]))


def median_epochs(run: SeedResults, rate: float) -> float:
    """Median steps to the criterion; replicas that never met it count with the last."""
    last = run["steps"]
    steps = [last if epoch is None else epoch for epoch in epochs(run, rate)]
    return float(np.median(steps))


def measure_value(run: SeedResults, name: str, rate: float, mark: int = -1) -> float:
    """Median of a measure over replicas.

    Args:
        run: results of one seed.
        name: of the measure.
        rate: the initial learning rate.
        mark: place among the run's marks; 0 is the first, -1 the last.
    """
    steps = str(run_marks(run)[mark])
    return float(np.median(run["measures"][name][steps][run["rates"].index(rate)]))


def all_epochs(runs: Sequence[SeedResults], rate: float) -> list[int | None]:
    """Steps to the criterion as of `epochs`, of the networks of all seeds."""
    return [epoch for run in runs for epoch in epochs(run, rate)]


def pooled_epochs(runs: Sequence[SeedResults], rate: float) -> tuple[float, float]:
    """Share of all seeds' networks that met the criterion, and their median steps.

    The median is NaN if fewer than half of them met it.
    """
    pooled = all_epochs(runs, rate)
    steps = [np.inf if epoch is None else epoch for epoch in pooled]
    median = float(np.median(steps))
    share = float(np.isfinite(steps).mean())
    return share, median if np.isfinite(median) else np.nan


def measures_of_networks(runs: Sequence[SeedResults], name: str, mark: int) -> Numbers:
    """(rates, networks) of a measure, over the networks of all seeds."""
    steps = str(run_marks(runs[0])[mark])
    each: list[Numbers] = [np.array(run["measures"][name][steps]) for run in runs]
    return np.concatenate(each, axis=1)


def best_rate_place(runs: Sequence[SeedResults]) -> int:
    """Place of the best initial rate: fewest steps to the criterion, or lowest loss.

    A network that never met the criterion counts with the last step.
    """
    if has_criterion(runs[0]):
        each = [[median_epochs(run, rate) for rate in run["rates"]] for run in runs]
    else:
        each = [
            [np.median(losses, axis=0)[-1] for losses in run["losses"]] for run in runs
        ]
    return int(np.median(each, axis=0).argmin())


def comparison_table(results: Results) -> pd.DataFrame:
    """One row per problem, rule, initial rate and number of updates.

    Medians over seeds; of XOR over the networks of all seeds. Seconds are those of a
    seed's condition, with all of its rates and updates.
    """
    rows = [
        row for condition in results.conditions for row in _rows(results, condition)
    ]
    table = pd.DataFrame(rows)
    return table.dropna(axis=1, how="all")


def _rows(results: Results, condition: str) -> Iterator[dict[str, object]]:
    runs = results.seeds[condition]
    first = runs[0]
    seconds = round(float(np.mean(results.seconds[condition])), 2)
    for rate in first["rates"]:
        for mark, steps in enumerate(run_marks(first)):
            share, median = np.nan, np.nan
            if has_criterion(first):
                share, median = pooled_epochs(runs, rate)
            forwards = first["forward-equivalents"] * steps // first["steps"]
            yield {
                "problem": first["problem"],
                "rule": first["rule"],
                "rate": rate,
                "updates": steps,
                "median epochs": median,
                "success": share,
                **{
                    column: _median_over_seeds(runs, name, rate, mark)
                    for name, column in MEASURES.items()
                },
                "forward-equivalents": forwards,
                "stored floats": first["stored floats"],
                "seconds": seconds,
            }


def _median_over_seeds(
    runs: Sequence[SeedResults], name: str, rate: float, mark: int
) -> float:
    """Median over seeds; NaN if the problem does not have the measure."""
    if name not in runs[0]["measures"]:
        return np.nan
    median = np.median([measure_value(run, name, rate, mark) for run in runs])
    return float(np.round(median, 4))


def baselines_table(results: Results) -> pd.DataFrame:
    """Test error of forecasts without a network: median, lowest and highest seed."""
    rows = {}
    for runs in results.seeds.values():
        for name in runs[0]["baselines"]:
            values = [run["baselines"][name] for run in runs]
            problem = runs[0]["problem"]
            rows[problem, name] = (np.median(values), min(values), max(values))
    return pd.DataFrame(
        [(*key, *values) for key, values in rows.items()],
        columns=["problem", "forecast", "test NRMSE", "lowest", "highest"],
    )
