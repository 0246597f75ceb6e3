"""Baselines of the bandit: regret, counts, choices, and plans by plain recursion."""

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from metarl.analysis.measures import rows_at
from metarl.analysis.references import read_reference
from metarl.baselines.bandit import (
    LONGEST,
    TUNED_BONUS,
    BanditBaseline,
    BayesGreedy,
    BayesOptimal,
    Gittins,
    Greedy,
    Thompson,
    UpperConfidence,
    compute_posteriors,
    gittins_indices,
    make_baselines,
    optimal_plan,
    probabilities_to_be_best,
    quadrature,
)
from metarl.core.policy import join_inputs
from metarl.envs.bandit import Bandit, BanditParams

NUM_ENVS = 2500
PLANNED = 6
"""Trials of the plans that are compared with plain recursions."""
INDEPENDENT = ("random", "ucb", "thompson", "greedy", "ucb-tuned", "gittins")


def regrets(played, arms=2):
    """(B,) expected regret of an episode."""
    probabilities = torch.stack(
        [played[f"row probability_{k}"] for k in range(arms)], dim=2
    )
    choice = played["row choice"].long().unsqueeze(2)
    regret = probabilities.amax(2) - probabilities.gather(2, choice).squeeze(2)
    return regret.double().sum(0)


def mean_and_error(task, policy, play, seeds=(0,)):
    lost = torch.cat([regrets(play(task, policy, seed=seed)) for seed in seeds])
    return float(lost.mean()), float(lost.std()) / math.sqrt(len(lost))


@pytest.fixture(scope="module")
def mean_regrets(play):
    """Name -> mean regret and its standard error, on independent arms."""
    task = Bandit(NUM_ENVS)
    policies = make_baselines(task)
    assert list(policies) == [*INDEPENDENT, "bayes-optimal"]
    return {name: mean_and_error(task, s, play) for name, s in policies.items()}


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
def test_regrets_on_independent_arms_are_the_known_ones(name, known, mean_regrets):
    mean, error = mean_regrets[name]
    assert abs(mean - known) < 4 * error
    assert error < 0.07 * known


def test_gittins_indices_have_hardly_more_regret_than_the_optimum(mean_regrets):
    mean, error = mean_regrets["gittins"]
    assert abs(mean - mean_regrets["bayes-optimal"][0]) < 4 * math.sqrt(2) * error
    assert mean < mean_regrets["thompson"][0] - 0.5


def test_half_the_bonus_has_less_regret(play):
    mean, error = mean_and_error(
        Bandit(NUM_ENVS), UpperConfidence(Bandit(NUM_ENVS), 0.5), play
    )
    assert abs(mean - 2.93) < 4 * error


def regret_of_bayes_greedy(trials=100, odds=3.0):
    """Exact regret on (1/4, 3/4) of a walk towards the better arm, by its steps."""
    up = odds / (1 + odds)
    probabilities, regret = {0: 1.0}, 0.0
    for _ in range(trials):
        wrong = sum(
            p * (1.0 if at < 0 else 0.5) for at, p in probabilities.items() if at < 1
        )
        regret += (2 * up - 1) * wrong
        after: dict[int, float] = {}
        for at, p in probabilities.items():
            after[at + 1] = after.get(at + 1, 0.0) + p * up
            after[at - 1] = after.get(at - 1, 0.0) + p * (1 - up)
        probabilities = after
    return regret


@pytest.mark.parametrize(
    ("name", "known"),
    [("thompson", 2.96), ("ucb", 4.71), ("bayes-greedy", regret_of_bayes_greedy())],
)
def test_regrets_on_the_papers_dependent_arms_are_the_known_ones(name, known, play):
    task = Bandit(NUM_ENVS, BanditParams(distribution="medium"))
    mean, error = mean_and_error(task, make_baselines(task)[name], play, (0, 1))
    assert abs(mean - known) < 4 * error
    assert error < 0.03 * known


@pytest.mark.parametrize(
    "name", ["random", "ucb", "thompson", "gittins", "bayes-greedy"]
)
def test_the_packaged_regrets_are_those_of_the_policies(name, play):
    reference = read_reference("metarl.analysis.bandit", "dependent")
    task = Bandit(NUM_ENVS, BanditParams(distribution="medium"))
    played = play(task, make_baselines(task)[name], seed=5)
    lost = 0.5 * (1 - played["row correct"].double()).cumsum(0)
    for row in rows_at(reference, label=name).itertuples():
        actual = lost[row.trial - 1]
        error = float(actual.std()) / math.sqrt(NUM_ENVS)
        both = math.hypot(error, row.error)
        assert abs(float(actual.mean()) - row.value) <= 4 * both, row.trial


def test_knowledge_of_the_dependence_leaves_the_smallest_regret(play):
    task = Bandit(NUM_ENVS, BanditParams(distribution="correlated"))
    policies = make_baselines(task)
    assert list(policies) == [*INDEPENDENT, "bayes-greedy"]
    lost = {k: mean_and_error(task, s, play)[0] for k, s in policies.items()}
    assert min(lost, key=lost.get) == "bayes-greedy"


def test_any_number_of_arms_has_its_baselines(play):
    task = Bandit(400, BanditParams(arm_count=4, trial_count=50))
    policies = make_baselines(task)
    assert list(policies) == list(INDEPENDENT)
    lost = {k: regrets(play(task, s), 4).mean() for k, s in policies.items()}
    assert min(lost, key=lost.get) == "gittins"
    assert max(lost, key=lost.get) == "random"


def test_there_is_no_plan_for_too_many_trials():
    task = Bandit(1, BanditParams(trial_count=121))
    assert list(make_baselines(task)) == list(INDEPENDENT[:-1])


def probabilities_after(policy, history, arms=2):
    """Chances of the arms after pulls of (arm, reward)."""
    memory = policy.initial_memory(1)
    acted, reward = torch.zeros(1, arms), torch.zeros(1)
    for arm, paid in history:
        memory = act(policy, acted, reward, memory).memory
        acted, reward = torch.eye(arms)[[arm]], torch.tensor([float(paid)])
    return act(policy, acted, reward, memory).logits.softmax(1)[0].tolist()


def act(policy, acted, reward, memory):
    return policy.act(join_inputs(torch.zeros(1, 1), acted, reward), memory)


LEFT_WON, LEFT_LOST, RIGHT_WON, RIGHT_LOST = (0, 1), (0, 0), (1, 1), (1, 0)


@pytest.mark.parametrize(
    ("kind", "history", "probabilities"),
    [
        (BanditBaseline, [LEFT_WON] * 5, [0.5, 0.5]),
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
        # A number of density 2 x exceeds a uniform one with probability 2 / 3.
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
def test_choices_after_a_few_trials_are_those_computed_by_hand(
    kind, history, probabilities
):
    assert probabilities_after(kind(Bandit()), history) == pytest.approx(
        probabilities, abs=1e-6
    )


def test_the_tuned_bound_has_a_prior():
    tuned = UpperConfidence(Bandit(), TUNED_BONUS, prior=True)
    assert pytest.approx(0.3**2) == TUNED_BONUS
    # Left lost once: 1/3 + .3 sqrt(ln 2 / 2) = .510 against 1/2 + .3 sqrt(ln 2) = .750.
    assert probabilities_after(tuned, [LEFT_LOST]) == pytest.approx([0, 1])
    # Won once: 2/3 + .177 = .843 against .750: the untried arm can wait.
    assert probabilities_after(tuned, [LEFT_WON]) == pytest.approx([1, 0])
    # Three of four: 2/3 + .3 sqrt(ln 5 / 5) = .837 against 1/2 + .3 sqrt(ln 5) = .881.
    history = [LEFT_WON, LEFT_WON, LEFT_WON, LEFT_LOST]
    assert probabilities_after(tuned, history) == pytest.approx([0, 1])


def test_planners_explore_early_and_not_at_the_end():
    # A mean of 5/9 against the 1/2 of an arm never tried: better now, not for long.
    history = [LEFT_WON] * 4 + [LEFT_LOST] * 3
    for kind in (Gittins, BayesOptimal):
        early = kind(Bandit())
        late = kind(Bandit(params=BanditParams(trial_count=len(history) + 1)))
        assert probabilities_after(early, history) == pytest.approx([0, 1])
        assert probabilities_after(late, history) == pytest.approx([1, 0])


def test_counts_restart_after_an_episode_that_the_memory_outlasts():
    policy = Greedy(Bandit(params=BanditParams(trial_count=3)))
    assert probabilities_after(policy, [LEFT_WON] * 2) == pytest.approx([1, 0])
    assert probabilities_after(policy, [LEFT_WON] * 3) == pytest.approx([0.5, 0.5])
    history = [LEFT_WON] * 3 + [RIGHT_WON]
    assert probabilities_after(policy, history) == pytest.approx([0, 1])


@pytest.mark.parametrize("distribution", ["independent", "correlated"])
def test_every_baseline_works_with_a_memory_that_is_never_reset(distribution):
    params = BanditParams(trial_count=5, distribution=distribution)
    generator = torch.Generator().manual_seed(2)
    for policy in make_baselines(Bandit(3, params)).values():
        memory = policy.initial_memory(3)
        for _ in range(17):
            arms = torch.randint(2, (3,), generator=generator)
            paid = torch.randint(2, (3,), generator=generator).float()
            inputs = join_inputs(torch.zeros(3, 1), torch.eye(2)[arms], paid)
            output = policy.act(inputs, memory)
            memory = output.memory
            assert output.logits.shape == (3, 2)
            assert bool(output.logits.isfinite().all())
            assert output.value.tolist() == [0, 0, 0]
            assert output.units.shape == (3, 0)


def posterior_mean(wins, losses):
    return (wins + 1) / (wins + losses + 2)


@cache
def worth(left, state):
    """Most that `left` trials can earn, and of each arm, from (w, l, w, l)."""
    if left == 0:
        return 0.0, (0.0, 0.0)
    arms = []
    for arm in (0, 1):
        probability = posterior_mean(*state[2 * arm : 2 * arm + 2])
        won, lost = list(state), list(state)
        won[2 * arm] += 1
        lost[2 * arm + 1] += 1
        value = probability * (1 + worth(left - 1, tuple(won))[0])
        arms.append(value + (1 - probability) * worth(left - 1, tuple(lost))[0])
    return max(arms), tuple(arms)


def test_the_plan_is_that_of_a_recursion_over_single_states():
    plan = optimal_plan(PLANNED)
    assert plan.reward == pytest.approx(worth(PLANNED, (0, 0, 0, 0))[0])
    states = [s for s in product(range(PLANNED), repeat=4) if sum(s) < PLANNED]
    assert len(states) == 210 - 84
    wins = torch.tensor([[s[0], s[2]] for s in states])
    pulls = wins + torch.tensor([[s[1], s[3]] for s in states])
    actual = plan.choice(wins, pulls).tolist()
    seen = set()
    for state, choice in zip(states, actual, strict=True):
        left, right = worth(PLANNED - sum(state), state)[1]
        expected = 2 if abs(left - right) < 1e-9 else int(right > left)
        assert choice == expected, state
        seen.add(choice)
    assert seen == {0, 1, 2}


def test_the_optimum_of_a_hundred_trials_is_the_published_one():
    assert 100 * 2 / 3 - optimal_plan(100).reward == pytest.approx(1.75, abs=0.005)


def test_the_value_of_one_trial_is_a_half():
    assert optimal_plan(1).reward == 0.5


def gain(left, wins, losses, sure):
    """What the arm is worth above a sure reward that one may fall back on for good."""
    return max(ahead(left, wins, losses, sure), 0.0) if left else 0.0


def ahead(left, wins, losses, sure):
    probability = posterior_mean(wins, losses)
    won = gain(left - 1, wins + 1, losses, sure)
    lost = gain(left - 1, wins, losses + 1, sure)
    return probability - sure + probability * won + (1 - probability) * lost


def index_by_bisection(left, wins, losses):
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if ahead(left, wins, losses, middle) > 0:
            low = middle
        else:
            high = middle
    return low


def test_gittins_indices_are_those_of_a_search_over_sure_rewards():
    indices = gittins_indices(PLANNED)
    assert indices.shape == (PLANNED + 1, PLANNED, PLANNED)
    for left in range(1, PLANNED + 1):
        for wins, losses in product(range(PLANNED - left + 1), repeat=2):
            if wins + losses + left <= PLANNED:
                actual = float(indices[left, wins, losses])
                expected = index_by_bisection(left, wins, losses)
                assert actual == pytest.approx(expected, abs=2e-3)


def test_an_index_starts_at_the_mean_and_grows_with_the_trials_left():
    indices = gittins_indices(20)
    assert float(indices[1, 3, 1]) == pytest.approx(4 / 6, abs=1e-6)
    # With two left, of an arm never pulled: 1/2 - x + (2/3 - x) / 2 = 0.
    assert float(indices[2, 0, 0]) == pytest.approx(5 / 9, abs=1e-3)
    assert bool((indices[1:, 0, 0].diff() > 0).all())


def chances_of(wins, losses, nodes):
    rule = quadrature(nodes)
    return probabilities_to_be_best(compute_posteriors(wins, losses, rule), rule)


def test_the_quadrature_is_exact_for_powers():
    rule = quadrature(6)
    for power in range(12):
        values = rule.nodes**power
        assert float(values @ rule.weights) == pytest.approx(1 / (power + 1))
        if power < 6:
            expected = rule.nodes ** (power + 1) / (power + 1)
            np.testing.assert_allclose(rule.running @ values, expected, atol=1e-14)
    assert float(rule.nodes**12 @ rule.weights) != pytest.approx(1 / 13, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 0), (0, 0)), ((3, 1), (0, 2)), ((50, 20), (20, 9)), ((0, 60), (0, 39))],
)
def test_two_arms_have_the_probabilities_of_an_adaptive_integral(first, second):
    one, other = (stats.beta(w + 1, losses + 1) for w, losses in (first, second))
    expected = integrate.quad(lambda p: one.pdf(p) * other.cdf(p), 0, 1, limit=200)[0]
    counts = torch.tensor([first, second]).T.unsqueeze(1)
    probabilities = chances_of(counts[0], counts[1], 102)[0]
    assert probabilities.tolist() == pytest.approx([expected, 1 - expected], abs=1e-9)


def test_many_arms_have_the_probabilities_of_draws():
    wins, losses = np.array([4, 0, 2, 7]), np.array([1, 0, 2, 5])
    generator = np.random.default_rng(0)
    draws = generator.beta(wins + 1, losses + 1, (200_000, 4)).argmax(1)
    drawn = np.bincount(draws, minlength=4) / len(draws)
    counts = (torch.from_numpy(values).unsqueeze(0) for values in (wins, losses))
    probabilities = chances_of(*counts, 16)[0].numpy()
    error = np.sqrt(drawn * (1 - drawn) / len(draws))
    assert (np.abs(probabilities - drawn) < 4 * error).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)


def test_environments_are_independent():
    wins = torch.tensor([[5, 1], [1, 5], [2, 2]])
    probabilities = chances_of(wins, torch.ones_like(wins), 20)
    torch.testing.assert_close(probabilities[0], probabilities[1].flip(0))
    assert probabilities[2].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("trial_count", [3, 30, LONGEST, LONGEST + 1])
def test_posteriors_from_the_table_equal_computed_ones(trial_count):
    thompson = Thompson(Bandit(1, BanditParams(trial_count=trial_count)))
    generator = torch.Generator().manual_seed(0)
    pulls = torch.randint(trial_count // 2, (200, 2), generator=generator).float()
    wins = (pulls * torch.rand(200, 2, generator=generator)).floor()
    actual = thompson.posteriors(wins, pulls - wins)
    expected = compute_posteriors(wins, pulls - wins, thompson.rule)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-14)
