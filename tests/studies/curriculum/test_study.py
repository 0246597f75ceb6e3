"""The study of a curriculum, on planted results and in a few steps."""

import pytest

from metarl.core.parallel import Reporter
from metarl.studies.curriculum import study as curriculum
from metarl.studies.curriculum.study import (
    CURRICULA,
    POINT_UPDATES,
    conditions,
    effects,
    figures,
    tables,
    updates_to_criterion,
)
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))


def planted(reached, pretraining=200):
    """Three seeds of each curriculum; 300 updates unless given."""
    seeds = {}
    for name in CURRICULA:
        before = pretraining if CURRICULA[name] else 0
        updates = reached.get(name, 300)
        seeds[name] = [
            {
                "updates": [10, 20],
                "rewards": [0.5, 0.7],
                "reached": updates,
                "reached_in_all": before + updates,
                "pretraining": before,
                "rewards_at_end": 0.7,
            }
        ] * 3
    return Results(seeds=seeds, seconds={name: [1.0] * 3 for name in seeds})


def verdicts(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    return [bool(e.criterion.holds(e.values.median())) for e in scored]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (50, [True, True, True]),
        (150, [True, False, True]),
        (240, [True, False, True]),
        (241, [False] * 3),
    ],
)
def test_parts_must_save_a_fifth_and_cost_no_more_in_all(parts, expected):
    assert verdicts(planted({"parts": parts})) == expected


@pytest.mark.parametrize(("unforetold", "expected"), [(63, True), (62, False)])
def test_parts_must_save_more_than_practice_does(unforetold, expected):
    results = planted({"parts": 50, "unforetold": unforetold})
    assert verdicts(results) == [True, True, expected]


@pytest.mark.parametrize(
    ("singles", "ratio"), [((100, 80), 0.5), ((40, 80), 1.0), ((50, 20), 2.0)]
)
def test_both_parts_are_compared_with_the_better_single_one(singles, ratio):
    alone = dict(zip(("rewards-only", "transitions-only"), singles, strict=True))
    *_, effect = (
        effect
        for effect in effects(planted({"parts": 40, **alone}))
        if "composition" in effect.label
    )
    assert list(effect.values) == [pytest.approx(ratio)] * 3


@pytest.mark.parametrize(
    ("rates", "updates"),
    [
        ([0.7, 0.7, 0.7, 0.5], 3 * POINT_UPDATES),
        ([0.5, 0.7, 0.7, 0.7], 4 * POINT_UPDATES),
        ([0.5, 0.6, 0.7, 0.7], 4 * POINT_UPDATES),
        ([0.5, 0.5, 0.5, 0.5], 5 * POINT_UPDATES),
        ([0.9, 0.5, 0.5, 0.5], 5 * POINT_UPDATES),
    ],
)
def test_a_criterion_is_reached_by_the_mean_of_three_points(rates, updates):
    assert updates_to_criterion(rates) == updates


def test_parts_leave_one_thing_uncertain_and_are_the_same_task():
    rewards, transitions = CURRICULA["parts"]
    assert rewards.probability_common == 1
    assert (rewards.probability_high, rewards.probability_low) == (0.9, 0.1)
    assert transitions.probability_common == 0.8
    assert (transitions.probability_high, transitions.probability_low) == (1, 0)
    for stages in CURRICULA.values():
        assert {params.fixation for params in stages} <= {curriculum.WHOLE.fixation}


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_curriculum(name):
    results = SMOKE[name](5, Reporter())
    assert 0.4 < results["rewards_at_end"] < 0.6
    assert results["pretraining"] == POINT_UPDATES * len(CURRICULA[name])
    assert len(results["updates"]) == len(results["rewards"]) == 4


def test_each_stage_starts_with_the_weights_of_the_one_before(monkeypatch):
    weights = []

    def record(trainer, reporter):
        before = trainer.network.heads.weight.detach().clone()
        rates = train_stage(trainer, reporter)
        weights.append((before, trainer.network.heads.weight.detach().clone()))
        return rates

    train_stage = curriculum.train_stage
    monkeypatch.setattr(curriculum, "train_stage", record)
    SMOKE["parts"](5, Reporter())
    (_, first), (begun, second), (last, _) = weights
    assert (first == begun).all()
    assert (second == last).all()
    assert (first != second).any()


def test_the_table_and_the_figure_have_the_results():
    results = planted({"parts": 50})
    table = tables(results)["curriculum"].set_index("curriculum")
    assert table.loc["parts", "reached"] == 50
    assert table.loc["parts", "with_pretraining"] == 250
    assert table.loc["whole", "with_pretraining"] == 300
    _, reached, in_all = figures(results)["curriculum"].axes
    row = list(CURRICULA).index("parts")
    assert list(reached.lines[2 * row].get_xdata()) == [50, 50, 50]
    assert list(in_all.lines[2 * row].get_xdata()) == [250, 250, 250]
