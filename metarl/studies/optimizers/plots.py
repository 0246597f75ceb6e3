"""Figures of the study of optimizers; what is drawn is over all seeds' networks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metarl.analysis.plotting import legend_below
from metarl.studies.optimizers.tables import (
    all_epochs,
    best_place,
    has_criterion,
    marks,
    of_all_seeds,
    pooled_epochs,
)
from metarl.studies.spec import Facts, Results, panels

RULE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "wp": "#CC6677",
        "np": "#DDCC77",
        "d0": "#88CCEE",
        "d1": "#44AA99",
        "d2": "#332288",
        "sgd": "#999933",
        "adam": "#882255",
    }
)
"""After P. Tol's muted scheme."""
NAMES = {
    "wp": "weight perturbation",
    "np": "node perturbation",
    "d0": "D0 (raw)",
    "d1": "D1 (scaled)",
    "d2": "D2 (judged)",
    "sgd": "gradient descent",
    "adam": "Adam",
}
TITLES = {
    "xor": "XOR, 2-4-1",
    "xor-2-2-1": "XOR, 2-2-1",
    "lorenz": "Lorenz",
    "rossler": "Rössler",
    "bandit": "bandit agent",
}
MEASURED = {"NRMSE": "Test NRMSE", "regret": "Regret (rewards/episode)"}
"""Measure that a problem is judged by -> axis label."""
MOST_DRAWN = 10.0
"""Greater errors, of what diverged, are drawn here."""

Seeds = Mapping[str, list[Facts]]
"""Rule -> facts of each seed, of one problem."""


def drawn(results: Results) -> Mapping[str, Figure]:
    """All figures that the conditions allow."""
    problems: dict[str, dict[str, list[Facts]]] = {}
    for seeds in results.facts.values():
        rules = problems.setdefault(seeds[0]["problem"], {})
        rules[seeds[0]["rule"]] = list(seeds)
    figures = {"learning_curves": _panels(problems, plot_curves)}
    several = {
        problem: rules for problem, rules in problems.items() if _has_rates(rules)
    }
    series = {p: rules for p, rules in several.items() if not _learnable(rules)}
    if series:
        figures["initial_rate_measures"] = _panels(series, plot_measure_by_rate)
    for problem in several.keys() - series.keys():
        figures[f"initial_rate_{problem}"] = _reliability(problem, several[problem])
    judged = {p: rules["d2"] for p, rules in problems.items() if "d2" in rules}
    if judged:
        figures["optimizer_traces"] = _traces(judged)
    return figures


def _has_rates(rules: Seeds) -> bool:
    return any(len(seeds[0]["rates"]) > 1 for seeds in rules.values())


def _learnable(rules: Seeds) -> bool:
    return any(has_criterion(seeds[0]) for seeds in rules.values())


def _panels(
    problems: Mapping[str, Seeds], plot: Callable[[Seeds, Axes], Axes]
) -> Figure:
    """A panel a problem."""
    figure, axes = panels(len(problems))
    for ax, (problem, rules) in zip(axes, problems.items(), strict=True):
        plot(rules, ax)
        ax.set_title(TITLES[problem])
    return figure


def plot_curves(rules: Seeds, ax: Axes) -> Axes:
    """Loss by step, each rule from its best rate: median and quartiles of networks."""
    for rule, seeds in rules.items():
        place = best_place(seeds)
        courses = np.array([course for f in seeds for course in f["losses"][place]])
        low, middle, high = np.quantile(courses, [0.25, 0.5, 0.75], axis=0)
        points, colour = seeds[0]["points"], RULE_COLOURS[rule]
        label = f"{NAMES[rule]}, {seeds[0]['rates'][place]:g} (n = {len(courses)})"
        ax.plot(points, middle, color=colour, label=label)
        ax.fill_between(points, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xscale="log", xlabel="Updates", ylabel="Loss (mean squared error)")
    if any(min(course) <= 0 for f in seeds for course in f["losses"][0]):
        ax.set_ylabel("Loss (- reward/trial)")
    else:
        ax.set_yscale("log")
        ax.set_ylim(top=MOST_DRAWN)
    return legend_below(ax, title="Rule, initial rate (networks)")


def _reliability(problem: str, rules: Seeds) -> Figure:
    """What share of networks learns, and how quickly, by initial rate."""
    figure, (left, right) = panels(2)
    plot_success_by_rate(rules, left)
    plot_epochs_by_rate(rules, right)
    count = min(len(all_epochs(s, s[0]["rates"][0])) for s in rules.values())
    title = f"{TITLES[problem]} ({count} networks a point)"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def plot_success_by_rate(rules: Seeds, ax: Axes) -> Axes:
    """Share of networks that met the criterion."""
    for rule, seeds in rules.items():
        rates = seeds[0]["rates"]
        shares = [100 * pooled_epochs(seeds, rate)[0] for rate in rates]
        ax.plot(rates, shares, **_line(rule))
    ax.set(xscale="log", ylim=(-3, 103))
    ax.set(xlabel="Initial learning rate", ylabel="Networks that learn it (%)")
    return legend_below(ax)


def plot_epochs_by_rate(rules: Seeds, ax: Axes) -> Axes:
    """Median steps to the criterion, where at least half of the networks met it."""
    drawn_ones: list[float] = []
    for rule, seeds in rules.items():
        rates = seeds[0]["rates"]
        medians = [pooled_epochs(seeds, rate)[1] for rate in rates]
        ax.plot(rates, medians, **_line(rule))
        drawn_ones += medians
    ax.set(xscale="log", xlabel="Initial learning rate")
    ax.set_ylabel("Epochs to the criterion (median)")
    if np.isfinite(drawn_ones).any():
        ax.set_yscale("log")
    return legend_below(ax)


def plot_measure_by_rate(rules: Seeds, ax: Axes) -> Axes:
    """What a problem is judged by: each seed, and the median, first of all marks."""
    name = next(name for name in MEASURED if _has(rules, name))
    for rule, seeds in rules.items():
        rates, steps = seeds[0]["rates"], marks(seeds[0])[0]
        values = of_all_seeds(seeds, name, 0).clip(max=_most(name))
        line = _line(rule)
        line["label"] = f"{line['label']} ({steps:,})"
        ax.plot(rates, np.median(values, axis=1), **line)
        across = np.repeat(rates, values.shape[1])
        ax.scatter(across, values, s=12, color=RULE_COLOURS[rule], alpha=0.5)
    ax.set(xscale="log", xlabel="Initial learning rate", ylabel=MEASURED[name])
    if name == "NRMSE":
        ax.set_yscale("log")
        _draw_baselines(next(iter(rules.values())), ax)
    return legend_below(ax, title="Rule (updates)")


def _has(rules: Seeds, name: str) -> bool:
    return any(name in seeds[0]["measures"] for seeds in rules.values())


def _most(name: str) -> float:
    return MOST_DRAWN if name == "NRMSE" else np.inf


def _draw_baselines(seeds: list[Facts], ax: Axes) -> None:
    for (name, _), style in zip(
        seeds[0]["baselines"].items(), (":", "--"), strict=True
    ):
        height = float(np.median([facts["baselines"][name] for facts in seeds]))
        ax.axhline(height, color="grey", linestyle=style, linewidth=1, label=name)


def _traces(judged: Mapping[str, list[Facts]]) -> Figure:
    """D2's rate above, the optimizer's regret RPE below, a column a problem."""
    figure, axes = panels(2 * len(judged), columns=len(judged))
    upper, lower = axes[: len(judged)], axes[len(judged) :]
    for problem, above, below in zip(judged, upper, lower, strict=True):
        plot_rates(judged[problem][0], above)
        above.set_title(f"{TITLES[problem]}, D2, one network a rate")
        plot_regrets(judged[problem][0], below)
    return figure


def plot_rates(facts: Facts, ax: Axes) -> Axes:
    """The learning rate of one network from each initial rate."""
    trace = facts["trace"]
    for rate, course in zip(facts["rates"], trace["rates"], strict=True):
        ax.plot(trace["points"], course, label=f"{rate:g}", **_shade(facts, rate))
    ax.set(yscale="log", xlabel="Updates", ylabel="Learning rate")
    return legend_below(ax, title="Initial learning rate", columns=5)


def plot_regrets(facts: Facts, ax: Axes) -> Axes:
    """The optimizer's regret RPE of the same networks; no RPE of an agent."""
    trace = facts["trace"]
    for rate, course in zip(facts["rates"], trace["regrets"], strict=True):
        values: NDArray[np.float64] = np.array(course, dtype=float)
        ax.plot(trace["points"], values, linewidth=0.8, **_shade(facts, rate))
    ax.set_yscale("symlog", linthresh=0.01)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlabel="Updates", ylabel="Optimizer's regret RPE\n(loss/perturbation)")
    return ax


def _shade(facts: Facts, rate: float) -> dict[str, Any]:
    """A colour of the initial rate, from light to dark."""
    rank = sorted(facts["rates"]).index(rate)
    share = (rank + 1) / len(facts["rates"])
    white = np.ones(3)
    dark = np.array([int(RULE_COLOURS["d2"][k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return {"color": tuple(white + (0.25 + 0.75 * share) * (dark - white))}


def _line(rule: str) -> dict[str, Any]:
    """How a rule is drawn; the two that are compared stand out."""
    main = rule in ("wp", "d2")
    return {
        "color": RULE_COLOURS[rule],
        "label": NAMES[rule],
        "marker": "o",
        "linewidth": 2.5 if main else 1.2,
        "zorder": 3 if main else 2,
    }
