"""The inferred-value task against a scalar twin, its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.inferred_value import InferredValue, InferredValueParams

CENTRE, LEFT, RIGHT = range(3)
SCREENS = ("fixation", "cue A", "cue B", "go", "outcome")


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    rewarded_cue = "B" if start[0] < 0.5 else "A"
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows = [], [], []
    switched = math.nan
    for block in range(params.block_count):
        for block_trial in range(params.block_trials):
            first = len(rewards)
            action, (number,) = next(responses)
            screens.append("fixation")
            rewards.append(0.0 if action == CENTRE else -1.0)
            cue = "B" if number < 0.5 else "A"
            next(responses)
            screens.append(f"cue {cue}")
            rewards.append(0.0)
            action, _ = next(responses)
            screens.append("go")
            answered = action == (LEFT if cue == "A" else RIGHT)
            responded = 1.0 if cue == rewarded_cue else 0.0
            rewards.append(responded if answered else -1.0)
            _, (number,) = next(responses)
            screens.append("outcome")
            rewards.append(0.0)
            row = {"block": block, "block_trial": block_trial, "switched": switched}
            row |= {"choice": "AB".index(cue) if answered else math.nan}
            row |= {"cue": "AB".index(cue), "correct": int(answered), "forced": 1}
            row |= {"rewarded_cue": "AB".index(rewarded_cue)}
            row |= {"reward": sum(rewards[first:])}
            row |= {"valid": int(min(rewards[first:]) >= 0)}
            rows.append(row)
        switched = int(number < params.probability_switch)
        if switched:
            rewarded_cue = "A" if rewarded_cue == "B" else "B"
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        InferredValueParams(),
        InferredValueParams(block_count=7, block_trials=3, probability_switch=0.2),
        InferredValueParams(block_count=20, block_trials=1),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = InferredValue(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    for env_index in range(num_envs):
        screens, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        assert course["reward"][:, env_index].tolist() == rewards
        seen = torch.cat([course["first"], course["observation"][:-1]])[:, env_index]
        assert seen.tolist() == [[float(n == s) for n in SCREENS] for s in screens]
        assert {f"row {name}" for name in rows[0]} == {
            name for name in course if name.startswith("row ")
        }
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_array_equal(actual, expected, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [task.episode_steps - 1]


def take(task, *actions, number=0.9):
    """Reward and next screen of each action; noise of 0.9 shows cue A, no switch."""
    noise = torch.tensor([[number]])
    steps = [task.step(torch.tensor([action]), noise) for action in actions]
    return [(float(s.reward), SCREENS[int(s.observation.argmax())]) for s in steps]


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


@pytest.fixture
def task():
    """One subject, A the rewarded cue."""
    task = InferredValue()
    task.reset(torch.full((1, 1), 0.5))
    return task


def test_the_response_to_the_rewarded_cue_is_rewarded(task):
    answers = take(task, CENTRE, RIGHT, LEFT, LEFT)
    assert answers == [(0, "cue A"), (0, "go"), (1, "outcome"), (0, "fixation")]
    row = row_of(task)
    assert (row["choice"], row["reward"], row["correct"], row["forced"]) == (0, 1, 1, 1)
    assert (row["cue"], row["rewarded_cue"]) == (0, 0)


def test_the_other_cue_needs_the_other_response_and_has_no_reward(task):
    take(task, CENTRE, number=0.4)
    assert take(task, CENTRE, RIGHT) == [(0, "go"), (0, "outcome")]
    take(task, LEFT)
    row = row_of(task)
    assert (row["choice"], row["reward"], row["valid"]) == (1, 0, 1)
    assert (row["cue"], row["rewarded_cue"]) == (1, 0)


@pytest.mark.parametrize("response", [CENTRE, LEFT, RIGHT])
def test_any_response_is_valid_at_cue_and_outcome(task, response):
    take(task, CENTRE)
    assert take(task, response, LEFT, response)[0::2] == [(0, "go"), (0, "fixation")]
    assert row_of(task)["valid"] == 1


@pytest.mark.parametrize("response", [LEFT, RIGHT])
def test_an_invalid_fixation_costs_one_and_the_trial_goes_on(task, response):
    answers = take(task, response, CENTRE, LEFT, CENTRE)
    assert answers == [(-1, "cue A"), (0, "go"), (1, "outcome"), (0, "fixation")]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (0, 0, 1)
    assert row["choice"] == 0


@pytest.mark.parametrize("response", [CENTRE, RIGHT])
def test_a_response_that_was_not_instructed_costs_one_and_is_missing(task, response):
    take(task, CENTRE, CENTRE)
    assert take(task, response, LEFT) == [(-1, "outcome"), (0, "fixation")]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (-1, 0, 0)
    assert math.isnan(row["choice"])


def test_two_invalid_responses_cost_two(task):
    take(task, LEFT, LEFT, RIGHT, LEFT)
    assert row_of(task)["reward"] == -2


def test_the_rewarded_cue_may_switch_between_blocks_and_not_within(task):
    for block_trial in range(5):
        take(task, CENTRE, LEFT, LEFT)
        assert task.hidden()["rewarded_cue"].tolist() == [False]
        take(task, LEFT, number=0.49)
        row = row_of(task)
        assert row["rewarded_cue"] == 0
        assert (row["block"], row["block_trial"]) == (0, block_trial)
        assert math.isnan(row["switched"])
    assert task.hidden()["rewarded_cue"].tolist() == [True]
    for _ in range(5):
        assert take(task, CENTRE, LEFT, LEFT)[2] == (0, "outcome")
        take(task, LEFT, number=0.5)
        row = row_of(task)
        assert (row["block"], row["switched"], row["rewarded_cue"]) == (1, 1, 1)
    assert task.hidden()["rewarded_cue"].tolist() == [True]
    take(task, CENTRE, LEFT, LEFT, LEFT)
    assert (row_of(task)["block"], row_of(task)["switched"]) == (2, 0)


def test_a_switch_is_not_visible_on_the_screen(write_script, perform):
    never = InferredValueParams(probability_switch=0.0)
    always = InferredValueParams(probability_switch=1.0)
    script = write_script(InferredValue(9), 200)
    seen = [
        perform(InferredValue(9, params), script)["observation"]
        for params in (never, always)
    ]
    assert torch.equal(*seen)


def test_the_defaults_are_those_of_the_paper():
    params = InferredValueParams()
    assert (params.block_count, params.block_trials) == (10, 5)
    assert params.probability_switch == 0.5
    task = InferredValue()
    assert (task.trial_count, task.episode_steps) == (50, 200)
    assert task.observation_names == SCREENS
    assert task.action_names == ("centre", "left", "right")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("block_count", 0, "block_count must be at least 1, got 0"),
        ("block_trials", 0, "block_trials must be at least 1, got 0"),
        ("probability_switch", 1.1, r"probability_switch must be in \[0, 1\], got 1.1"),
    ],
)
def test_params_out_of_range_are_refused(field, value, text):
    with pytest.raises(ValueError, match=text):
        InferredValueParams(**{field: value})


def test_the_first_rewarded_cue_can_be_set():
    task = InferredValue(3)
    for cue in (0, 1):
        task.reset(torch.full((3, 1), 0.5), options={"rewarded_cue": cue})
        assert task.hidden()["rewarded_cue"].tolist() == [bool(cue)] * 3
    with pytest.raises(ValueError, match="rewarded_cue must be one of 0, 1; got 2"):
        task.reset(torch.full((3, 1), 0.5), options={"rewarded_cue": 2})


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.mark.parametrize(
    "params",
    [
        InferredValueParams(),
        InferredValueParams(block_count=20, block_trials=3, probability_switch=0.2),
    ],
)
def test_the_statistics_are_the_declared_ones(params, write_script, perform):
    task = InferredValue(2000, params)
    course = perform(task, write_script(task, task.episode_steps, seed=11))
    rows = {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}
    cue, rewarded, probability = (
        rows["cue"],
        rows["rewarded_cue"],
        params.probability_switch,
    )
    assert close(cue == 1, 0.5)
    assert close(cue[1:] == cue[:-1], 0.5)
    assert close(cue == rewarded, 0.5)
    assert close(rewarded[0] == 1, 0.5)
    starts = rows["block_trial"][:, 0] == 0
    assert starts.sum() == params.block_count
    swapped = rewarded[1:] != rewarded[:-1]
    assert close(swapped[starts[1:]], probability)
    assert not swapped[~starts[1:]].any()
    assert torch.equal(swapped[starts[1:]].float(), rows["switched"][starts][1:])
    # A switch says nothing of the next one, nor a cue of the switch after it.
    between = swapped[starts[1:]]
    assert close(between[1:][between[:-1]], probability)
    assert close(between[cue[:-1][starts[1:]] == 1], probability)
    responded = rows["correct"] == 1
    assert torch.equal(rows["choice"][responded], cue[responded])
    penalty = (rows["valid"] == 0) & responded
    rewards = rows["reward"] + penalty.float()
    assert torch.equal(rewards[responded], (cue == rewarded)[responded].float())


def test_the_screen_shows_what_the_observation_says(task):
    assert [s.shape for s in task.scene()] == ["cross"]
    take(task, CENTRE)
    assert [(s.shape, s.colour, s.text) for s in task.scene()] == [
        ("disc", "deepskyblue", "A")
    ]
    take(task, CENTRE)
    assert [(s.shape, s.x) for s in task.scene()] == [
        ("square", 0.25),
        ("square", 0.75),
    ]
    take(task, LEFT)
    assert [(s.shape, s.text) for s in task.scene()] == [("text", "outcome")]
    take(task, LEFT, CENTRE, number=0.1)
    assert [(s.colour, s.text) for s in task.scene()] == [("orange", "B")]
