"""The study of hippocampal replay, on planted results and in a few laps."""

import re

import numpy as np
import pytest

from metarl.core.parallel import Reporter
from metarl.studies.hippocampal_replay.study import (
    CHANGES,
    CLIFF_STATES,
    conditions,
    effects,
    figures,
    tables,
)
from metarl.studies.hippocampus.sequences import KINDS
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))
SEEDS = 3
GOOD = {
    "prioritised": {
        "forward_at_start": 0.8,
        "reverse_at_start": 0.01,
        "forward_after_reward": 0.01,
        "reverse_after_reward": 0.4,
        "early_steps": 12.0,
    },
    "random": {"early_steps": 60.0},
    "none": {"early_steps": 120.0},
    "reward-x4": {
        "reverse_after_reward_4x": 0.2,
        "reverse_after_reward_1x": 0.1,
        "forward_at_start_4x": 1.8,
        "forward_at_start_1x": 2.0,
    },
    "reward-x0": {
        "reverse_after_reward_0x": 0.01,
        "reverse_after_reward_1x": 0.5,
        "forward_at_start_0x": 0.6,
        "forward_at_start_1x": 0.6,
    },
    "cliff-walk": {
        "states": list(CLIFF_STATES),
        "uniform": [2.0**n for n in CLIFF_STATES],
        "greedy": [0.5 * n**1.7 for n in CLIFF_STATES],
        "oracle": [0.06 * n**2 for n in CLIFF_STATES],
    },
}
"""Condition -> results that meet every criterion."""


def seed_results(name, changes):
    if name == "cliff-walk":
        return {**GOOD[name], **changes}
    rates = dict.fromkeys((*KINDS, "early_steps"), 0.5)
    for size in CHANGES.get(name, ()):
        rates |= {f"{kind}_{size:g}x": 0.5 for kind in KINDS}
    back, steps = list(range(8, 0, -1)), [100.0, 50.0, 12.0]
    example = {"lap": 2, "reward": 1.0, "at_start": list(range(8))}
    example |= {"at_start_next": list(range(1, 9)), "after_reward": back}
    example |= {"after_reward_next": [state + 1 for state in back]}
    measured = {**rates, "steps": steps, "example": example}
    return {**measured, **GOOD.get(name, {}), **changes}


def planted(name="", **changes):
    """Results that meet every criterion, except for changes in one condition."""
    seeds = {
        each: [seed_results(each, changes if each == name else {})] * SEEDS
        for each in conditions(Scale())
    }
    return Results(seeds=seeds, seconds={each: [2.0] * SEEDS for each in seeds})


def missed(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 11
    return [e.label for e in scored if not e.criterion.holds(e.values.mean())]


def test_good_replay_meets_every_criterion():
    assert missed(planted()) == []


CLIFF = GOOD["cliff-walk"]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("prioritised", {"reverse_at_start": 0.05}, "per forward one at the start"),
        ("prioritised", {"forward_after_reward": 0.03}, "per reverse one after"),
        ("prioritised", {"early_steps": 37.0}, "prioritised, per one without"),
        ("random", {"early_steps": 121.0}, "random; 0 as prioritised"),
        ("random", {"early_steps": 11.0}, "random; 0 as prioritised"),
        (
            "reward-x4",
            {"reverse_after_reward_4x": 0.11},
            "reverse after reward, re.*x4",
        ),
        (
            "reward-x4",
            {"reverse_after_reward_4x": 0.31},
            "reverse after reward, re.*x4",
        ),
        ("reward-x4", {"forward_at_start_4x": 1.5}, "forward at start, reward x4"),
        ("reward-x0", {"reverse_after_reward_0x": 0.06}, "reverse after rew.*x0"),
        ("reward-x0", {"forward_at_start_0x": 0.8}, "forward at start, reward x0"),
        (
            "cliff-walk",
            {"greedy": [2 * n**1.7 for n in CLIFF_STATES]},
            "12 states, greedy, per uni",
        ),
        ("cliff-walk", {"uniform": [1e4] * len(CLIFF_STATES)}, "log updates"),
        (
            "cliff-walk",
            {"greedy": [0.01 * n**3 for n in CLIFF_STATES]},
            "per one on the cliff",
        ),
    ],
)
def test_each_criterion_fails_alone(name, changes, words):
    (name,) = missed(planted(name, **changes))
    assert re.search(words, name)


def test_a_ratio_to_zero_meets_no_criterion():
    results = planted("prioritised", forward_at_start=0.0)
    effect = effects(results)[0]
    assert effect.values.isna().all()
    assert not effect.criterion.holds(effect.values.mean())


def test_rats_are_the_reference_where_they_were_measured():
    references = {effect.label: effect.reference for effect in effects(planted())}
    assert references["reverse after reward, reward x4, per one at x1"] == 1.56
    assert references["reverse after reward, reward x0, per one at x1"] is None


def test_tables_have_a_row_a_condition_and_a_row_a_cliff():
    all_tables = tables(planted())
    replay = all_tables["replay"].set_index("condition")
    assert list(replay.index) == list(conditions(Scale()))[:-1]
    assert replay.loc["prioritised", "forward_at_start"] == pytest.approx(0.8)
    assert (replay["seconds"] == 2).all()
    walks = all_tables["cliff_walk"].set_index("states")
    assert walks.loc[12, "uniform"] == 4096


def test_the_raster_draws_cells_in_their_order():
    figure = figures(planted())["events"]
    start, goal = figure.axes[1:]
    for axes, heights in ((start, range(1, 9)), (goal, range(9, 1, -1))):
        offsets = axes.collections[0].get_offsets()
        assert offsets[:, 1].tolist() == list(heights)
        assert axes.get_title() in ("Lap 3, at the start", "Lap 3, after reward")


def test_bars_and_lines_are_the_results():
    direction, change, steps, walk = figures(planted())["rates"].axes
    assert [bar.get_height() for bar in direction.patches[:4]] == pytest.approx(
        [0.8, 0.01, 0.01, 0.4]
    )
    assert [bar.get_height() for bar in change.patches[:4]] == pytest.approx(
        [2.0, 1.8, 0.1, 0.2]
    )
    assert steps.lines[SEEDS].get_ydata().tolist() == [100, 50, 12]
    assert walk.lines[SEEDS].get_ydata().tolist() == CLIFF["uniform"]


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_laps_of_each_condition(name):
    progress = []
    results = SMOKE[name](5, Reporter(progress.append))
    assert progress[-1] == 1.0
    if name == "cliff-walk":
        assert len(results["uniform"]) == len(CLIFF_STATES)
    else:
        steps = results["steps"]
        assert len(steps) == 5
        assert results["early_steps"] == pytest.approx(np.mean(steps[2:5]))


def test_few_laps_have_all_effects_and_figures():
    seeds = {name: [compute(5, Reporter())] * 2 for name, compute in SMOKE.items()}
    results = Results(seeds=seeds, seconds={name: [1.0] * 2 for name in seeds})
    assert len(effects(results)) == len(effects(planted()))
    assert set(figures(results)) == {"events", "rates"}
