"""Acquisition: how many networks of a run have learned their task, and when.

Every snapshot of every network was tested with frozen weights. A network has learned
at the first snapshot that meets the criterion together with the next one; the last
snapshot counts by itself. It then stays counted, even if a later test misses the
criterion. A network that never learns is censored at the end of training.

The tests are at the same steps for all networks of a run, so times are steps of
training, and a number of episodes is the mean over networks at that step. The share of
networks is the Kaplan-Meier estimate. As no network leaves before the end of training,
its interval is the exact one of a proportion (Clopper and Pearson), which is defined
where none or all have learned, too.

Source: Kaplan & Meier 1958, J Am Stat Assoc 53:457; Brookmeyer & Crowley 1982,
Biometrics 38:29; Mantel 1966, Cancer Chemother Rep 50:163.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from metarl.analysis.statistics import Interval, holm

TABLE_COLUMNS = (
    *("run", "subject", "snapshot", "episodes", "steps"),
    *("statistic", "meets", "learned"),
)
"""Columns of the table of acquisition: one row a network and snapshot."""
HALF = 0.5
"""Share of networks at the median."""


def first_met(meets: ArrayLike) -> int | None:
    """Position of the first test from which a network has learned; None if never.

    Args:
        meets: (N,) whether each test met the criterion, in the order of training.
    """
    met = np.asarray(meets, bool)
    held = met & np.append(met[1:], True)
    return int(held.argmax()) if held.any() else None


def with_learned(tests: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Table of acquisition, from the statistic of every test.

    Args:
        tests: run, subject, snapshot, episodes, steps, statistic (NaN where it has
            none), in the order of training.
        threshold: least value of the statistic that meets the criterion.

    Returns:
        The rows with meets, whether this test met the criterion, and learned, whether
        the network had learned by then; both 0 or 1.
    """
    table = tests.assign(meets=tests["statistic"].ge(threshold).astype(int), learned=0)
    for _, rows in table.groupby(["run", "subject"], sort=False):
        first = first_met(rows["meets"])
        if first is not None:
            table.loc[rows.index[first:], "learned"] = 1
    return table[list(TABLE_COLUMNS)]


def proportion(count: int, total: int, confidence: float = 0.95) -> Interval:
    """A proportion with its exact interval.

    Source: Clopper & Pearson 1934, Biometrika 26:404.
    """
    ends = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
    return Interval(count / total, float(ends.low), float(ends.high), total)


class Times(NamedTuple):
    """Time to the criterion of each network of a run, in steps or episodes."""

    learned: NDArray[np.float64]
    """(K,) of those that learned."""
    censored: NDArray[np.float64]
    """(N - K,) end of training of the others."""

    def data(self) -> "stats.CensoredData":
        """The times for `scipy.stats`."""
        return stats.CensoredData(uncensored=self.learned, right=self.censored)


def times_of(own: pd.DataFrame, unit: str = "steps") -> Times:
    """Times to the criterion of the networks of one run.

    Args:
        own: rows of one run in a table of acquisition.
        unit: "steps" or "episodes"; the mean over networks at the same snapshot.
    """
    at = own.groupby("snapshot")[unit].mean()
    first = own[own["learned"] == 1].groupby("subject")["snapshot"].min()
    others = own["subject"].nunique() - len(first)
    return Times(
        at[first].to_numpy(float), np.full(others, float(at[own["snapshot"].max()]))
    )


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of networks that have learned, by run and snapshot.

    Returns:
        run, snapshot, episodes and steps (means over networks), share, its 95 %
        interval low and high, n.
    """
    parts = [
        _shares(own).assign(run=run) for run, own in table.groupby("run", sort=False)
    ]
    columns = ["run", "snapshot", "episodes", "steps", "share", "low", "high", "n"]
    return pd.concat(parts, ignore_index=True)[columns]


def _shares(own: pd.DataFrame) -> pd.DataFrame:
    at = own.groupby("snapshot")[["episodes", "steps"]].mean()
    total = own["subject"].nunique()
    estimate = stats.ecdf(times_of(own).data()).cdf.evaluate(at["steps"])
    ends = [proportion(round(share * total), total) for share in estimate]
    bounds = {name: [getattr(end, name) for end in ends] for name in ("low", "high")}
    return at.assign(share=estimate, **bounds, n=total).reset_index()


def median_time(curve: pd.DataFrame, unit: str = "episodes") -> Interval:
    """Median time to the criterion, with its 95 % interval.

    Its ends are the first times at which the upper and the lower limit of the share
    reach one half.

    Args:
        curve: rows of one run of `shares`.
        unit: "steps" or "episodes".

    Returns:
        Median, low and high; NaN where the share, or an end of its interval, has not
        reached one half by the end of training.
    """
    median, low, high = (
        _reached(curve, name, unit) for name in ("share", "high", "low")
    )
    return Interval(median, low, high, int(curve["n"].iloc[0]))


def _reached(curve: pd.DataFrame, name: str, unit: str) -> float:
    """Time of the first snapshot at which a column is one half; NaN without one."""
    reached = curve[curve[name] >= HALF]
    return float(reached[unit].iloc[0]) if len(reached) else float("nan")


def summarise_acquisition(table: pd.DataFrame) -> pd.DataFrame:
    """One row a run: how many networks learned, and the median time.

    Returns:
        run, networks, learned, share with its 95 % interval low and high; meets_at_end,
        networks whose last test meets the criterion; median_episodes and median_steps
        to the criterion with their intervals, NaN where it was not reached;
        trained_episodes (mean over networks) and trained_steps, at the end.
    """
    rows, curves = [], shares(table)
    for run, own in table.groupby("run", sort=False):
        last = own[own["snapshot"] == own["snapshot"].max()]
        share = proportion(int(last["learned"].sum()), len(last))
        curve = curves[curves["run"] == run]
        medians = {unit: median_time(curve, unit) for unit in ("episodes", "steps")}
        rows.append(
            {
                "run": run,
                "networks": len(last),
                "learned": int(last["learned"].sum()),
                "share": share.mean,
                "low": share.low,
                "high": share.high,
                "meets_at_end": int(last["meets"].sum()),
                **{
                    f"median_{unit}{end}": getattr(median, name)
                    for unit, median in medians.items()
                    for end, name in (("", "mean"), ("_low", "low"), ("_high", "high"))
                },
                "trained_episodes": last["episodes"].mean(),
                "trained_steps": last["steps"].mean(),
            }
        )
    return pd.DataFrame(rows)


def compare_acquisition(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each run with the first.

    Returns:
        run, first; learned, networks, and the same of the first; p_logrank, of the
        log-rank test of the times in episodes; p_fisher, of Fisher's exact test of the
        numbers that learned; both two-sided, and both also corrected by Holm's method
        over the runs (p_logrank_holm, p_fisher_holm). NaN where no network of either
        run learned, so that times cannot be compared.
    """
    runs = list(dict.fromkeys(table["run"]))
    rows = [_compared(table, run, runs[0]) for run in runs[1:]]
    compared = pd.DataFrame(rows, columns=list(COMPARED))
    for name in ("p_logrank", "p_fisher"):
        compared[f"{name}_holm"] = holm(compared[name])
    return compared


COMPARED = (
    *("run", "first", "learned", "networks", "learned_first", "networks_first"),
    *("p_logrank", "p_fisher"),
)
"""Columns of a comparison before the correction."""


def _compared(table: pd.DataFrame, run: str, first: str) -> tuple[object, ...]:
    times = [times_of(table[table["run"] == name], "episodes") for name in (run, first)]
    counts = [(len(each.learned), len(each.censored)) for each in times]
    fisher = float(stats.fisher_exact(np.array(counts)).pvalue)
    sizes = (count for pair in counts for count in (pair[0], sum(pair)))
    return run, first, *sizes, _logrank(*times), fisher


def _logrank(times: Times, first: Times) -> float:
    """Return p of the log-rank test; NaN where no network of either run learned."""
    if not (len(times.learned) or len(first.learned)):
        return float("nan")
    return float(stats.logrank(times.data(), first.data()).pvalue)
