"""The study of optimizers: runs in small, and judges planted facts rightly."""

import json
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.optimizers import study as optimizers
from metarl.studies.optimizers.plots import MOST_DRAWN, drawn
from metarl.studies.optimizers.study import HEADLINE_RATES, LONG, SHORT, conditions
from metarl.studies.optimizers.tables import median_epochs, pooled_epochs
from metarl.studies.spec import Results, Scale, criteria

NETWORKS = 40
TOLD = {
    "wp": dict(
        zip(
            HEADLINE_RATES,
            [(0.0, 0), (0.75, 1700), (1.0, 600), (1.0, 180), (0.5, 150)],
            strict=True,
        )
    )
}
"""Rule -> rate -> share of networks that learn XOR, and their epochs."""
ERRORS = {
    "lorenz": {"wp": 1000.0, "d2": 0.03, "sgd": 0.03, "adam": 0.01},
    "rossler": {"wp": 0.09, "d2": 0.08},
}
"""Problem -> rule -> last test error; at D2's first mark it is twice that."""


def planted_facts(contest, *, told=None, error=None):
    """What a contest would come to in a world as it was measured before."""
    told = {**TOLD.get(contest.rule, {}), **(told or {})}
    shares = [told.get(rate, (1.0, 160)) for rate in contest.rates]
    each = len(contest.rates)
    series = contest.problem in ERRORS
    if error is None:
        error = ERRORS.get(contest.problem, {}).get(contest.rule, 0.1)
    marks = [*contest.marks, contest.steps]
    measures = {}
    if series:
        errors = [2 * error] * len(contest.marks) + [error]
        measures = {
            "NRMSE": {str(m): [[e]] * each for m, e in zip(marks, errors, strict=True)},
            "valid time": {str(m): [[1.5]] * each for m in marks},
        }
    elif contest.problem == "bandit":
        measures = {"regret": {str(contest.steps): [[2.5]] * each}}
    return {
        "problem": contest.problem,
        "rule": contest.rule,
        "rates": list(contest.rates),
        "steps": contest.steps,
        "forward-equivalents": 2 * contest.steps,
        "stored floats": 17,
        "points": [1, 10, 100],
        "losses": [[[0.3, 0.1, 0.01 * (k + 1)]] * 2 for k in range(each)],
        "trace": {
            "points": [1, 50, 100],
            "rates": [[rate, 2 * rate, rate] for rate in contest.rates],
            "regrets": [[0.5, -0.25, None]] * each,
        },
        "epochs": [
            [epochs if k < share * NETWORKS else None for k in range(NETWORKS)]
            for share, epochs in shares
        ],
        "measures": measures,
        "baselines": {"persistence": 0.37, "linear autoregression": 0.3}
        if series
        else {},
    }


def planted(**changes):
    """Results of two seeds; `changes` are by condition, with _ for -."""
    facts = {
        name: [planted_facts(contest, **changes.get(name.replace("-", "_"), {}))] * 2
        for name, contest in conditions(Scale()).items()
    }
    return Results(facts=facts, seconds={name: [1.0, 3.0] for name in facts})


def summary(effect):
    values = effect.values
    return values.median() if effect.summary == "median" else values.mean()


def missed(results):
    return [
        effect.label
        for effect in optimizers.effects(results)
        if effect.criterion and not effect.criterion.holds(summary(effect))
    ]


def plain(facts):
    """As they are read from a file."""
    return json.loads(json.dumps(facts, allow_nan=False))


@pytest.fixture(scope="module")
def smoke():
    """Every condition, run in small."""
    facts = {
        name: [plain(ask(seed, Reporter())) for seed in (1, 2)]
        for name, ask in conditions(Scale(smoke=True)).items()
    }
    return Results(facts=facts, seconds={name: [0.0, 0.0] for name in facts})


def test_everything_runs_in_small(smoke):
    effects = optimizers.effects(smoke)
    assert all(np.isfinite(effect.values).all() for effect in effects)
    assert all(len(effect.values) == 2 for effect in effects)
    assert set(optimizers.tables(smoke)) == {"comparison", "baselines"}
    for figure in optimizers.figures(smoke).values():
        figure.canvas.draw()
        plt.close(figure)


def test_a_seed_comes_to_the_same_again_and_others_do_not(smoke):
    again = plain(conditions(Scale(smoke=True))["lorenz-d2"](1, Reporter()))
    first, other = smoke.facts["lorenz-d2"]
    assert again == first
    assert other["losses"] != first["losses"]
    assert other["baselines"] != first["baselines"]


def test_every_rule_of_a_seed_has_the_same_series(smoke):
    found = [f[0]["baselines"] for name, f in smoke.facts.items() if "lorenz" in name]
    assert len(found) == 7
    assert all(each == found[0] for each in found)


def test_it_stops_when_asked():
    with pytest.raises(Interrupted):
        conditions(Scale())["xor-wp"](1, Reporter(should_stop=lambda: True))


def test_the_scale_of_the_study_is_that_of_the_criteria():
    asked = conditions(Scale())
    assert asked["xor-d2"].rates == asked["xor-wp"].rates == HEADLINE_RATES
    assert asked["xor-d2"].replicas == NETWORKS
    assert asked["lorenz-d2"].marks == (SHORT,)
    assert asked["lorenz-d2"].steps == LONG
    assert {asked[f"lorenz-{rule}"].steps for rule in ("wp", "d1", "np")} == {SHORT}
    pickle.dumps(asked)


def test_the_grid_has_more_rates_and_rules():
    asked, grid = conditions(Scale()), conditions(Scale(grid=True))
    assert set(asked) < set(grid)
    for name, contest in asked.items():
        assert set(contest.rates) <= set(grid[name].rates)
        assert list(grid[name].rates) == sorted(grid[name].rates)


def test_a_world_as_it_was_measured_meets_every_criterion():
    effects = optimizers.effects(planted())
    assert missed(planted()) == []
    used = {id(effect.criterion) for effect in effects if effect.criterion}
    assert used == {id(rule) for rule in criteria("optimizers").values()}
    assert not any(effect.needs_learning for effect in effects)


FIRST_ERRORS = ["rate 0.001, 6", "rate 0.01, 6", "rate 0.1, 6", "the worst of its"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (
            {"xor_d1": {"told": {0.1: (0.9, 160)}}},
            ["rate 0.1: share of networks that learn it", "less WP's"],
        ),
        ({"xor_d1": {"told": {0.1: (1.0, 210)}}}, ["rate 0.1: median epochs to"]),
        ({"xor_d2": {"told": {3.0: (0.85, 160)}}}, ["rate 3: share"]),
        ({"xor_d2": {"told": {0.03: (1.0, 360)}}}, ["rate 0.03: median"]),
        ({"xor_wp": {"told": {0.03: (1.0, 2500)}}}, []),
        (
            {"xor_wp": {"told": {0.03: (1.0, 2500), 0.1: (1.0, 1700)}}},
            ["fewer than 90 %"],
        ),
        ({"xor_wp": {"told": {1.0: (1.0, 150)}}}, ["as a share of WP's"]),
        ({"lorenz_d2": {"error": 0.0376}}, FIRST_ERRORS),
        ({"lorenz_d2": {"error": 0.046}}, [*FIRST_ERRORS, "25,000", "descent's"]),
        ({"lorenz_wp": {"error": 0.19}}, ["WP from rate 0.1"]),
        ({"lorenz_sgd": {"error": 0.019}}, ["descent's"]),
        ({"rossler_wp": {"error": 0.075}}, ["best rate"]),
        ({"rossler_d2": {"error": 0.12}}, ["test NRMSE", "best rate"]),
    ],
)
def test_a_world_where_it_is_otherwise_misses_them(change, names):
    found = missed(planted(**change))
    assert len(found) == len(names), found
    for name in names:
        assert any(name in effect for effect in found), found


def test_speed_that_is_bought_with_failures_does_not_count():
    found = missed(planted(xor_d1={"told": {0.1: (0.96, 100)}}))
    assert [name for name in found if "less WP's" in name] == found != []


def test_the_ratio_to_adam_is_only_reported():
    (ratio,) = [e for e in optimizers.effects(planted()) if "Adam's" in e.label]
    assert ratio.criterion is None
    assert ratio.values.tolist() == pytest.approx([3, 3])


def test_who_never_learned_counts_with_the_last_epoch():
    facts = {"rates": [1.0], "epochs": [[100, None, None]], "steps": 3000}
    assert median_epochs(facts, 1.0) == 3000
    share, median = pooled_epochs([facts, facts], 1.0)
    assert share == pytest.approx(1 / 3)
    assert np.isnan(median)


def test_the_table_has_a_row_for_each_rate_and_number_of_updates():
    table = optimizers.tables(planted())["comparison"]
    rows = table[(table["problem"] == "lorenz") & (table["rule"] == "d2")]
    assert rows["rate"].tolist() == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1]
    assert rows["updates"].tolist() == [SHORT, LONG] * 3
    assert rows["test NRMSE"].tolist() == [0.06, 0.03] * 3
    assert rows["forward-equivalents"].tolist() == [2 * SHORT, 2 * LONG] * 3
    assert (rows["seconds"] == 2).all()
    headline = table[(table["problem"] == "xor") & (table["rule"] == "wp")]
    assert headline["success"].tolist() == [0, 0.75, 1, 1, 0.5]
    medians = headline["median epochs"]
    assert pd.isna(medians.iloc[0])
    assert medians.iloc[1:4].tolist() == [1700, 600, 180]


def by_label(ax):
    return {line.get_label(): line.get_ydata() for line in ax.lines}


def test_figures_show_the_planted_numbers():
    figures = drawn(planted())
    assert set(figures) == {
        "learning_curves",
        "initial_rate_xor",
        "initial_rate_measures",
        "optimizer_traces",
    }
    left, right = map(by_label, figures["initial_rate_xor"].axes)
    assert left["weight perturbation"].tolist() == [0, 75, 100, 100, 50]
    assert left["D2 (judged)"].tolist() == [100] * 5
    assert right["weight perturbation"][1:4].tolist() == [1700, 600, 180]
    assert right["D2 (judged)"].tolist() == [160] * 5

    lorenz = by_label(figures["initial_rate_measures"].axes[0])
    assert lorenz["weight perturbation (6,000)"].tolist() == [MOST_DRAWN] * 2
    assert lorenz["D2 (judged) (6,000)"].tolist() == [0.06] * 3
    assert lorenz["persistence"][0] == 0.37

    curves = by_label(figures["learning_curves"].axes[0])
    (curve,) = [y for label, y in curves.items() if "D2 (judged)" in label]
    assert curve.tolist() == [0.3, 0.1, 0.01]
    for figure in figures.values():
        plt.close(figure)


def test_an_optimizers_regret_has_a_name_and_panels_of_its_own():
    figure = drawn(planted())["optimizer_traces"]
    labels = [ax.get_ylabel() for ax in figure.axes]
    count = len(labels) // 2
    assert labels[:count] == ["Learning rate"] * count
    assert all(label.startswith("Optimizer's regret RPE") for label in labels[count:])
    above, below = (figure.axes[k].lines[0].get_ydata() for k in (0, count))
    assert above.tolist() == [0.03, 0.06, 0.03]
    assert below[:2].tolist() == [0.5, -0.25]
    plt.close(figure)
