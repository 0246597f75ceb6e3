"""Numbers of the study of optimizers: of one seed's facts, and of all in tables."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.studies.spec import Facts, Results

Numbers = NDArray[np.float64]

MEASURES = {
    "NRMSE": "test NRMSE",
    "valid time": "valid time (Lyapunov times)",
    "regret": "regret (rewards/episode)",
}
"""Measure in the facts -> column."""


def epochs(facts: Facts, rate: float) -> list[int | None]:
    """Each replica's steps to the criterion from an initial rate; None: never."""
    found: list[int | None] = facts["epochs"][facts["rates"].index(rate)]
    return found


def success(facts: Facts, rate: float) -> float:
    """Share of replicas that met the criterion."""
    return float(np.mean([epoch is not None for epoch in epochs(facts, rate)]))


def median_epochs(facts: Facts, rate: float) -> float:
    """Median steps to the criterion; who never met it counts with the last step."""
    last = facts["steps"]
    found = [last if epoch is None else epoch for epoch in epochs(facts, rate)]
    return float(np.median(found))


def marks(facts: Facts) -> list[int]:
    """Steps after which measures were taken; the last alone, where there are none."""
    for by_steps in facts["measures"].values():
        return [int(steps) for steps in by_steps]
    return [facts["steps"]]


def measured(facts: Facts, name: str, rate: float, mark: int = -1) -> float:
    """Median over replicas of a measure; mark 0 is the first time, -1 the last."""
    steps = str(marks(facts)[mark])
    return float(np.median(facts["measures"][name][steps][facts["rates"].index(rate)]))


def all_epochs(seeds: Sequence[Facts], rate: float) -> list[int | None]:
    """As `epochs`, of all seeds' networks."""
    return [epoch for facts in seeds for epoch in epochs(facts, rate)]


def pooled_epochs(seeds: Sequence[Facts], rate: float) -> tuple[float, float]:
    """Share of all seeds' replicas that met the criterion, and their median steps.

    NaN where fewer than half ever met it.
    """
    found = all_epochs(seeds, rate)
    steps = [np.inf if epoch is None else epoch for epoch in found]
    median = float(np.median(steps))
    share = float(np.isfinite(steps).mean())
    return share, median if np.isfinite(median) else np.nan


def has_criterion(facts: Facts) -> bool:
    """Whether there is a loss at which the problem counts as learned."""
    return str(facts["problem"]).startswith("xor")


def comparison(results: Results) -> pd.DataFrame:
    """One row for a problem, rule, initial rate and number of updates.

    Medians over seeds; of XOR over all seeds' networks. Seconds are those of a seed's
    condition, with all of its rates and updates.
    """
    rows = [row for condition in results.facts for row in _rows(results, condition)]
    table = pd.DataFrame(rows)
    return table.dropna(axis=1, how="all")


def _rows(results: Results, condition: str) -> Iterator[dict[str, object]]:
    seeds = results.facts[condition]
    first = seeds[0]
    for rate in first["rates"]:
        for place, steps in enumerate(marks(first)):
            learned = has_criterion(first)
            share, median = pooled_epochs(seeds, rate) if learned else (np.nan, np.nan)
            yield {
                "problem": first["problem"],
                "rule": first["rule"],
                "rate": rate,
                "updates": steps,
                "median epochs": median,
                "success": share,
                **{
                    column: _median(seeds, name, rate, place)
                    for name, column in MEASURES.items()
                },
                "forward-equivalents": first["forward-equivalents"]
                * steps
                // first["steps"],
                "stored floats": first["stored floats"],
                "seconds": round(float(np.mean(results.seconds[condition])), 2),
            }


def _median(seeds: Sequence[Facts], name: str, rate: float, place: int) -> float:
    """Over seeds; NaN where the problem has no such measure."""
    if name not in seeds[0]["measures"]:
        return np.nan
    found = np.median([measured(facts, name, rate, place) for facts in seeds])
    return float(np.round(found, 4))


def baselines(results: Results) -> pd.DataFrame:
    """Test error of forecasts that need no network: median, lowest, highest seed."""
    rows = {}
    for seeds in results.facts.values():
        for name in seeds[0]["baselines"]:
            values = [facts["baselines"][name] for facts in seeds]
            problem = seeds[0]["problem"]
            rows[problem, name] = (np.median(values), min(values), max(values))
    return pd.DataFrame(
        [(*key, *values) for key, values in rows.items()],
        columns=["problem", "forecast", "test NRMSE", "lowest", "highest"],
    )


def of_all_seeds(seeds: Sequence[Facts], name: str, mark: int) -> Numbers:
    """(rates, networks) of a measure, all seeds' networks side by side."""
    steps = str(marks(seeds[0])[mark])
    each: list[Numbers] = [np.array(f["measures"][name][steps]) for f in seeds]
    return np.concatenate(each, axis=1)


def best_place(seeds: Sequence[Facts]) -> int:
    """Which of the rates is best: most quickly to the criterion, else the least loss.

    A network that never met the criterion counts with the last step.
    """
    if has_criterion(seeds[0]):
        each = [[median_epochs(f, rate) for rate in f["rates"]] for f in seeds]
    else:
        each = [[np.median(rate, axis=0)[-1] for rate in f["losses"]] for f in seeds]
    return int(np.median(each, axis=0).argmin())
