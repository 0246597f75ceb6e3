"""The study of plasticity and activity, on planted results and in a few steps."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.effects import effect_row
from metarl.core.parallel import Reporter
from metarl.runs.config import EvaluationConfig
from metarl.simulation.evaluation import run_frozen
from metarl.studies.plasticity.study import (
    BLOCKS,
    CRITERIA,
    MEASURES,
    SESSION_TRIALS,
    STAGES,
    blocked_weights,
    conditions,
    configure,
    effects,
    figures,
    run_test,
    shares_of,
    silence,
    tables,
    train_to,
)
from metarl.studies.spec import Results, Scale
from metarl.training.trainer import Trainer

SEEDS = 4
NOISE = np.array([-0.003, -0.001, 0.001, 0.003])
P_BETTER = {
    "plastic": {"early": 0.7, "early-end": 0.85, "late": 0.88, "end": 0.89},
    "core-early": {"early": 0.7, "early-end": 0.7, "late": 0.7, "end": 0.7},
    "core-late": {"late": 0.88, "end": 0.88},
    "all-early": {"early": 0.7, "early-end": 0.7},
}
"""P(choose better) by condition and stage, if all predictions are right."""


def planted(**changes):
    """Results as predicted, with other values by "condition measure stage test"."""
    seeds = {}
    for name, stages in P_BETTER.items():
        values = {}
        for stage, p_better in stages.items():
            for test in shares_of(name, stage):
                active = test == "active"
                measures = {
                    "p_better": p_better if active else 0.5,
                    "stay_after_win": 0.95 if active else 0.5,
                    "shift_after_loss": 0.2 if active else 0.5,
                    "late_acquisition": p_better if active else 0.5,
                }
                for measure, value in measures.items():
                    key = f"{measure} {stage} {test}"
                    values[key] = changes.get(f"{name} {key}", value) + NOISE
        seeds[name] = [_seed(values, list(stages), k) for k in range(SEEDS)]
    return Results(seeds=seeds, seconds={name: [1.0] * SEEDS for name in seeds})


def _seed(values, stages, k):
    tests = {key.split(" ", 1)[1] for key in values}
    return {
        "percent": [100 * float(STAGES[stage]) for stage in stages],
        "p_better": [values[f"p_better {stage} active"][k] for stage in stages],
        **{key: value[k] for key, value in values.items()},
        **{f"by_trial {test}": [0.5] * SESSION_TRIALS for test in tests},
    }


def failing(results):
    """Names of the criteria that are not met."""
    names = {criterion.why: name for name, criterion in CRITERIA.items()}
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == len(CRITERIA)
    verdicts = {e.label: effect_row("plasticity", e, None)["verdict"] for e in scored}
    assert set(verdicts.values()) <= {"PASS", "FAIL"}
    return [names[e.criterion.why] for e in scored if verdicts[e.label] == "FAIL"]


def test_the_predicted_dissociation_meets_every_criterion():
    assert failing(planted()) == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (
            {"plastic p_better early-end active": 0.7},
            ["early, plastic", "early, core blocked, relative"],
        ),
        ({"core-early p_better early-end active": 0.74}, ["early, core blocked"]),
        ({"all-early p_better early-end active": 0.73}, ["early, all blocked"]),
        ({"core-early p_better end active": 0.8}, ["end, core blocked"]),
        (
            {"core-early p_better end active": 0.9},
            ["end, core blocked", "end, core blocked, relative"],
        ),
        (
            {"core-late stay_after_win end active": 0.91},
            ["expert, core blocked, stay"],
        ),
        ({"core-late p_better end active": 0.85}, ["expert, core blocked, better"]),
        ({"plastic p_better late active": 0.74}, ["expert"]),
        ({"plastic p_better late silenced": 0.6}, ["expert, silenced"]),
        (
            {"plastic p_better late silenced": 0.9},
            ["expert, silenced, relative", "expert, silenced"],
        ),
        (
            {"plastic late_acquisition early active": 0.5},
            ["early, within sessions"],
        ),
        (
            {"plastic late_acquisition early silenced": 0.6},
            ["early, within sessions, silenced"],
        ),
    ],
)
def test_each_prediction_fails_alone(change, names):
    assert failing(planted(**change)) == names


def test_tables_have_every_stage_and_test_of_a_condition():
    table = tables(planted())["plasticity"]
    row = table.set_index(["condition", "stage", "test"])
    assert len(table) == 2 * sum(map(len, P_BETTER.values()))
    assert row.loc[("core-early", "end", "active"), "p_better"] == pytest.approx(0.7)
    assert set(MEASURES) < set(table)


def test_the_figure_draws_a_change_of_each_seed_and_the_silenced_shares():
    _, change, _, silenced = figures(planted())["plasticity"].axes
    points = [line for line in change.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in points] == [SEEDS] * 5
    assert np.mean(points[0].get_xdata()) == pytest.approx(0.15)
    mean = silenced.lines[SEEDS]
    assert list(mean.get_xdata()) == [0, 25, 50, 75, 100]
    assert mean.get_ydata()[0] == pytest.approx(0.88)


@pytest.mark.parametrize("area", ["none", "core", "all"])
def test_only_the_blocked_weights_keep_their_values(area):
    """The readouts of a network with a blocked core go on learning."""
    trainer = Trainer(configure(3, smoke=True), 0)
    train_to(trainer, Fraction(1, 10), {}, Reporter())
    before = blocked_weights(trainer.network, BLOCKS["all-early"])
    block = replace(BLOCKS["core-early"], area=area)
    kept = blocked_weights(trainer.network, block)
    # A new episode begins, from which the initial state is learned.
    train_to(trainer, Fraction(1, 2), kept, Reporter())
    after = dict(trainer.network.named_parameters())
    changed = {name for name in before if not before[name].equal(after[name])}
    assert set(before) == set(after)
    readouts = {"heads.weight", "heads.bias"}
    assert changed == {"none": set(before), "core": readouts, "all": set()}[area]


def test_the_readouts_step_from_the_kept_core():
    """A kept core is put back before each rollout, not only at the end."""
    config = configure(3, smoke=True)
    trainers = [Trainer(config, 0) for _ in range(2)]
    kept = blocked_weights(trainers[0].network, BLOCKS["core-early"])
    train_to(trainers[0], Fraction(1, 10), kept, Reporter())
    for part in (Fraction(k, 40) for k in range(1, 5)):
        train_to(trainers[1], part, kept, Reporter())
    for one, other in zip(*(t.network.parameters() for t in trainers), strict=True):
        assert one.equal(other)


def test_conditions_of_a_seed_have_one_network_until_the_block():
    compute = conditions(Scale(smoke=True))
    results = {name: compute[name](5, Reporter()) for name in ("plastic", "core-late")}
    plastic, blocked = results["plastic"], results["core-late"]
    late = [key for key in blocked if " late " in key]
    assert len(late) == 2 * (len(MEASURES) + 1)
    assert all(plastic[key] == blocked[key] for key in late)
    ends = [key for key in blocked if " end active" in key]
    assert any(plastic[key] != blocked[key] for key in ends)


def test_silencing_is_of_a_share_of_the_units():
    assert silence(0.0, 48) == ()
    (half,) = silence(0.5, 48)
    assert str(half) == "units scale 0 of 0-23"


def test_a_silenced_network_does_not_use_its_rewards():
    """Its policy is the same in all trials: only the readouts' biases are left."""
    config = configure(3, smoke=True)
    trainer = Trainer(config, 0)
    train_to(trainer, Fraction(1, 10), {}, Reporter())
    spreads = []
    for share in (0.0, 1.0):
        test = EvaluationConfig(
            episodes=2, record_episodes=2, interventions=silence(share, 48)
        )
        _, recording, _ = run_frozen(config, 0, trainer.network, test)
        policy = pd.DataFrame(recording["policy"]).dropna()
        spreads.append(float((policy.max() - policy.min()).max()))
    assert spreads[0] > 1e-3
    assert spreads[1] == 0
    assert np.isfinite(run_test(config, trainer.network, 2, 1.0)["p_better"])


def test_a_session_ends_before_the_earliest_reversal():
    params = configure(3, smoke=True).task_params
    assert params.reversal_least == SESSION_TRIALS
    assert not params.fixation


def test_the_expert_must_exceed_win_stay_lose_shift():
    """It chooses the better option with the probability of its last reward."""
    correct = pd.Series([0.75] * 80)
    correct[0], correct[40] = 0.5, 0.25
    assert CRITERIA["expert"].low == pytest.approx(correct.mean(), abs=5e-4)
