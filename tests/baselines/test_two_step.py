"""Baselines of the two-step task: rewards, stay probabilities, computations."""

import math

import numpy as np
import pytest
import torch

from metarl.baselines.two_stage import S2
from metarl.baselines.two_step import (
    BayesGreedy,
    BayesTransitions,
    LatentState,
    Oracle,
    Sarsa,
    SarsaParams,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.two_step import WANG_2016, TwoStep, TwoStepParams

NO_FIXATION = TwoStepParams(fixation=False)
REVERSING = TwoStepParams(reversal_least=40, reversal_most=60)
NUM_ENVS = 400


def reward_of(played):
    """Rewards per 100 trials."""
    return 100 * float(played["row reward"].double().mean())


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_the_baselines_have_the_published_rewards_and_stay_probabilities(
    params, play, stays
):
    task = TwoStep(NUM_ENVS, params)
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    for name, published in (("random", 50), ("bayes-greedy", 70.5), ("oracle", 74)):
        assert reward_of(played[name]) == pytest.approx(published, abs=0.6), name
        assert played[name]["row valid"].all()
    assert stays(played["random"]) == pytest.approx([0.5] * 4, abs=0.02)
    planner = stays(played["bayes-greedy"])
    assert planner == pytest.approx([1.0, 0.67, 0.67, 1.0], abs=0.03)
    assert planner[0] > 0.995
    assert planner[3] > 0.995
    assert played["oracle"]["row correct"].all()
    assert 53 < reward_of(played["sarsa"]) < 66
    assert played["sarsa"]["row valid"].all()


def test_the_2016_variant_has_its_own_baselines(play):
    task = TwoStep(4000, WANG_2016)
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    # .75 x .9 + .25 x .1 with knowledge of the high state.
    assert reward_of(played["oracle"]) == pytest.approx(70, abs=1)
    assert reward_of(played["random"]) == pytest.approx(50, abs=1)
    assert 65 < reward_of(played["bayes-greedy"]) < 69


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_the_inputs_are_read_as_they_were_joined(params):
    task = TwoStep(params=params)
    reader = make_baselines(task)["random"]
    screens = [*task.observation_names, ""]
    codes = {"fixation": 0, "first stage": 1, "S1": 2, "S2": 3, "": 4}
    for place, screen in enumerate(screens):
        observation = torch.eye(len(screens))[[place], :-1]
        for action in (None, *range(task.action_count)):
            last_action = torch.zeros(1, task.action_count)
            if action is not None:
                last_action[0, action] = 1
            inputs = join_inputs(observation, last_action, torch.tensor([0.5]))
            step = reader.read(reader.split(inputs), torch.tensor([3]))
            name = None if action is None else task.action_names[action]
            side = {"left": 0, "right": 1}.get(name, -1)
            assert [int(step.screen), int(step.side)] == [codes[screen], side]
            assert (float(step.reward), int(step.previous)) == (0.5, 3)


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_random_choice_is_uniform_over_the_valid_actions(params, play):
    task = TwoStep(NUM_ENVS, params)
    played = play(task, make_baselines(task)["random"])
    probabilities = played["logits"].softmax(2)
    at = {name: played["event"] == k for k, name in enumerate(task.event_names)}
    actions = task.action_count
    assert torch.allclose(probabilities[at["outcome"]], torch.tensor(1 / actions))
    first = [0.0, 0.5, 0.5] if params.fixation else [0.5, 0.5]
    assert torch.equal(
        probabilities[at["choice"]], torch.tensor(first).expand(100 * NUM_ENVS, -1)
    )
    if params.fixation:
        centre = torch.tensor([1.0, 0.0, 0.0]).expand(100 * NUM_ENVS, -1)
        assert torch.equal(probabilities[at["fixation"]], centre)


@pytest.mark.parametrize("params", [TwoStepParams(trial_count=40), WANG_2016])
def test_the_planners_belief_is_bayes_rule(params, play):
    task = TwoStep(30, params)
    planner = BayesGreedy(task, discount=1.0)
    played = play(task, planner)
    steps = len(task.phase_events)
    outcome = played["value"][steps - 1 :: steps].double()
    high, low = params.probability_high, params.probability_low
    for env_index in range(30):
        belief = 0.5
        for trial in range(params.trial_count):
            second = int(played["row second_state"][trial, env_index])
            paid = played["row reward"][trial, env_index] > 0
            here = belief if second == 1 else 1 - belief
            expected = here * high + (1 - here) * low
            assert outcome[trial, env_index] == pytest.approx(expected, abs=1e-5)
            if_high, if_low = (high, low) if paid else (1 - high, 1 - low)
            here = here * if_high / (here * if_high + (1 - here) * if_low)
            belief = here if second == 1 else 1 - here
            swap = params.probability_switch
            belief = belief * (1 - swap) + (1 - belief) * swap


def choose(policy, belief):
    """Chances of centre, left, right at the first stage, given a belief in S2."""
    screen = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    inputs = join_inputs(screen, torch.zeros(1, 3), torch.zeros(1))
    memory = torch.tensor([[0]]), torch.tensor([[belief]])
    return policy.act(inputs, memory).logits.softmax(1)[0].tolist()


def test_the_planner_takes_the_better_choice_and_splits_ties():
    planner = BayesGreedy(TwoStep())
    assert choose(planner, 0.51) == [0, 0, 1]
    assert choose(planner, 0.49) == [0, 1, 0]
    assert choose(planner, 0.5) == pytest.approx([0, 0.5, 0.5])
    reverse = BayesGreedy(
        TwoStep(params=TwoStepParams(probability_high=0.1, probability_low=0.9))
    )
    assert choose(reverse, 0.51) == [0, 1, 0]


def test_certain_outcomes_leave_the_belief_finite(play):
    params = TwoStepParams(
        probability_high=1.0, probability_low=0.0, probability_switch=0.0
    )
    task = TwoStep(50, params)
    played = play(task, BayesGreedy(task))
    assert torch.isfinite(played["value"]).all()
    assert played["row correct"][1:].all()


def test_an_impossible_outcome_leaves_the_belief_unchanged():
    params = TwoStepParams(
        probability_high=1.0, probability_low=0.0, probability_switch=0.0
    )
    planner = BayesGreedy(TwoStep(params=params))
    fixation, acted = torch.eye(4)[[0]], torch.zeros(1, 3)
    memory = torch.tensor([[S2]]), torch.tensor([[0.0]])
    inputs = join_inputs(fixation, acted, torch.ones(1))
    assert planner.act(inputs, memory).memory[1].tolist() == [[0.0]]


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = TwoStep(20), TwoStep(20)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    assert play(task, Oracle(task))["row correct"].all()


def sarsa_by_hand(played, params, discount):
    """Second-stage and reward errors, from the trials alone: (trials, B) each."""
    choice = played["row choice"].long().numpy()
    second = played["row second_state"].long().numpy()
    paid = (played["row reward"] > 0).double().numpy()
    num_envs = np.arange(choice.shape[1])
    states = np.full((choice.shape[1], 2), 0.5)
    choices = discount * states
    errors = []
    for c, s, r in zip(choice, second, paid, strict=True):
        arrival = discount * states[num_envs, s] - choices[num_envs, c]
        outcome = r - states[num_envs, s]
        choices[num_envs, c] += params.learning_rate * arrival
        states[num_envs, s] += params.learning_rate * outcome
        errors.append((arrival, outcome))
    return np.array(errors).transpose(1, 0, 2)


def recorded(played, discount):
    """One-step errors on arrival at the second stage and after its reward."""
    values = torch.cat([played["value"], torch.zeros_like(played["value"][:1])])
    errors = (played["reward"] + discount * values[1:] - values[:-1]).double().numpy()
    return errors[1::3], errors[2::3]


def test_sarsas_recorded_errors_are_those_it_learns_from(play):
    task, params = TwoStep(100), SarsaParams(inverse_temperature=10.0)
    played = play(task, Sarsa(task, params))
    arrival, outcome = sarsa_by_hand(played, params, 0.9)
    recorded_arrival, recorded_outcome = recorded(played, 0.9)
    np.testing.assert_allclose(recorded_outcome, outcome, atol=1e-5)
    assert np.corrcoef(recorded_arrival.ravel(), arrival.ravel())[0, 1] ** 2 > 0.9
    both = np.concatenate([recorded_arrival, recorded_outcome]).ravel()
    assert np.corrcoef(both, np.concatenate([arrival, outcome]).ravel())[0, 1] > 0.99


def test_sarsas_arrival_error_is_exact_if_its_choices_have_equal_values(play):
    # Without learning from outcomes (discount 0) both choices stay worth nothing.
    task, params = TwoStep(20), SarsaParams(discount=0.0)
    arrival, _ = recorded(play(task, Sarsa(task, params)), 0.0)
    np.testing.assert_array_equal(arrival, 0)


def test_sarsa_prefers_the_choice_of_greater_value_by_its_temperature():
    memory = (torch.tensor([[0]]), torch.tensor([[0.2, 0.5]]), torch.zeros(1, 2))
    screen = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    inputs = join_inputs(screen, torch.zeros(1, 3), torch.zeros(1))
    for temperature in (0.0, 3.0):
        params = SarsaParams(inverse_temperature=temperature)
        output = Sarsa(TwoStep(), params).act(inputs, memory)
        right = 1 / (1 + math.exp(-0.3 * temperature))
        probabilities = output.logits.softmax(1)[0].tolist()
        assert probabilities == pytest.approx([0, 1 - right, right])
        value = 0.2 * (1 - right) + 0.5 * right
        assert float(output.value) == pytest.approx(value)


def test_nothing_is_learned_from_a_missing_choice():
    task = TwoStep(1, TwoStepParams(probability_switch=0.0))
    for policy in (BayesGreedy(task), Sarsa(task)):
        memory = policy.initial_memory(1)
        start = [belief.clone() for belief in memory[1:]]
        task.reset(torch.zeros(1, 2))
        observation, acted, reward = task.observation(), torch.zeros(1, 3), 0.0
        for action in (0, 0, 2, 0):
            inputs = join_inputs(observation, acted, torch.tensor([reward]))
            memory = policy.act(inputs, memory).memory
            step = task.step(torch.tensor([action]), torch.zeros(1, 2))
            observation, reward = step.observation, float(step.reward)
            acted = torch.eye(3)[[action]]
        assert all(torch.equal(a, b) for a, b in zip(memory[1:], start, strict=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", 1.1), ("inverse_temperature", -1.0), ("discount", 2.0)],
)
def test_params_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        SarsaParams(**{field: value})


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_a_latent_state_learner_makes_the_planners_choices(params, play, stays):
    task = TwoStep(NUM_ENVS, params)
    planner, learner = (play(task, k(task)) for k in (BayesGreedy, LatentState))
    for name in ("action", "row reward", "value"):
        assert torch.equal(planner[name], learner[name]), name
    assert stays(learner) == pytest.approx([1.0, 0.67, 0.67, 1.0], abs=0.03)


def after_reversal(played, trials):
    """(trials, B) whether at least so many trials have passed since the reversal."""
    return played["row reversed"].cumsum(0) > trials


@pytest.mark.parametrize(
    ("name", "before", "after", "correct"),
    [
        ("random", 50, 50, 0.5),
        ("bayes-greedy", 70.5, 70.5, 0.92),
        ("oracle", 74, 74, 1.0),
        ("latent-state", 70.5, 29.5, 0.08),
    ],
)
def test_baselines_have_the_rewards_of_the_theory_before_and_after_a_reversal(
    name, before, after, correct, play
):
    """A learner whose choices are all exchanged has the rewards mirrored at 50."""
    task = TwoStep(NUM_ENVS, REVERSING)
    played = play(task, make_baselines(task)[name])
    late, reward = after_reversal(played, 0), 100 * played["row reward"]
    assert reward[~late].mean() == pytest.approx(before, abs=1.5)
    assert reward[late].mean() == pytest.approx(after, abs=1.5)
    assert played["row correct"][late].mean() == pytest.approx(correct, abs=0.03)


def test_a_planner_infers_the_reversal_within_ten_trials(play):
    task = TwoStep(NUM_ENVS, REVERSING)
    played = play(task, BayesTransitions(task))
    reward, correct = played["row reward"], played["row correct"]
    first = after_reversal(played, 0) & ~after_reversal(played, 3)
    settled = after_reversal(played, 10)
    assert correct[first].mean() < 0.4
    assert correct[settled].mean() > 0.8
    assert 100 * reward[settled].mean() == pytest.approx(70, abs=2)


def test_baselines_for_a_reversal_are_there_only_with_one():
    names = ["random", "bayes-greedy", "oracle", "sarsa"]
    assert list(make_baselines(TwoStep())) == names
    with_reversal = list(make_baselines(TwoStep(params=REVERSING)))
    assert with_reversal == [*names, "bayes-transitions", "latent-state"]


def test_the_belief_in_a_reversal_is_bayes_rule():
    """Of one subject, computed by hand from its choices and second-stage states."""
    params = TwoStepParams(reversal_least=5, reversal_most=9, trial_count=20)
    task = TwoStep(1, params)
    planner, generator = BayesTransitions(task), torch.Generator().manual_seed(3)
    memory = planner.initial_memory(1)
    observation = task.reset(torch.rand(1, 2, generator=generator))
    last_action, reward, belief = torch.zeros(1, 3), torch.zeros(1), 0.0
    for _ in range(params.trial_count):
        for event in ("fixation", "choice", "outcome"):
            output = planner.act(join_inputs(observation, last_action, reward), memory)
            memory = output.memory
            if event == "fixation":
                belief += (1 - belief) / params.trial_count
            if event == "outcome":
                same = int(task.second) == int(last_action.argmax()) - 1
                if_reversed, if_not = (0.2, 0.8) if same else (0.8, 0.2)
                for_it, against = belief * if_reversed, (1 - belief) * if_not
                belief = for_it / (for_it + against)
            assert float(memory[2]) == pytest.approx(belief, abs=1e-5)
            side = int(torch.randint(1, 3, (1,), generator=generator))
            action = torch.tensor([0 if event == "fixation" else side])
            step = task.step(action, torch.rand(1, 2, generator=generator))
            observation, reward = step.observation, step.reward
            last_action = torch.eye(3)[action]


def test_an_impossible_transition_leaves_the_belief_unchanged():
    params = TwoStepParams(probability_common=1.0, reversal_least=1, reversal_most=1)
    planner = BayesTransitions(TwoStep(params=params))
    screen, acted = torch.eye(4)[[2]], torch.eye(3)[[2]]
    memory = torch.tensor([[1]]), torch.tensor([[0.5]]), torch.tensor([[0.0]])
    inputs = join_inputs(screen, acted, torch.zeros(1))
    assert planner.act(inputs, memory).memory[2].tolist() == [[0.0]]
