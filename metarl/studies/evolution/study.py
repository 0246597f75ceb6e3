"""Evolution: what can be shaped without any error inside the network's life?

Evolution strategies move the mean of a population of weights. Evolved for fitness, the
mean becomes an agent that learns in its activity, though no prediction error has ever
changed a weight of it. Evolved for variance or entropy of behaviour, it becomes a mean
whose mutants do different things, for selection to choose from.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Normal
from metarl.agents.evolution.landscape import MOST_VARIED, START, Walk, path_of
from metarl.agents.evolution.quadratic import disagreement, scatter
from metarl.agents.learning.config import Objective
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.agents.networks.batched import BatchedNetworks
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.runs.config import RunConfig
from metarl.simulation.population_rollout import evaluate_population
from metarl.studies.evolution.plots import draw_evolution
from metarl.studies.shared_bandit import (
    RANDOM,
    THOMPSON,
    TRIALS,
    frozen_test,
    train_here,
)
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria
from metarl.training.evolve import Evolving

BEST_ARM: Mapping[str, float] = {"correlated": 3 / 4, "independent": 2 / 3}
"""Chance of reward of the better arm, on average over episodes."""
MUTANTS = 50
"""Members around an evolved mean whose behaviour is looked at."""
WORLDS = {"left": 0.9, "right": 0.1}
"""Two opposed worlds: chance of reward of the left arm; of the right, the rest to 1."""
MEMBERS = 100_000
"""Members of the population whose gradient is checked."""
AGENTS: Mapping[str, tuple[Objective, str, int]] = {
    "agents-fitness": ("fitness", "correlated", 600),
    "agents-independent": ("fitness", "independent", 600),
    "agents-variance": ("variance", "correlated", 200),
    "agents-entropy": ("entropy", "correlated", 200),
}
"""Condition -> objective, law of the arms, generations."""
LANDSCAPES = ("fitness", "variance", "entropy")


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """The gradient's check, three walks over the landscape, and the agents."""
    found: dict[str, Condition] = {"gradient": partial(check_gradient, scale.smoke)}
    for objective in LANDSCAPES:
        found[f"landscape-{objective}"] = partial(walk, objective, scale.smoke)
    for name in AGENTS:
        found[name] = partial(evolve, name, scale.smoke)
    return found


def check_gradient(smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Score gradients beside finite differences, and how much they scatter."""
    generator = np.random.default_rng(seed)
    count = 1000 if smoke else MEMBERS
    facts: Facts = {}
    for name in DISTRIBUTIONS:
        facts[f"off_{name}"] = disagreement(name, count, generator)
        facts[f"scatter_{name}"] = scatter(name, 100, generator)
    reporter.report(1.0)
    return facts


def walk(objective: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Where a population ends on the landscape, and 100 places on its way."""
    asked = Walk(objective=objective, generations=20 if smoke else 2000)
    path = path_of(asked, np.random.default_rng(seed))
    reporter.report(1.0)
    every = max(asked.generations // 100, 1)
    return {"end": float(path[-1]), "path": path[::every].tolist()}


def configured(name: str, seed: int, *, smoke: bool = False) -> RunConfig[Any]:
    """The run that a condition of agents makes, on the bandit that studies share."""
    objective, law, generations = AGENTS[name]
    asked = Evolving(objective=objective, generations=4 if smoke else generations)
    settings = (f"trial_count={TRIALS}", "trial_input=False", f"distribution={law}")
    return asked.configuration("bandit", settings, subjects=1, seed=seed)


def evolve(name: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Evolve a population; test its mean frozen, or look at its mutants."""
    objective, law, _ = AGENTS[name]
    config = configured(name, seed, smoke=smoke)
    trained = train_here(config, reporter, points=40)
    best = BEST_ARM[law] * TRIALS
    facts: Facts = {
        "generations": [row["update"] for row in trained.curve],
        "regret_in_training": [best - row["rollout/return"] for row in trained.curve],
        "episodes_in_all": config.training.steps // TRIALS,
    }
    if law == "correlated":
        assert isinstance(trained.network, ActorCritic)
        facts |= mutants_of(config, trained.network, seed)
    if objective == "fitness":
        tested = frozen_test(config, trained.network, episodes=20 if smoke else 1000)
        # Only what was lost on the shared bandit is set beside other studies' agents.
        regret = "regret" if law == "correlated" else "regret_independent"
        facts |= {regret: tested.regret, "accuracy": tested.accuracy}
        facts["adaptation"] = tested.adaptation
    return facts


def mutants_of(config: RunConfig[Any], network: ActorCritic, seed: int) -> Facts:
    """What the mutants around a network do, and how the best fares in each world."""
    networks, each = BatchedNetworks(network), 40
    settings = config.learning.perturbation
    mean = networks.free.read(network.state_dict()).double().numpy()
    drawn = Normal(mean, settings.size).sample(MUTANTS, np.random.default_rng(seed))
    networks.set_weights(torch.from_numpy(drawn))
    task = task_class("bandit")(MUTANTS * each, config.task_params)

    def lives(number: int, **options: float) -> Any:
        source = torch.Generator().manual_seed(stream_seed(seed, number, "preview"))
        return evaluate_population(networks, task, TRIALS, source, options)

    left = lives(0).shares(2)[:, 0]
    best = {
        f"best_{world}": float(lives(1, probability_0=chance).earned.max())
        for world, chance in WORLDS.items()
    }
    return {"left": left.tolist(), "spread": float(left.std(correction=0)), **best}


def effects(results: Results) -> list[Effect]:
    """Right gradients, evolvable populations, agents that learn."""
    return [
        *_gradient_effects(results),
        *_landscape_effects(results),
        *_agent_effects(results),
        *_evolvability_effects(results),
    ]


def _effect(name: str, values: "pd.Series[float]", rule: str, **more: Any) -> Effect:
    criterion = criteria("evolution")[rule]
    return Effect(
        label=name,
        values=values,
        summary=criterion.summary,
        criterion=criterion,
        needs_learning=False,
        **more,
    )


def _gradient_effects(results: Results) -> list[Effect]:
    found = [
        _effect(
            f"score gradient, {name}: distance to the finite difference, relative",
            results.values("gradient", f"off_{name}"),
            "gradient",
        )
        for name in DISTRIBUTIONS
    ]
    paired = results.values("gradient", "scatter_paired")
    share = paired / results.values("gradient", "scatter_normal")
    name = "variance of the score gradient with mirror images, share of without"
    return [*found, _effect(name, share, "mirror images")]


def _landscape_effects(results: Results) -> list[Effect]:
    found = []
    for objective in LANDSCAPES:
        end = results.values(f"landscape-{objective}", "end")
        fitness = objective == "fitness"
        place = START if fitness else MOST_VARIED
        rule = "landscape, fitness" if fitness else "landscape, evolvable"
        name = f"landscape, {objective}: distance of the end to x = {place:.2f}"
        found.append(_effect(name, (end - place).abs(), rule))
    return found


def _agent_effects(results: Results) -> list[Effect]:
    fit, other = "agents-fitness", "agents-independent"
    simulated = "simulated: Thompson sampling on the same bandit"
    seconds = pd.Series([max(results.seconds[c]) for c in (fit, other)])
    return [
        _effect(
            "evolved agents' regret, arms p and 1 - p, rewards an episode",
            results.values(fit, "regret"),
            "regret",
            chance=RANDOM,
            reference=THOMPSON,
            source=simulated,
        ),
        _effect(
            "evolved agents' regret, independent arms, rewards an episode",
            results.values(other, "regret_independent"),
            "regret, independent arms",
            chance=8.4,
            reference=2.11,
            source=simulated,
        ),
        _effect(
            "processor time of 600 generations, seconds; the slowest seed of each law",
            seconds,
            "seconds",
        ),
        _effect(
            "frozen evolved agents: better choices, last 10 trials less first 2, share",
            results.values(fit, "adaptation"),
            "adaptation",
            chance=0.0,
        ),
    ]


def _evolvability_effects(results: Results) -> list[Effect]:
    fit = results.values("agents-fitness", "spread").clip(lower=1e-9)
    found = []
    for objective in ("variance", "entropy"):
        ratio = results.values(f"agents-{objective}", "spread") / fit
        name = (
            f"spread of mutants' share of left choices, evolved for {objective}, "
            "of the fitness population's"
        )
        if objective == "variance":
            found.append(_effect(name, ratio, "spread"))
        else:
            found.append(Effect(label=name, values=ratio, summary="median"))
    for world in WORLDS:
        best = results.values("agents-variance", f"best_{world}")
        gain = best - results.values("agents-fitness", f"best_{world}")
        name = (
            f"best of {MUTANTS} mutants where {world} pays: evolved for variance less "
            "evolved for fitness, rewards an episode"
        )
        found.append(_effect(name, gain, "best mutant"))
    return found


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """What each population of agents came to."""
    return {"evolution": pd.DataFrame([_row(results, name) for name in AGENTS])}


def _row(results: Results, name: str) -> dict[str, Any]:
    facts = results.facts[name]

    def median(fact: str) -> float:
        return float(pd.Series([one.get(fact, np.nan) for one in facts]).median())

    return {
        "population": name,
        "regret": median("regret" if "regret" in facts[0] else "regret_independent"),
        "adaptation": median("adaptation"),
        "spread_of_left": median("spread"),
        "best_where_left_pays": median("best_left"),
        "best_where_right_pays": median("best_right"),
        "episodes": facts[0]["episodes_in_all"],
        "seconds": float(pd.Series(results.seconds[name]).median()),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """The landscape, learning over generations and within an episode, and mutants."""
    return {"evolution": draw_evolution(results)}
