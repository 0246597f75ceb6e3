"""Baselines of the inferred-value task: responses, beliefs, learning."""

import numpy as np
import pytest
import torch

from metarl.baselines.inferred_value import (
    CountingObserver,
    IdealObserver,
    TemporalDifference,
    TemporalDifferenceParams,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.inferred_value import InferredValue, InferredValueParams

FEW = InferredValueParams(block_count=12, block_trials=3, probability_switch=0.3)
GAMMA = 0.9


def recorded(played, discount=GAMMA):
    """(trials, 4, B) errors on arrival at each step; NaN at the episode's start."""
    value, reward = played["value"].double(), played["reward"].double()
    errors = torch.full_like(value, torch.nan)
    errors[1:] = reward[:-1] + discount * value[1:] - value[:-1]
    return errors.reshape(-1, 4, value.shape[1]).numpy()


def rows(played, *names):
    return [played[f"row {name}"].double().numpy() for name in names]


def responses(played, discount=GAMMA):
    """Errors at the cue after a reversal: before, experienced and inferred."""
    place, cue, rewarded, switched = rows(
        played, "block_trial", "cue", "rewarded_cue", "switched"
    )
    at_cue, new = recorded(played, discount)[:, 1], cue == rewarded
    seen = np.zeros_like(new)
    seen[1:] = cue[1:] == cue[:-1]

    def difference(which):
        return at_cue[which & new].mean() - at_cue[which & ~new].mean()

    second = (switched == 1) & (place == 1)
    first = (switched == 1) & (place == 0)
    return -difference(first), difference(second & seen), difference(second & ~seen)


@pytest.fixture(scope="module")
def played(play):
    task = InferredValue(400)
    return {k: play(task, s) for k, s in make_baselines(task).items()}


@pytest.mark.parametrize("params", [InferredValueParams(), FEW])
def test_all_give_the_instructed_responses(params, play):
    task = InferredValue(200, params)
    for name, policy in make_baselines(task).items():
        course = play(task, policy)
        assert course["row valid"].all(), name
        assert torch.equal(course["row choice"], course["row cue"])
        assert float(course["row reward"].mean()) == pytest.approx(0.5, abs=0.03)
        free = course["action"][course["event"] % 2 == 1]
        shares = torch.bincount(free, minlength=3) / len(free)
        assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.03), name


def test_they_have_the_published_responses_or_their_opposite(played):
    ideal = 0.8 * GAMMA**2
    measured = {name: responses(course) for name, course in played.items()}
    assert measured["ideal"] == pytest.approx((ideal, ideal, ideal), abs=1e-5)
    assert measured["counting"] == pytest.approx((0, GAMMA**2, GAMMA**2), abs=1e-5)
    assert measured["random"] == (0, 0, 0)
    before, experienced, inferred = measured["td"]
    assert 0.3 < before < ideal
    assert -0.1 < experienced < 0.2
    assert inferred < -0.3


@pytest.mark.parametrize("params", [InferredValueParams(), FEW])
def test_the_beliefs_of_the_observers_agree_with_those_by_hand(params, play):
    task = InferredValue(30, params)
    spread = params.probability_switch / params.block_trials
    observers = {IdealObserver: None, CountingObserver: params.probability_switch}
    for kind, at_start in observers.items():
        course = play(task, kind(task, GAMMA))
        go = course["value"][2::4].double().numpy()
        place, cue, rewarded = rows(course, "block_trial", "cue", "rewarded_cue")
        later = GAMMA**2 * 0.5 * GAMMA**2 / (1 - GAMMA**4)
        for env_index in range(30):
            chance_b = 0.5
            for trial in range(task.trial_count):
                probability = chance_b if cue[trial, env_index] == 1 else 1 - chance_b
                assert go[trial, env_index] == pytest.approx(
                    probability + later, abs=1e-5
                )
                following = place[(trial + 1) % task.trial_count, env_index]
                hazard = spread
                if at_start is not None:
                    hazard = at_start if following == 0 else 0.0
                chance_b = hazard if rewarded[trial, env_index] == 0 else 1 - hazard


def test_values_are_discounted_by_one_step_less_at_each_step(played):
    later = 0.5 * GAMMA**2 / (1 - GAMMA**4)
    value = played["ideal"]["value"].double().reshape(50, 4, -1)
    fixation, cue, go, outcome = value.unbind(1)
    assert fixation.numpy() == pytest.approx(later, abs=1e-5)
    assert outcome.numpy() == pytest.approx(GAMMA * later, abs=1e-5)
    assert cue.numpy() == pytest.approx(GAMMA * go.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["ideal", "counting"])
def test_an_observer_has_errors_only_at_the_cue_and_the_outcome(played, name):
    errors = recorded(played[name])
    assert errors[1:, 0] == pytest.approx(0, abs=1e-5)
    assert errors[:, 2] == pytest.approx(0, abs=1e-5)
    # Right on average at the outcome, and over all trials at the cue.
    for step, count in ((1, 20_000), (3, 20_000)):
        assert errors[:, step].size == count
        spread = errors[:, step].std() / np.sqrt(count)
        assert abs(errors[:, step].mean()) < 4 * spread, step


def td_by_hand(played, params):
    """(trials, 3, B) errors at cue, outcome and the next fixation."""
    cue, rewarded = (r.astype(int) for r in rows(played, "cue", "rewarded_cue"))
    gamma, rate = params.discount, params.learning_rate
    later = 0.5 * gamma**2 / (1 - gamma**4)
    num_envs = np.arange(cue.shape[1])
    fixation = np.full(len(num_envs), later)
    response = np.full((len(num_envs), 2), 0.5 + gamma**2 * later)
    outcome = gamma * fixation
    errors = np.zeros((len(cue), 3, len(num_envs)))
    for trial, (shown, paying) in enumerate(zip(cue, rewarded, strict=True)):
        errors[trial, 0] = gamma * gamma * response[num_envs, shown] - fixation
        fixation += rate * errors[trial, 0]
        paid = (shown == paying).astype(float)
        errors[trial, 1] = paid + gamma * outcome - response[num_envs, shown]
        response[num_envs, shown] += rate * errors[trial, 1]
        errors[trial, 2] = gamma * fixation - outcome
        outcome += rate * errors[trial, 2]
    return errors


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_the_tabular_learners_recorded_errors_are_those_it_learns_from(rate, play):
    task = InferredValue(100)
    params = TemporalDifferenceParams(learning_rate=rate)
    course = play(task, TemporalDifference(task, params))
    errors, expected = recorded(course), td_by_hand(course, params)
    assert errors[:, 1] == pytest.approx(expected[:, 0], abs=1e-5)
    assert errors[:, 2] == pytest.approx(0, abs=1e-6)
    assert errors[:, 3] == pytest.approx(expected[:, 1], abs=1e-5)
    assert errors[1:, 0] == pytest.approx(expected[:-1, 2], abs=1e-5)


def test_the_baselines_values_follow_the_discount(play):
    task = InferredValue(200)
    measured = {}
    for name, policy in make_baselines(task, 0.75).items():
        measured[name] = responses(play(task, policy), 0.75)
    assert measured["ideal"] == pytest.approx([0.8 * 0.75**2] * 3, abs=1e-5)
    assert measured["counting"] == pytest.approx((0, 0.75**2, 0.75**2), abs=1e-5)
    assert measured["td"][2] < -0.2


def walk(policy, task, actions):
    """Beliefs after each step of these actions, from the start of an episode."""
    task.reset(torch.zeros(1, 1), options={"rewarded_cue": 0})
    memory = policy.initial_memory(1)
    acted, reward, beliefs = torch.zeros(1, 3), torch.zeros(1), []
    for action in actions:
        inputs = join_inputs(task.observation(), acted, reward)
        memory = policy.act(inputs, memory).memory
        beliefs.append(float(memory[2][0, 0]))
        # Noise of 0.9 shows cue A and switches nothing.
        step = task.step(torch.tensor([action]), torch.full((1, 1), 0.9))
        acted, reward = torch.eye(3)[[action]], step.reward
    return beliefs


def test_nothing_is_learned_from_an_invalid_response():
    task = InferredValue()
    for policy in (IdealObserver(task), CountingObserver(task)):
        answered = walk(policy, task, (0, 0, 1, 0, 0))
        assert answered[:4] == [0.5, 0.5, 0.5, 0.0]
        assert walk(policy, task, (0, 0, 2, 0, 0)) == [0.5] * 5
        # A fixation that was punished is no outcome.
        assert walk(policy, task, (1, 0, 1, 0))[:3] == [0.5] * 3
    assert walk(IdealObserver(task), task, (0, 0, 1, 0, 0))[4] == pytest.approx(0.1)
    assert walk(CountingObserver(task), task, (0, 0, 1, 0, 0))[4] == 0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rate": 1.1}, r"learning_rate must be in \[0, 1\], got 1.1"),
        ({"discount": 1.0}, r"discount must be in \[0, 0.999999999\], got 1.0"),
    ],
)
def test_params_out_of_range_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        TemporalDifferenceParams(**settings)


def test_a_discount_of_one_is_refused():
    with pytest.raises(ValueError, match=r"discount must be in \[0, 0.999999999\]"):
        IdealObserver(InferredValue(), 1.0)
