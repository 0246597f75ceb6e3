"""Interventions in the stepping loop: variables, changes and resets in order."""

import io
import re

import pytest
import torch
from toys import Lottery, Uneven

from metarl.agents.config import NetworkConfig
from metarl.core.interventions import parse
from metarl.core.policy import PolicyOutput
from metarl.envs.registry import task_class
from metarl.envs.two_step import TwoStep, TwoStepParams
from metarl.simulation.interventions import (
    STEP_VARIABLES,
    Interventions,
    make_interventions,
)
from metarl.simulation.rollout import Rollout

NUM_ENVS, UNITS = 6, 4
TASKS = ("two-step", "volatility", "risky-choice", "toys:Lottery", "toys:Uneven")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Noter:
    """A random policy that records its inputs and the variables of each step."""

    def __init__(self, task):
        self.task, self.interventions = task, None
        self.variables, self.changes, self.inputs, self.ages = [], [], [], []

    def initial_memory(self, num_envs):
        return (torch.zeros(num_envs, 1),)

    def act(self, inputs, memory, changes=None):
        self.inputs.append(inputs)
        self.ages.append(memory[0].squeeze(1))
        self.changes.append(changes)
        if self.interventions:
            variables = self.interventions.variables.items()
            self.variables.append({k: v.clone().double() for k, v in variables})
        logits = torch.zeros(len(inputs), self.task.action_count)
        return PolicyOutput(logits, memory[0].squeeze(1), (memory[0] + 1,), memory[0])


def make_task(name="toys:Lottery", num_envs=NUM_ENVS):
    kind = task_class(name)
    few = {"two-step": {"trial_count": 3}, "volatility": {"trial_count": 4}}
    few["risky-choice"] = {"forced_pairs": 1, "free_trials": 2}
    return kind(num_envs, kind.params_type(**few.get(name, {})))


def parsed(*texts):
    return tuple(map(parse, texts))


def make_rollout(texts, name="toys:Lottery", *, seed=0, task=None, **settings):
    task = task or make_task(name)
    policy = Noter(task)
    interventions = (
        Interventions(parsed(*texts), task, units=UNITS, noise=generator(99))
        if texts
        else None
    )
    policy.interventions = interventions
    settings = {"interventions": interventions} | settings
    rollout = Rollout(task, policy, generator(seed), **settings)
    rollout.record_events = True
    return rollout


def walk(rollout, steps):
    """Transitions, and the row of the task after each."""
    transitions, rows = [], []
    for transition in rollout.run(steps):
        transitions.append(transition)
        row = rollout.task.trial_row().items()
        rows.append({k: v.clone().double() for k, v in row})
    return transitions, rows


def column(transitions, name):
    return torch.stack([getattr(transition, name) for transition in transitions])


def known(transitions, rows, t, *, arrived):
    """Variables at step t, computed from the rollout, one environment at a time.

    Args:
        transitions: the walk.
        rows: the task's rows after each step.
        t: the step.
        arrived: what step t has led to, before an episode that ended is restarted;
            else what is known when step t is decided.
    """
    variables = {name: torch.full((NUM_ENVS,), torch.nan).double() for name in rows[0]}
    variables |= {name: torch.zeros(NUM_ENVS).double() for name in STEP_VARIABLES}
    last = t if arrived else t - 1
    for env_index in range(NUM_ENVS):
        begun = trial = 0
        for s in range(last + 1):
            over = bool(transitions[s].terminated[env_index])
            trial += int(transitions[s].trial_ended[env_index])
            if over and not (arrived and s == last):
                begun, trial = s + 1, 0
        variables["trial"][env_index] = trial
        variables["step"][env_index] = last + 1 - begun
        fresh = last + 1 == begun
        for name, part in (("action", "actions"), ("paid", "rewards")):
            feedback = (
                torch.nan
                if fresh
                else float(getattr(transitions[last], part)[env_index])
            )
            variables[name][env_index] = feedback
        if not fresh and transitions[last].trial_ended[env_index]:
            for name, values in rows[last].items():
                variables[name][env_index] = values[env_index]
    return variables


def same(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        torch.testing.assert_close(
            values, other[name], equal_nan=True, rtol=0, atol=0, msg=name
        )


@pytest.mark.parametrize("name", TASKS)
def test_conditions_before_an_action_use_the_result_of_the_last_step(name):
    rollout = make_rollout(["rpe set 0"], name)
    transitions, rows = walk(rollout, 25)
    over, ended = column(transitions, "terminated"), column(transitions, "trial_ended")
    assert over[:-1].sum() > NUM_ENVS
    assert ended.sum() > over.sum()
    for t, actual in enumerate(rollout.policy.variables):
        expected = known(transitions, rows, t, arrived=False)
        same(actual, expected | {"event": transitions[t].event.double()})


@pytest.mark.parametrize("name", TASKS)
def test_conditions_of_teaching_use_the_result_of_the_same_step(name):
    """The error that is taught is the one that the step reveals."""
    texts = [
        "teaching set 1 when paid > 0 and trial > 1",
        "teaching add 10 when reward >= 0 and step > 2",
        "teaching scale 100 when choice == 0 and action != 0",
    ]
    transitions, rows = walk(make_rollout(texts, name), 25)
    assert column(transitions, "terminated").any()
    done = set()
    for t, transition in enumerate(transitions):
        variables = known(transitions, rows, t, arrived=True)
        factor, addition = torch.ones(NUM_ENVS), torch.zeros(NUM_ENVS)
        for env_index in range(NUM_ENVS):
            now = {k: float(v[env_index]) for k, v in variables.items()}
            if now["paid"] > 0 and now["trial"] > 1:
                factor[env_index], addition[env_index] = 0, 1
            if now["reward"] >= 0 and now["step"] > 2:
                addition[env_index] += 10
            if now["choice"] == 0 and now["action"] != 0:
                factor[env_index] *= 100
                addition[env_index] *= 100
        assert torch.equal(transition.rpe_transform[0], factor)
        assert torch.equal(transition.rpe_transform[1], addition)
        done |= set(zip(factor.tolist(), addition.tolist(), strict=True))
    assert len(done) > 2


def test_nothing_before_the_first_episode_is_used():
    task = Lottery(NUM_ENVS)
    new_rollout = make_rollout([], task=task)
    while not bool(task.event().any()):
        walk(new_rollout, 1)
    rollout = make_rollout(["rpe set 1 when event == 'press'"], task=task)
    assert not task.event().any()
    walk(rollout, 1)
    assert not rollout.policy.variables[0]["event"].any()
    assert rollout.policy.changes[0].rpe[0].tolist() == [1] * NUM_ENVS


def test_words_are_those_of_events_actions_and_categories():
    task = make_task("two-step")
    conditions = ["event == 'choice'", "action == 'right'", "transition == 'rare'"]
    for condition in conditions:
        interventions = Interventions(
            parsed(f"rpe set 1 when {condition}"), task, units=UNITS
        )
        code = ("fixation", "choice").index("choice") if "event" in condition else None
        code = {"action": 2, "transition": 1}.get(condition.split()[0], code)
        name = condition.split()[0]
        interventions.variables = {
            **interventions.variables,
            name: torch.arange(NUM_ENVS).float() % 3,
        }
        factor, _ = interventions.changes().rpe
        assert (factor == 0).tolist() == [k % 3 == code for k in range(NUM_ENVS)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "rpe set 1 when hunger > 0",
            "the condition 'hunger > 0' must use known names, got 'hunger'; "
            "choose from: event, trial, step, action, paid, choice, reward, valid, "
            "correct, forced, ticket, uniform",
        ),
        (
            "rpe set 1 when event == 'fixation'",
            "a word in a condition must be one of wait, press; got 'fixation'",
        ),
        (
            "units set 0 of 2-4",
            "units must be below 4, the network's number of units, got 4",
        ),
    ],
)
def test_interventions_that_do_not_fit_task_or_network_are_refused_at_once(
    text, sentence
):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Interventions(parsed(text), Lottery(NUM_ENVS), units=UNITS)


def test_an_error_that_is_not_an_input_cannot_be_changed():
    task = Lottery(NUM_ENVS)
    interventions = Interventions(parsed("rpe set 1"), task, units=UNITS)
    interventions.check_feedback("rpe")
    other = Interventions(parsed("units set 1"), task, units=UNITS)
    other.check_feedback("reward")
    sentence = (
        "rpe must be the network's feedback to be changed, got feedback "
        "reward; train with a separate critic and feedback rpe"
    )
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        interventions.check_feedback("reward")


def changed(texts, steps=1, **settings):
    rollout = make_rollout(texts, "two-step", **settings)
    walk(rollout, steps)
    return rollout.policy.changes


def test_operations_are_done_one_after_another():
    texts = ["rpe add 1", "rpe scale 2", "rpe set 3 when event == 'choice'"]
    texts += ["rpe add 0.5", "rpe scale -1 when event == 'outcome'"]
    x = torch.arange(6.0)
    expected = [2 * x + 2.5, torch.full((6,), 3.5), -2 * x - 2.5]
    for changes, after in zip(changed(texts, 3), expected, strict=True):
        factor, addition = changes.rpe
        assert torch.equal(x * factor + addition, after)
        assert changes.units is None


def test_units_are_changed_by_number():
    texts = ["units set 1 of 0,2", "units scale 2 of 1-2", "units add 5 of 3"]
    (changes,) = changed(texts)
    factor, addition = changes.units
    assert factor.tolist() == [[0, 2, 0, 1]] * NUM_ENVS
    assert addition.tolist() == [[1, 0, 2, 5]] * NUM_ENVS
    assert changes.rpe is None


def test_units_without_numbers_are_all_of_them_where_the_condition_holds():
    rollout = make_rollout(["units set 0 when event == 'press'"])
    transitions, _ = walk(rollout, 9)
    assert 0 < column(transitions, "event").float().mean() < 1
    for transition, changes in zip(transitions, rollout.policy.changes, strict=True):
        expected = (transition.event == 0).float().unsqueeze(1).expand(-1, UNITS)
        assert torch.equal(changes.units[0], expected)
        assert not changes.units[1].any()


def test_without_interventions_or_a_target_nothing_is_changed():
    assert changed([]) == [None]
    (changes,) = changed(["memory reset"])
    assert changes == (None, None)


def test_noise_is_normal_of_its_deviation_and_new_at_every_step():
    changes = changed(["units noise 0.3 of 0-1", "units scale 2 of 1"], 400)
    factor, addition = (torch.stack([t.units[k] for t in changes]) for k in (0, 1))
    assert (factor == torch.tensor([1.0, 2.0, 1.0, 1.0])).all()
    assert not addition[..., 2:].any()
    count = addition[..., 0].numel()
    assert len(addition[..., 0].unique()) == count
    for unit, deviation in ((0, 0.3), (1, 0.6)):
        generator_of = addition[..., unit]
        assert abs(float(generator_of.mean())) < 4 * deviation / count**0.5
        error = deviation / (2 * count) ** 0.5
        assert abs(float(generator_of.std()) - deviation) < 4 * error


def test_noise_takes_nothing_from_the_stepping_loops_random_numbers():
    still, noisy = (make_rollout(texts) for texts in ([], ["units noise 1"]))
    for one, other in zip(walk(still, 30)[0], walk(noisy, 30)[0], strict=True):
        assert torch.equal(one.actions, other.actions)
        assert torch.equal(one.observation, other.observation)
    states = [rollout.generator.get_state() for rollout in (still, noisy)]
    assert torch.equal(*states)
    assert not torch.equal(
        noisy.interventions.noise.get_state(), generator(99).get_state()
    )


@pytest.mark.parametrize("reset_memory", ["episode", "trial", "never"])
@pytest.mark.parametrize("kind", [Lottery, Uneven])
def test_memory_action_and_reward_are_reset_exactly_at_the_chosen_steps(
    kind, reset_memory
):
    task = kind(NUM_ENVS)
    texts = ["memory reset when step == 3"]
    texts += ["memory reset when reward == 1 and trial > 1"]
    rollout = make_rollout(texts, task=task, reset_memory=reset_memory)
    policy = rollout.policy
    transitions, _ = walk(rollout, 60)
    variables = {
        k: torch.stack([f[k] for f in policy.variables]) for k in policy.variables[0]
    }
    late_rewards = (variables["reward"] == 1) & (variables["trial"] > 1)
    chosen = (variables["step"] == 3) | late_rewards
    assert late_rewards.any()
    due = {
        "episode": column(transitions, "terminated"),
        "trial": column(transitions, "trial_ended"),
        "never": torch.zeros(60, NUM_ENVS, dtype=torch.bool),
    }[reset_memory]
    chosen[0] = True
    chosen[1:] |= due[:-1]
    assert torch.equal(torch.stack(policy.ages) == 0, chosen)
    starts = [task.never if m.start is None else m.start for m in transitions]
    assert torch.equal(torch.stack(starts), chosen)
    feedback = torch.stack(policy.inputs)[..., task.observation_size :]
    action, reward = feedback[..., :-1], feedback[..., -1]
    assert torch.equal(action.any(-1), ~chosen)
    assert not reward[chosen].any()
    last = column(transitions, "rewards")[:-1]
    assert torch.equal(reward[1:], last.masked_fill(chosen[1:], 0))


def test_the_very_first_memory_is_reset_like_any_other():
    rollout = make_rollout(["memory reset when step == 0"], reset_memory="never")
    transitions, _ = walk(rollout, 40)
    ages, over = torch.stack(rollout.policy.ages), column(transitions, "terminated")
    assert torch.equal(ages[1:] == 0, over[:-1])
    assert bool((ages[0] == 0).all())


def through_a_file(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("stop", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("kind", [Lottery, Uneven])
def test_interventions_continue_from_their_state(kind, stop):
    texts = ["memory reset when reward == 1 and trial > 1", "rpe add 1 when paid > 0"]
    texts += ["teaching scale 0 when step > 3"]

    def fresh(seed):
        return make_rollout(texts, task=kind(NUM_ENVS), seed=seed)

    rollout = fresh(1)
    walk(rollout, stop)
    state = rollout.state()
    stored = through_a_file(state)
    del rollout.policy.variables[:], rollout.policy.changes[:]
    expected, _ = walk(rollout, 30)
    other = fresh(2)
    walk(other, 7)
    other.load_state(stored)
    del other.policy.variables[:], other.policy.changes[:]
    actual, _ = walk(other, 30)
    for one, two in zip(rollout.policy.variables, other.policy.variables, strict=True):
        same(one, two)
    for one, two in zip(rollout.policy.changes, other.policy.changes, strict=True):
        assert torch.equal(torch.stack(one.rpe), torch.stack(two.rpe))
    for one, two in zip(actual, expected, strict=True):
        assert torch.equal(one.actions, two.actions)
        assert torch.equal(
            torch.stack(one.rpe_transform), torch.stack(two.rpe_transform)
        )
        assert (one.start is None) == (two.start is None)
    # Further steps changed nothing of the saved state.
    same(
        *(
            {k: v.double() for k, v in s["interventions"]["variables"].items()}
            for s in (state, stored)
        )
    )


def test_conditions_of_a_lockstep_task_use_trial_and_step():
    task = TwoStep(NUM_ENVS, TwoStepParams(trial_count=2))
    rollout = make_rollout(["rpe set 0"], task=task)
    walk(rollout, 8)
    variables = [
        {k: float(v[0]) for k, v in f.items()} for f in rollout.policy.variables
    ]
    assert [f["trial"] for f in variables] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert [f["step"] for f in variables] == [0, 1, 2, 3, 4, 5, 0, 1]
    assert [f["event"] for f in variables] == [0, 1, 2, 0, 1, 2, 0, 1]
    blank = [f["reward"] != f["reward"] for f in variables]
    # A row is known at the next trial's first step, and at no other one's.
    assert blank == [True, True, True, False, True, True, True, True]


@pytest.mark.parametrize(("critic", "units"), [("shared", 4), ("separate", 8)])
def test_interventions_reach_the_units_of_every_core(critic, units):
    network = NetworkConfig(critic=critic, units=4)
    noise = generator(3)
    interventions = make_interventions(
        parsed(f"units set 0 of {units - 1}"), make_task(), network, noise
    )
    assert (interventions.units, interventions.noise) == (units, noise)
    beyond = parsed(f"units set 0 of {units}")
    with pytest.raises(
        ValueError, match=f"units must be below {units}, the network's number"
    ):
        make_interventions(beyond, make_task(), network)


def test_without_sentences_there_are_no_interventions():
    assert make_interventions((), make_task(), NetworkConfig()) is None
