"""Yardsticks of the bandit: what they lose, and that they count and choose rightly."""

import math

import pytest
import torch

from metarl.analysis.measures import rows_at
from metarl.analysis.references import read_reference
from metarl.baselines.bandit import (
    TUNED_BONUS,
    BanditStrategy,
    BayesGreedy,
    BayesOptimal,
    Gittins,
    Greedy,
    Thompson,
    UpperConfidence,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.bandit import Bandit, BanditParams

NUM_ENVS = 2500
INDEPENDENT = ("random", "ucb", "thompson", "greedy", "ucb-tuned", "gittins")


def regrets(played, arms=2):
    """(B,) expected regret of an episode."""
    chances = torch.stack([played[f"row probability_{k}"] for k in range(arms)], dim=2)
    choice = played["row choice"].long().unsqueeze(2)
    lost = chances.amax(2) - chances.gather(2, choice).squeeze(2)
    return lost.double().sum(0)


def mean_and_error(task, strategy, play, seeds=(0,)):
    lost = torch.cat([regrets(play(task, strategy, seed=seed)) for seed in seeds])
    return float(lost.mean()), float(lost.std()) / math.sqrt(len(lost))


@pytest.fixture(scope="module")
def found(play):
    """Name -> mean regret and its standard error, on independent arms."""
    task = Bandit(NUM_ENVS)
    strategies = make_baselines(task)
    assert list(strategies) == [*INDEPENDENT, "bayes-optimal"]
    return {name: mean_and_error(task, s, play) for name, s in strategies.items()}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("random", 100 * (2 / 3 - 1 / 2)),
        ("thompson", 2.78),
        ("greedy", 2.70),
        ("ucb", 4.22),
        ("ucb-tuned", 1.87),
        ("bayes-optimal", 1.748),
    ],
)
def test_regrets_on_independent_arms_are_the_known_ones(name, known, found):
    mean, error = found[name]
    assert abs(mean - known) < 4 * error
    assert error < 0.07 * known


def test_gittins_indices_lose_hardly_more_than_the_optimum(found):
    mean, error = found["gittins"]
    assert abs(mean - found["bayes-optimal"][0]) < 4 * math.sqrt(2) * error
    assert mean < found["thompson"][0] - 0.5


def test_half_the_bonus_loses_less(play):
    mean, error = mean_and_error(
        Bandit(NUM_ENVS), UpperConfidence(Bandit(NUM_ENVS), 0.5), play
    )
    assert abs(mean - 2.93) < 4 * error


def one_who_knows(trials=100, odds=3.0):
    """Exact regret on (1/4, 3/4) of a walk towards the better arm, by its steps."""
    up = odds / (1 + odds)
    chances, regret = {0: 1.0}, 0.0
    for _ in range(trials):
        wrong = sum(p * (1.0 if at < 0 else 0.5) for at, p in chances.items() if at < 1)
        regret += (2 * up - 1) * wrong
        after: dict[int, float] = {}
        for at, p in chances.items():
            after[at + 1] = after.get(at + 1, 0.0) + p * up
            after[at - 1] = after.get(at - 1, 0.0) + p * (1 - up)
        chances = after
    return regret


@pytest.mark.parametrize(
    ("name", "known"),
    [("thompson", 2.96), ("ucb", 4.71), ("bayes-greedy", one_who_knows())],
)
def test_regrets_on_the_papers_dependent_arms_are_the_known_ones(name, known, play):
    task = Bandit(NUM_ENVS, BanditParams(distribution="medium"))
    mean, error = mean_and_error(task, make_baselines(task)[name], play, (0, 1))
    assert abs(mean - known) < 4 * error
    assert error < 0.03 * known


@pytest.mark.parametrize(
    "name", ["random", "ucb", "thompson", "gittins", "bayes-greedy"]
)
def test_the_packaged_regrets_are_those_of_the_baselines(name, play):
    reference = read_reference("metarl.analysis.bandit", "dependent")
    task = Bandit(NUM_ENVS, BanditParams(distribution="medium"))
    played = play(task, make_baselines(task)[name], seed=5)
    lost = 0.5 * (1 - played["row correct"].double()).cumsum(0)
    for row in rows_at(reference, label=name).itertuples():
        found = lost[row.trial - 1]
        error = float(found.std()) / math.sqrt(NUM_ENVS)
        both = math.hypot(error, row.error)
        assert abs(float(found.mean()) - row.value) <= 4 * both, row.trial


def test_knowing_the_arms_to_be_dependent_is_worth_most(play):
    task = Bandit(NUM_ENVS, BanditParams(distribution="correlated"))
    strategies = make_baselines(task)
    assert list(strategies) == [*INDEPENDENT, "bayes-greedy"]
    lost = {k: mean_and_error(task, s, play)[0] for k, s in strategies.items()}
    assert min(lost, key=lost.get) == "bayes-greedy"


def test_any_number_of_arms_has_its_yardsticks(play):
    task = Bandit(400, BanditParams(arm_count=4, trial_count=50))
    strategies = make_baselines(task)
    assert list(strategies) == list(INDEPENDENT)
    lost = {k: regrets(play(task, s), 4).mean() for k, s in strategies.items()}
    assert min(lost, key=lost.get) == "gittins"
    assert max(lost, key=lost.get) == "random"


def test_no_plan_is_made_for_too_many_trials():
    task = Bandit(1, BanditParams(trial_count=121))
    assert list(make_baselines(task)) == list(INDEPENDENT[:-1])


def chances_after(strategy, history, arms=2):
    """Chances of the arms after pulls of (arm, reward)."""
    memory = strategy.initial_memory(1)
    acted, reward = torch.zeros(1, arms), torch.zeros(1)
    for arm, paid in history:
        memory = act(strategy, acted, reward, memory).memory
        acted, reward = torch.eye(arms)[[arm]], torch.tensor([float(paid)])
    return act(strategy, acted, reward, memory).logits.softmax(1)[0].tolist()


def act(strategy, acted, reward, memory):
    return strategy.act(join_inputs(torch.zeros(1, 1), acted, reward), memory)


LEFT_WON, LEFT_LOST, RIGHT_WON, RIGHT_LOST = (0, 1), (0, 0), (1, 1), (1, 0)


@pytest.mark.parametrize(
    ("kind", "history", "chances"),
    [
        (BanditStrategy, [LEFT_WON] * 5, [0.5, 0.5]),
        (Greedy, [], [0.5, 0.5]),
        (Greedy, [LEFT_WON], [1, 0]),
        (Greedy, [LEFT_LOST], [0, 1]),
        (Greedy, [LEFT_WON, LEFT_LOST], [0.5, 0.5]),
        # 2/3 against 3/5.
        (Greedy, [LEFT_WON, RIGHT_WON, RIGHT_WON, RIGHT_LOST], [1, 0]),
        (UpperConfidence, [], [0.5, 0.5]),
        (UpperConfidence, [LEFT_WON], [0, 1]),
        # 1/2 + sqrt(ln 3 / 2) = 1.241 against 0 + sqrt(ln 3) = 1.048.
        (UpperConfidence, [LEFT_WON, LEFT_LOST, RIGHT_LOST], [1, 0]),
        # 1/3 + sqrt(ln 4 / 3) = 1.013 against 0 + sqrt(ln 4) = 1.177.
        (UpperConfidence, [LEFT_WON, LEFT_LOST, LEFT_LOST, RIGHT_LOST], [0, 1]),
        # (1 + x) / 2 is the chance that a uniform number is below x, of density 2 x.
        (Thompson, [LEFT_WON], [2 / 3, 1 / 3]),
        (Thompson, [LEFT_LOST], [1 / 3, 2 / 3]),
        (Thompson, [RIGHT_WON], [1 / 3, 2 / 3]),
        (Thompson, [LEFT_WON, RIGHT_LOST], [5 / 6, 1 / 6]),
        (BayesGreedy, [LEFT_WON], [1, 0]),
        (BayesGreedy, [LEFT_LOST], [0, 1]),
        (BayesGreedy, [RIGHT_LOST], [1, 0]),
        (BayesGreedy, [LEFT_WON, RIGHT_WON], [0.5, 0.5]),
        (Gittins, [], [0.5, 0.5]),
        (Gittins, [LEFT_WON], [1, 0]),
        (BayesOptimal, [], [0.5, 0.5]),
        (BayesOptimal, [LEFT_WON], [1, 0]),
        (BayesOptimal, [LEFT_LOST], [0, 1]),
        (BayesOptimal, [RIGHT_WON], [0, 1]),
    ],
)
def test_choices_after_a_few_trials_are_those_worked_by_hand(kind, history, chances):
    assert chances_after(kind(Bandit()), history) == pytest.approx(chances, abs=1e-6)


def test_the_tuned_bound_has_a_prior():
    tuned = UpperConfidence(Bandit(), TUNED_BONUS, prior=True)
    assert pytest.approx(0.3**2) == TUNED_BONUS
    # Left lost once: 1/3 + .3 sqrt(ln 2 / 2) = .510 against 1/2 + .3 sqrt(ln 2) = .750.
    assert chances_after(tuned, [LEFT_LOST]) == pytest.approx([0, 1])
    # Won once: 2/3 + .177 = .843 against .750: the untried arm can wait.
    assert chances_after(tuned, [LEFT_WON]) == pytest.approx([1, 0])
    # Three of four: 2/3 + .3 sqrt(ln 5 / 5) = .837 against 1/2 + .3 sqrt(ln 5) = .881.
    history = [LEFT_WON, LEFT_WON, LEFT_WON, LEFT_LOST]
    assert chances_after(tuned, history) == pytest.approx([0, 1])


def test_planners_explore_early_and_not_at_the_end():
    # A mean of 5/9 against the 1/2 of an arm never tried: better now, not for long.
    history = [LEFT_WON] * 4 + [LEFT_LOST] * 3
    for kind in (Gittins, BayesOptimal):
        early = kind(Bandit())
        late = kind(Bandit(params=BanditParams(trial_count=len(history) + 1)))
        assert chances_after(early, history) == pytest.approx([0, 1])
        assert chances_after(late, history) == pytest.approx([1, 0])


def test_counts_start_anew_after_an_episode_that_the_memory_outlives():
    strategy = Greedy(Bandit(params=BanditParams(trial_count=3)))
    assert chances_after(strategy, [LEFT_WON] * 2) == pytest.approx([1, 0])
    assert chances_after(strategy, [LEFT_WON] * 3) == pytest.approx([0.5, 0.5])
    history = [LEFT_WON] * 3 + [RIGHT_WON]
    assert chances_after(strategy, history) == pytest.approx([0, 1])


@pytest.mark.parametrize("distribution", ["independent", "correlated"])
def test_every_yardstick_survives_a_memory_that_is_never_cleared(distribution):
    params = BanditParams(trial_count=5, distribution=distribution)
    generator = torch.Generator().manual_seed(2)
    for strategy in make_baselines(Bandit(3, params)).values():
        memory = strategy.initial_memory(3)
        for _ in range(17):
            arms = torch.randint(2, (3,), generator=generator)
            paid = torch.randint(2, (3,), generator=generator).float()
            inputs = join_inputs(torch.zeros(3, 1), torch.eye(2)[arms], paid)
            output = strategy.act(inputs, memory)
            memory = output.memory
            assert output.logits.shape == (3, 2)
            assert bool(output.logits.isfinite().all())
            assert output.value.tolist() == [0, 0, 0]
            assert output.units.shape == (3, 0)
