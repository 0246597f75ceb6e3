"""Baselines of Daw's two-step task: reward and computations."""

import numpy as np
import pytest
import torch

from metarl.baselines.daw_two_step import (
    KalmanGreedy,
    LearnerParams,
    ModelBased,
    ModelFree,
    Oracle,
    make_baselines,
    stationary,
)
from metarl.baselines.two_stage import S1, S2
from metarl.core.policy import join_inputs
from metarl.envs.daw_two_step import PROBABILITIES, DawTwoStep, DawTwoStepParams

NUM_ENVS = 200


@pytest.mark.parametrize("fixation", [True, False])
def test_the_baselines_have_the_expected_order_of_reward(fixation, play, stays):
    task = DawTwoStep(NUM_ENVS, DawTwoStepParams(fixation=fixation))
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    assert all(course["row valid"].all() for course in played.values())
    reward = {k: float(c["row reward"].double().mean()) for k, c in played.items()}
    assert reward["random"] == pytest.approx(0.5, abs=0.012)
    assert reward["random"] + 0.03 < reward["model-based"] < reward["oracle"] - 0.03
    assert reward["random"] + 0.03 < reward["model-free"] < reward["oracle"] - 0.03
    assert reward["model-based"] + 0.01 < reward["kalman-greedy"]
    assert reward["model-free"] + 0.005 < reward["kalman-greedy"]
    assert reward["kalman-greedy"] < reward["oracle"] - 0.03
    rewarded, rewarded_rare, lost, lost_rare = stays(played["model-based"])
    assert rewarded > rewarded_rare + 0.1
    assert lost_rare > lost + 0.1
    rewarded, rewarded_rare, lost, lost_rare = stays(played["model-free"])
    assert abs((rewarded - rewarded_rare) - (lost - lost_rare)) < 0.05
    assert rewarded > lost + 0.1
    assert stays(played["random"]) == pytest.approx([0.5] * 4, abs=0.02)


def test_the_oracle_takes_the_best_option_of_the_better_state(play):
    task = DawTwoStep(NUM_ENVS)
    played = play(task, Oracle(task))
    probabilities = torch.stack(
        [played[f"row {name}"] for name in PROBABILITIES], dim=-1
    )
    probabilities = probabilities.unflatten(-1, (2, 2))
    best = probabilities.amax(-1)
    # Options less than one in 100,000 apart count as a tie.
    clear = (best[..., 1] - best[..., 0]).abs() > 1e-5
    assert played["row correct"][clear].all()
    state = played["row second_state"].long()[..., None, None].expand(-1, -1, 1, 2)
    here = probabilities.gather(-2, state).squeeze(-2)
    clear = (here[..., 1] - here[..., 0]).abs() > 1e-5
    chosen, right = played["row second_choice"], here[..., 1] > here[..., 0]
    assert torch.equal(chosen[clear], right[clear].float())


def test_the_planners_values_are_learned_by_the_delta_rule(play):
    task, params = DawTwoStep(20), LearnerParams(inverse_temperature=4.0)
    played = play(task, ModelBased(task, params, discount=0.8))
    value = played["value"].double().numpy()
    for env_index in range(20):
        values = np.full((2, 2), 0.5)
        for trial in range(201):
            best = values.max(1)
            planned = np.array(
                [0.7 * best[0] + 0.3 * best[1], 0.3 * best[0] + 0.7 * best[1]]
            )
            state = int(played["row second_state"][trial, env_index])
            option = int(played["row second_choice"][trial, env_index])
            probabilities = np.exp(4 * planned) / np.exp(4 * planned).sum()
            logits = played["logits"][3 * trial + 1, env_index, 1:].double()
            np.testing.assert_allclose(logits.softmax(0), probabilities, atol=1e-5)
            expected = 0.8 * probabilities @ planned
            assert value[3 * trial, env_index] == 0
            assert value[3 * trial + 1, env_index] == pytest.approx(expected, abs=1e-5)
            here = np.exp(4 * values[state]) / np.exp(4 * values[state]).sum()
            logits = played["logits"][3 * trial + 2, env_index, 1:].double()
            np.testing.assert_allclose(logits.softmax(0), here, atol=1e-5)
            assert value[3 * trial + 2, env_index] == pytest.approx(
                here @ values[state], abs=1e-5
            )
            paid = float(played["row reward"][trial, env_index])
            values[state, option] += 0.5 * (paid - values[state, option])


def courses(played, env_index):
    """Each trial of one environment: state, option, first choice, reward."""
    for trial in range(201):
        names = ("second_state", "second_choice", "choice", "reward")
        yield trial, *(float(played[f"row {n}"][trial, env_index]) for n in names)


def test_the_model_free_learner_credits_both_choices_with_the_reward(play):
    task, params = DawTwoStep(10), LearnerParams(inverse_temperature=4.0)
    played = play(task, ModelFree(task, params))
    for env_index in range(10):
        first, second = np.full(2, 0.5), np.full((2, 2), 0.5)
        for trial, state, option, choice, paid in courses(played, env_index):
            for step, values in ((1, first), (2, second[int(state)])):
                logits = played["logits"][3 * trial + step, env_index, 1:].double()
                expected = np.exp(4 * values) / np.exp(4 * values).sum()
                np.testing.assert_allclose(logits.softmax(0), expected, atol=1e-5)
            first[int(choice)] += 0.5 * (paid - first[int(choice)])
            second[int(state), int(option)] += 0.5 * (
                paid - second[int(state), int(option)]
            )


def test_the_filter_tracks_means_and_variances_and_takes_the_better_mean(play):
    task = DawTwoStep(10)
    played = play(task, KalmanGreedy(task))
    keep = np.exp(-((np.pi * 0.025 / 0.5) ** 2) / 2)
    for env_index in range(10):
        means, variances = np.full((2, 2), 0.5), np.full((2, 2), 0.25 / 12)
        for _, state, option, choice, paid in courses(played, env_index):
            best = means.max(1)
            if abs(best[1] - best[0]) > 1e-4:
                assert choice == float(best[1] > best[0])
            here = means[int(state)]
            if abs(here[1] - here[0]) > 1e-4:
                assert option == float(here[1] > here[0])
            at = int(state), int(option)
            gain = variances[at] / (variances[at] + means[at] * (1 - means[at]))
            means[at] += gain * (paid - means[at])
            variances[at] *= 1 - gain
            means = 0.5 + keep * (means - 0.5)
            variances = 0.25 / 12 + keep**2 * (variances - 0.25 / 12)


def test_the_filters_walk_is_that_of_the_task():
    generator = torch.Generator().manual_seed(3)
    task = DawTwoStep(5_000)
    start = dict.fromkeys(PROBABILITIES, 0.7)
    task.reset(torch.rand(5_000, 5, generator=generator), options=start)
    mean, variance, keep = stationary(task.params)
    for _ in range(3 * 120):
        noise = torch.rand(5_000, 5, generator=generator)
        task.step(torch.ones(5_000, dtype=torch.int64), noise)
    now = torch.stack([task.hidden()[name] for name in PROBABILITIES]).double()
    # Of the deviation of .2 the slowest mode has 4 width / pi^2 sin(.4 pi) = .193.
    left = float(now.mean() - mean) / keep**120
    assert left == pytest.approx(0.193, abs=0.02)
    assert float((now - mean).square().mean()) == pytest.approx(variance, rel=0.05)


def test_probabilities_that_cannot_drift_have_no_variance():
    still = DawTwoStepParams(probability_least=0.5, probability_most=0.5)
    assert stationary(still) == (0.5, 0.0, 1.0)


def test_no_policy_responds_with_centre_at_a_second_stage(play):
    task = DawTwoStep(50, DawTwoStepParams(trial_count=40))
    for policy in make_baselines(task).values():
        played = play(task, policy)
        second = played["event"] == 2
        assert not (played["action"][second] == 0).any()


def test_any_action_is_valid_on_a_blank_screen_and_nothing_is_learned():
    task = DawTwoStep(1)
    planner = ModelBased(task)
    memory = planner.initial_memory(1)
    start = memory[1].clone()
    task.reset(torch.full((1, 5), 0.3))
    observation, acted, reward = task.observation(), torch.zeros(1, 3), 0.0
    for action in (0, 0, 2, 0):
        inputs = join_inputs(observation, acted, torch.tensor([reward]))
        output = planner.act(inputs, memory)
        if not observation.any():
            assert output.logits.softmax(1)[0].tolist() == pytest.approx([1 / 3] * 3)
        memory = output.memory
        step = task.step(torch.tensor([action]), torch.full((1, 5), 0.3))
        observation, reward = step.observation, float(step.reward)
        acted = torch.eye(3)[[action]]
    assert torch.equal(memory[1], start)


def test_nothing_is_learned_from_a_missing_second_choice():
    planner = ModelBased(DawTwoStep(1))
    fixation, centre = torch.eye(4)[[0]], torch.eye(3)[[0]]
    inputs = join_inputs(fixation, centre, torch.tensor([-1.0]))
    values = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    for screen in (S1, S2):
        output = planner.act(inputs, (torch.tensor([[screen]]), values))
        assert torch.equal(output.memory[1], values)


@pytest.mark.parametrize(
    ("field", "value"), [("learning_rate", -0.1), ("inverse_temperature", -1.0)]
)
def test_params_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        LearnerParams(**{field: value})
