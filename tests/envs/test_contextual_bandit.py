"""The contextual bandit against a scalar twin, against its numbers, and in resuming."""

import itertools
import math

import pytest
import torch

from metarl.envs.contextual_bandit import (
    ContextualBandit,
    ContextualBanditParams,
    draw_distinct,
)
from metarl.runs.config import change_params, parse_settings

LEFT, RIGHT = 0, 1
SETTINGS = [
    {},
    {"context_count": 2, "occurrence_count": 4, "problem_trials": 1, "code_bits": 1},
    {"context_count": 5, "occurrence_count": 1, "better_probability": 0.7},
]


def codes_by_hand(numbers, bits):
    """Each context's code: a number among those left, its bits from the lowest."""
    left, codes = list(range(2**bits)), []
    for uniform in numbers:
        number = left.pop(math.floor(uniform * len(left)))
        codes.append([1.0 if number >> bit & 1 else -1.0 for bit in range(bits)])
    return codes


def order_by_hand(numbers, contexts):
    """The context of each problem: places in the order of their numbers."""
    places = sorted(range(len(numbers)), key=lambda place: numbers[place])
    return [place % contexts for place in places]


def episode_by_hand(params, start, noise, actions):
    """One subject's session: what it saw, what it was paid, and its rows."""
    contexts = params.context_count
    codes = codes_by_hand(start[:contexts], params.code_bits)
    better = [RIGHT if side >= 0.5 else LEFT for side in start[contexts : 2 * contexts]]
    order = order_by_hand(start[2 * contexts :], contexts)
    seen, rewards, rows = [], [], []
    trials = itertools.product(range(len(order)), range(params.problem_trials))
    for (problem, within), arm, numbers in zip(trials, actions, noise, strict=True):
        context = order[problem]
        before = [k for k in range(problem) if order[k] == context]
        best, other = params.better_probability, 1 - params.better_probability
        probabilities = [best if better[context] == side else other for side in (0, 1)]
        seen.append([float(within == 0), *codes[context]])
        rewards.append(float(numbers[0] < probabilities[arm]))
        row = {"choice": arm, "reward": rewards[-1], "valid": 1, "forced": 0}
        row |= {"correct": arm == better[context], "context": context}
        row |= {"occurrence": len(before), "problem": problem, "problem_trial": within}
        row["gap"] = problem - before[-1] if before else math.nan
        rows.append(row | {f"probability_{k}": p for k, p in enumerate(probabilities)})
    return seen, rewards, rows


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_task_agrees_with_a_scalar_twin(settings, write_script, perform):
    num_envs, params = 40, ContextualBanditParams(**settings)
    task = ContextualBandit(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    shown = torch.cat([course["first"], course["observation"][:-1]])
    for env_index in range(num_envs):
        seen, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        assert shown[:, env_index].tolist() == seen
        assert course["reward"][:, env_index].tolist() == rewards
        assert set(rows[0]) == {k[4:] for k in course if k.startswith("row ")}
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].tolist()
            assert actual == pytest.approx(expected, nan_ok=True), name
    ends = course["terminated"].all(1).nonzero().flatten().tolist()
    assert ends == [task.episode_steps - 1]
    assert not course["terminated"][:-1].any()


def test_the_same_noise_gives_the_same_course_and_permuted_environments_a_permuted_one(
    write_script, perform, same
):
    script = write_script(ContextualBandit(7), 70)
    course = perform(ContextualBandit(7), script)
    assert same(course, perform(ContextualBandit(7), script))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    permuted = perform(ContextualBandit(7), script.num_envs(order))
    assert not same(permuted, course)
    assert same(permuted, {name: all_[:, order] for name, all_ in course.items()})


@pytest.mark.parametrize("at", [1, 5, 23])
def test_a_session_continues_from_its_state(at, write_script, perform, same):
    script = write_script(ContextualBandit(4), 40)
    whole = perform(ContextualBandit(4), script)
    first, other = ContextualBandit(4), ContextualBandit(4)
    perform(first, script.part(0, at))
    other.load_state(first.state())
    rest = perform(other, script.part(at), reset=False)
    del rest["first"], whole["first"]
    assert same(rest, {name: all_[at:] for name, all_ in whole.items()})


def within(mean, values, deviation):
    """Whether a sample mean is within 4 standard errors of what is declared."""
    assert values.numel() > 1000
    error = deviation / math.sqrt(values.numel())
    return abs(float(values.double().mean()) - mean) < 4 * error


def test_a_context_recurs_as_often_as_declared_and_keeps_its_better_arm(
    write_script, perform
):
    task = ContextualBandit(2000)
    course = perform(task, write_script(task, task.episode_steps, seed=5))
    first = slice(0, None, task.params.problem_trials)
    contexts = course["row context"][first]
    better = (course["row probability_1"][first] > 0.5).long()
    for context in range(task.params.context_count):
        met = contexts == context
        assert (met.sum(0) == task.params.occurrence_count).all()
        sides = (better * met).sum(0)
        assert ((sides == 0) | (sides == task.params.occurrence_count)).all()
        assert within(0.5, sides > 0, 0.5)
    # Of 11 problems that may follow a problem, 2 have its context.
    assert within(2 / 11, course["row gap"][first][1:] == 1, 0.4)
    assert within(0.25, contexts[0] == 3, 0.44)


def test_a_better_arm_is_rewarded_with_its_probability_and_codes_are_fair_bits(
    write_script, perform
):
    task = ContextualBandit(500)
    course = perform(task, write_script(task, task.episode_steps, seed=6))
    good = course["row correct"] == 1
    assert within(0.9, course["row reward"][good], 0.3)
    assert within(0.1, course["row reward"][~good], 0.3)
    bits = course["first"].reshape(500, -1)[:, 1:]
    assert set(bits.flatten().tolist()) == {-1, 1}
    assert within(0, bits, 1.0)


def test_numbers_are_drawn_without_replacement_and_equally_likely():
    generator = torch.Generator().manual_seed(2)
    drawn = draw_distinct(torch.rand(6000, 3, generator=generator), 4)
    counts = dict.fromkeys(itertools.permutations(range(4), 3), 0)
    for order in drawn.tolist():
        counts[tuple(order)] += 1
    assert all(abs(count - 250) < 4 * math.sqrt(250) for count in counts.values())


def test_the_greatest_noise_draws_the_last_number():
    almost = torch.full((1, 4), 1 - 2**-24)
    assert draw_distinct(almost, 2**20).tolist() == [
        [2**20 - 1, 2**20 - 2, 2**20 - 3, 2**20 - 4]
    ]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("context_count=0", "context_count must be at least 1, got 0"),
        ("occurrence_count=0", "occurrence_count must be at least 1, got 0"),
        ("problem_trials=0", "problem_trials must be at least 1, got 0"),
        ("code_bits=1", "code_bits must be enough for 4 different contexts, got 1"),
        ("code_bits=21", r"code_bits must be in \[1, 20\], got 21"),
        ("better_probability=0.4", r"better_probability must be in \[0.5, 1\]"),
    ],
)
def test_an_impossible_session_is_refused(setting, words):
    with pytest.raises(ValueError, match=words):
        change_params(ContextualBanditParams(), parse_settings([setting]))


def test_the_screen_shows_two_arms_and_the_code_between_them():
    task = ContextualBandit(params=ContextualBanditParams(code_bits=3))
    task.reset(torch.zeros(1, task.noise_size))
    # With noise 0 the contexts get the numbers 0, 1, 2, 3, and the first comes first.
    scene = task.scene()
    assert [(s.shape, s.x, s.text) for s in scene] == [
        ("square", 0.25, ""),
        ("square", 0.75, ""),
        ("text", 0.5, "000"),
    ]
    assert task.observation_names == ("new problem", "bit 1", "bit 2", "bit 3")
