"""Evolution: what can be shaped without any prediction error?

Evolution strategies move the mean of a population of weights. Evolved for fitness, the
mean becomes an agent that learns in its activity, although no prediction error has ever
changed its weights. Evolved for variance or entropy of behaviour, it becomes a mean
with diverse mutants, among which selection can choose.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Normal
from metarl.agents.evolution.landscape import MOST_VARIED, START, Walk, walk_path
from metarl.agents.evolution.quadratic import disagreement, scatter
from metarl.agents.learning.config import Objective
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.agents.networks.batched import BatchedNetworks
from metarl.analysis.effects import Effect
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.runs.config import RunConfig
from metarl.simulation.population_rollout import evaluate_population
from metarl.studies.evolution.plots import OBJECTIVES, draw_evolution
from metarl.studies.shared_bandit import (
    RANDOM,
    THOMPSON,
    TRIALS,
    frozen_test,
    train_in_memory,
)
from metarl.studies.spec import (
    Condition,
    Results,
    Scale,
    SeedResults,
    Study,
    make_effect,
    read_criteria,
)
from metarl.training.evolve import EvolutionConfig

CRITERIA = read_criteria("metarl.studies.evolution")

BEST_ARM: Mapping[str, float] = {"correlated": 3 / 4, "independent": 2 / 3}
"""Reward probability of the better arm, on average over episodes."""
MUTANTS = 50
"""Members around an evolved mean that are tested."""
MUTANT_EPISODES = 40
"""Episodes of each mutant in each test."""
LEFT_PROBABILITIES = {"left": 0.9, "right": 0.1}
"""Two opposite environments -> reward probability of the left arm; the right arm's is 1
minus it."""
MEMBERS = 100_000
"""Members of the population from which the gradient is estimated."""
AGENTS: Mapping[str, tuple[Objective, str, int]] = {
    "agents-fitness": ("fitness", "correlated", 600),
    "agents-independent": ("fitness", "independent", 600),
    "agents-variance": ("variance", "correlated", 200),
    "agents-entropy": ("entropy", "correlated", 200),
}
"""Condition -> objective, distribution of the arms, generations."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """The check of the gradient, three paths over the landscape, and the agents."""
    return {
        "gradient": partial(check_gradient, scale.smoke),
        **{
            f"landscape-{objective}": partial(climb, objective, scale.smoke)
            for objective in OBJECTIVES
        },
        **{name: partial(evolve, name, scale.smoke) for name in AGENTS},
    }


def check_gradient(smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Difference of score gradients from finite differences, and their variance."""
    generator = np.random.default_rng(seed)
    count = 1000 if smoke else MEMBERS
    results: SeedResults = {}
    for name in DISTRIBUTIONS:
        if reporter.should_stop():
            raise Interrupted
        results[f"off_{name}"] = disagreement(name, count, generator)
        results[f"scatter_{name}"] = scatter(name, 100, generator)
    reporter.report(1.0)
    return results


def climb(objective: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Final mean of a population on the landscape, and 100 points of its path."""
    if reporter.should_stop():
        raise Interrupted
    walk = Walk(objective=objective, generations=20 if smoke else 2000)
    path = walk_path(walk, np.random.default_rng(seed))
    reporter.report(1.0)
    every = max(walk.generations // 100, 1)
    return {"end": float(path[-1]), "path": path[::every].tolist()}


def configure(name: str, seed: int, *, smoke: bool = False) -> RunConfig[Any]:
    """Configuration of a condition of agents, on the shared bandit."""
    objective, distribution, generations = AGENTS[name]
    plan = EvolutionConfig(objective=objective, generations=4 if smoke else generations)
    task = {
        "trial_count": TRIALS,
        "trial_input": False,
        "distribution": distribution,
    }
    return plan.configuration("bandit", task, subjects=1, seed=seed)


def evolve(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Evolve a population; test its mean with frozen weights, and its mutants."""
    objective, distribution, _ = AGENTS[name]
    config = configure(name, seed, smoke=smoke)
    trained = train_in_memory(config, reporter, points=40)
    best = BEST_ARM[distribution] * TRIALS
    results: SeedResults = {
        "generations": [row["update"] for row in trained.curve],
        "regret_in_training": [best - row["rollout/return"] for row in trained.curve],
        "episodes_in_all": config.training.steps // TRIALS,
    }
    if distribution == "correlated":
        assert isinstance(trained.network, ActorCritic)
        results |= evaluate_mutants(config, trained.network, seed)
    if objective == "fitness":
        test = frozen_test(config, trained.network, episodes=20 if smoke else 1000)
        # Only regret on the shared bandit is compared with that of other studies.
        shared = distribution == "correlated"
        results["regret" if shared else "regret_independent"] = test.regret
        results |= {"accuracy": test.accuracy, "adaptation": test.adaptation}
    return results


def evaluate_mutants(
    config: RunConfig[Any], network: ActorCritic, seed: int
) -> SeedResults:
    """Behaviour of mutants around a network.

    Args:
        config: of the network.
        network: mean of the mutants.
        seed: of the mutants and their episodes.

    Returns:
        left, each mutant's share of left choices; spread, their standard deviation; and
        the rewards per episode of the best mutant in each of two opposite environments.
    """
    networks = BatchedNetworks(network)
    mean = networks.trainable.to_vector(network.state_dict()).double().numpy()
    normal = Normal(mean, config.learning.perturbation.size)
    mutants = normal.sample(MUTANTS, np.random.default_rng(seed))
    networks.set_weights(torch.from_numpy(mutants))
    task = task_class("bandit")(MUTANTS * MUTANT_EPISODES, config.task_params)

    def evaluate(number: int, **options: float) -> Any:
        source = torch.Generator().manual_seed(stream_seed(seed, number, "preview"))
        return evaluate_population(networks, task, TRIALS, source, options)

    left = evaluate(0).action_shares(2)[:, 0]
    best = {
        f"best_{side}": float(evaluate(1, probability_0=probability).returns.max())
        for side, probability in LEFT_PROBABILITIES.items()
    }
    return {"left": left.tolist(), "spread": float(left.std(correction=0)), **best}


def effects(results: Results) -> list[Effect]:
    """Correct gradients, populations that can evolve, and agents that learn."""
    return [
        *_gradient_effects(results),
        *_landscape_effects(results),
        *_agent_effects(results),
        *_mutant_effects(results),
    ]


def _gradient_effects(results: Results) -> list[Effect]:
    errors = [
        make_effect(
            f"score gradient, {name}: relative distance to the finite difference",
            results.values("gradient", f"off_{name}"),
            CRITERIA["gradient"],
        )
        for name in DISTRIBUTIONS
    ]
    paired = results.values("gradient", "scatter_paired")
    variance = make_effect(
        "variance of the score gradient with mirror images, share of that without",
        paired / results.values("gradient", "scatter_normal"),
        CRITERIA["mirror images"],
    )
    return [*errors, variance]


def _landscape_effects(results: Results) -> list[Effect]:
    rows = []
    for objective in OBJECTIVES:
        end = results.values(f"landscape-{objective}", "end")
        fitness = objective == "fitness"
        place = START if fitness else MOST_VARIED
        rule = "landscape, fitness" if fitness else "landscape, evolvable"
        name = f"landscape, {objective}: distance of the end from x = {place:.2f}"
        rows.append(make_effect(name, (end - place).abs(), CRITERIA[rule]))
    return rows


def _agent_effects(results: Results) -> list[Effect]:
    shared, independent = "agents-fitness", "agents-independent"
    source = "simulated: Thompson sampling on the same bandit"
    seconds = [max(results.seconds[name]) for name in (shared, independent)]
    return [
        make_effect(
            "evolved agents' regret, arms p and 1 - p, rewards per episode",
            results.values(shared, "regret"),
            CRITERIA["regret"],
            chance=RANDOM,
            reference=THOMPSON,
            source=source,
        ),
        make_effect(
            "evolved agents' regret, independent arms, rewards per episode",
            results.values(independent, "regret_independent"),
            CRITERIA["regret, independent arms"],
            chance=8.4,
            reference=2.11,
            source=source,
        ),
        make_effect(
            "processor time of 600 generations, seconds; the slowest seed of each "
            "distribution of arms",
            pd.Series(seconds),
            CRITERIA["seconds"],
        ),
        make_effect(
            "frozen evolved agents: share of better choices, last 10 trials minus "
            "first 2",
            results.values(shared, "adaptation"),
            CRITERIA["adaptation"],
            chance=0.0,
        ),
    ]


def _mutant_effects(results: Results) -> list[Effect]:
    fitness = results.values("agents-fitness", "spread").clip(lower=1e-9)
    rows = [
        make_effect(
            f"spread of mutants' share of left choices, evolved for {objective}, "
            "relative to the fitness population",
            results.values(f"agents-{objective}", "spread") / fitness,
            criterion,
        )
        for objective, criterion in (
            ("variance", CRITERIA["spread"]),
            ("entropy", None),
        )
    ]
    for side in LEFT_PROBABILITIES:
        best = results.values("agents-variance", f"best_{side}")
        gain = best - results.values("agents-fitness", f"best_{side}")
        name = (
            f"best of {MUTANTS} mutants where {side} is better: evolved for variance "
            "minus evolved for fitness, rewards per episode"
        )
        rows.append(make_effect(name, gain, CRITERIA["best mutant"]))
    return rows


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret, adaptation and mutants of each population of agents."""
    return {"evolution": pd.DataFrame([_row(results, name) for name in AGENTS])}


def _row(results: Results, name: str) -> dict[str, Any]:
    seeds = results.seeds[name]

    def median(column: str) -> float:
        return float(pd.Series([seed.get(column, np.nan) for seed in seeds]).median())

    return {
        "population": name,
        "regret": median("regret" if "regret" in seeds[0] else "regret_independent"),
        "adaptation": median("adaptation"),
        "spread_of_left": median("spread"),
        "best_where_left_pays": median("best_left"),
        "best_where_right_pays": median("best_right"),
        "episodes": seeds[0]["episodes_in_all"],
        "seconds": results.median_seconds(name),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """The landscape, learning over generations and in an episode, and mutants."""
    return {"evolution": draw_evolution(results)}


STUDY = Study(
    name="evolution",
    question="What can evolution shape without any prediction error?",
    source="Salimans et al. 2017; Gajewski et al. 2019 (EvoGrad)",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
