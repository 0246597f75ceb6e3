"""Hippocampal replay: are memories replayed in the order of their value?

Simulated animals run laps on two tracks and replay at start and goal. The memory with
the most valuable backup, need x gain, is replayed next; conditions remove one of the
two factors, choose at random, or change the reward. A seed is a batch of animals, and
its results are means over them. The study also includes the blind cliff walk, in which
priority reduces an exponential number of updates to a small one.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.effects import Effect
from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampal_replay.plots import draw_events, draw_rates
from metarl.studies.hippocampus.cliff_walk import Choice, updates_needed
from metarl.studies.hippocampus.laps import run_laps
from metarl.studies.hippocampus.mazes import open_maze, two_tracks
from metarl.studies.hippocampus.replay import Access, Rule
from metarl.studies.hippocampus.sequences import (
    KINDS,
    SequenceTest,
    count_sequences,
    example_lap,
    rate_after,
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

CRITERIA = read_criteria("metarl.studies.hippocampal_replay")

RULES: Mapping[str, Rule] = {
    "prioritised": "prioritised",
    "gain-only": "gain",
    "need-only": "need",
    "random": "random",
    "none": "none",
}
"""Condition -> rule by which the next memory is chosen."""
CHANGES: Mapping[str, tuple[float, float]] = {
    "reward-x4": (1.0, 4.0),
    "reward-x0": (1.0, 0.0),
}
"""Condition -> usual and changed reward, each on half of the laps."""
EARLY = slice(2, 5)
"""Laps 3 to 5, in which replay saves steps; later ones wander by the softmax alone."""
CLIFF_STATES = tuple(range(4, 13))
"""Numbers of states of the cliff walks."""
CHOICES: tuple[Choice, ...] = ("uniform", "greedy", "oracle")
"""Kinds of replay on the cliff walk."""
AMBROSE = {("reward-x4", "reverse"): 1.56, ("reward-x4", "forward"): 0.97}
"""Rats' sequences at the end with four times the reward, per one at the other end."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Rules of replay, changed rewards, need as in sleep, open maze; cliff walk."""
    run = partial(simulate_laps, scale.smoke)
    return {
        **{
            name: partial(run, "tracks", Access(rule=rule), (1.0,))
            for name, rule in RULES.items()
        },
        **{
            name: partial(run, "tracks", Access(), magnitudes)
            for name, magnitudes in CHANGES.items()
        },
        "sleep-need": partial(run, "tracks", Access(asleep=True), (1.0,)),
        "open-maze": partial(run, "open", Access(), (1.0,)),
        "cliff-walk": partial(walk_cliffs, scale.smoke),
    }


def simulate_laps(
    smoke: bool,
    maze_name: str,
    access: Access,
    magnitudes: tuple[float, ...],
    seed: int,
    reporter: Reporter,
) -> SeedResults:
    """Simulate 50 laps of 40 animals, and count the replayed sequences per lap."""
    maze = open_maze() if maze_name == "open" else two_tracks()
    laps_seed, test_seed = np.random.SeedSequence(seed).spawn(2)
    laps = run_laps(
        maze,
        access,
        generator=np.random.default_rng(laps_seed),
        animals=3 if smoke else 40,
        laps=5 if smoke else 50,
        magnitudes=magnitudes,
        reporter=reporter,
    )
    counts = count_sequences(laps, SequenceTest(maze, np.random.default_rng(test_seed)))
    rates = {
        f"{kind}_{magnitude:g}x": rate_after(count, laps, magnitude, kind)
        for magnitude in magnitudes
        for kind, count in counts.items()
    }
    return {
        **{kind: float(count.mean()) for kind, count in counts.items()},
        **rates,
        "steps": laps.steps.mean(axis=0).tolist(),
        "early_steps": float(laps.steps[:, EARLY].mean()),
        "example": example_lap(maze, laps, counts),
    }


def walk_cliffs(smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Median updates of 15 learners on a cliff of each length, by kind of replay."""
    generator = np.random.default_rng(seed)
    medians: dict[str, list[float]] = {choice: [] for choice in CHOICES}
    for place, states in enumerate(CLIFF_STATES):
        if reporter.should_stop():
            raise Interrupted
        for choice in CHOICES:
            needed = [
                updates_needed(states, choice, generator)
                for _ in range(1 if smoke else 15)
            ]
            medians[choice].append(float(np.median(needed)))
        reporter.report((place + 1) / len(CLIFF_STATES))
    return {"states": list(CLIFF_STATES), **medians}


def effects(results: Results) -> list[Effect]:
    """Direction by place, changes with reward, benefit, and the cliff walk."""
    return [
        *_direction_effects(results),
        *_reward_effects(results),
        *_benefit_effects(results),
        *_cliff_effects(results),
    ]


def ratio(above: "pd.Series[float]", below: "pd.Series[float]") -> "pd.Series[float]":
    """One number of each seed divided by another; NaN where that is 0."""
    return (above / below).where(below > 0)


def _direction_effects(results: Results) -> list[Effect]:
    """Forward before the run, reverse after it; and sequences under each rule."""
    forward, reverse = [
        {
            place: results.values("prioritised", f"{direction}_{place}")
            for place in ("at_start", "after_reward")
        }
        for direction in ("forward", "reverse")
    ]
    scored = [
        make_effect(
            "reverse sequences per forward one at the start",
            ratio(reverse["at_start"], forward["at_start"]),
            CRITERIA["reverse at start"],
        ),
        make_effect(
            "forward sequences per reverse one after reward",
            ratio(forward["after_reward"], reverse["after_reward"]),
            CRITERIA["forward after reward"],
        ),
    ]
    return scored + [
        make_effect(
            f"{kind.replace('_', ' ')}, {condition}, sequences per lap",
            results.values(condition, kind),
            summary="mean",
        )
        for condition in [*RULES, "sleep-need", "open-maze"]
        if condition != "none"
        for kind in ("forward_at_start", "reverse_after_reward")
    ]


def _reward_effects(results: Results) -> list[Effect]:
    """Sequences after a changed reward, per one after the usual reward."""
    rows = []
    for condition, (usual, changed) in CHANGES.items():
        for kind in ("reverse_after_reward", "forward_at_start"):
            direction, change = kind.split("_")[0], f"x{changed:g}"
            published = AMBROSE.get((condition, direction))
            after_change, after_usual = (
                results.values(condition, f"{kind}_{size:g}x")
                for size in (changed, usual)
            )
            row = make_effect(
                f"{kind.replace('_', ' ')}, reward {change}, per one at x1",
                ratio(after_change, after_usual),
                CRITERIA[f"{direction} {change}"],
                reference=published,
                source="rats: Ambrose et al. 2016, as given in the code of Mattar & "
                "Daw 2018"
                if published
                else "",
            )
            rows.append(row)
    return rows


def _benefit_effects(results: Results) -> list[Effect]:
    """Steps in laps 3 to 5."""
    steps = {rule: results.values(rule, "early_steps") for rule in RULES}
    best, worst = steps["prioritised"], steps["none"]
    place = (steps["random"] - best) / (worst - best)
    return [
        make_effect(
            "steps in laps 3 to 5, prioritised, per one without replay",
            ratio(best, worst),
            CRITERIA["steps"],
        ),
        make_effect(
            "steps in laps 3 to 5, random; 0 as prioritised, 1 as without replay",
            place.where(worst != best),
            CRITERIA["steps, random"],
        ),
    ]


def _cliff_effects(results: Results) -> list[Effect]:
    """Updates on the cliff walk."""
    updates = cliff_updates(results)
    uniform, greedy = updates["uniform"], updates["greedy"]
    slopes = [np.polyfit(CLIFF_STATES, np.log(row), 1)[0] for row in uniform.to_numpy()]
    return [
        make_effect(
            "updates on the cliff of 12 states, greedy, per uniform one",
            greedy[12] / uniform[12],
            CRITERIA["greedy"],
        ),
        make_effect(
            "log updates on the cliff, uniform, increase per state",
            pd.Series(slopes),
            CRITERIA["uniform, slope"],
        ),
        make_effect(
            "updates on the cliff of 12 states, greedy, per one on the cliff of 6",
            greedy[12] / greedy[6],
            CRITERIA["greedy, growth"],
        ),
    ]


def cliff_updates(results: Results) -> dict[str, pd.DataFrame]:
    """Kind of replay -> updates: one row per seed, one column per number of states."""
    seeds = results.seeds["cliff-walk"]
    columns = list(CLIFF_STATES)
    return {
        choice: pd.DataFrame([seed[choice] for seed in seeds], columns=columns)
        for choice in CHOICES
    }


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Sequences per lap and steps by condition; updates by length of the cliff."""
    rows = [_row(results, name) for name in results.conditions if name != "cliff-walk"]
    medians = {choice: each.median() for choice, each in cliff_updates(results).items()}
    walks = pd.DataFrame(medians).rename_axis("states").reset_index()
    return {"replay": pd.DataFrame(rows), "cliff_walk": walks}


def _row(results: Results, condition: str) -> dict[str, Any]:
    """Means over seeds."""
    columns = (*KINDS, "early_steps")
    return {
        "condition": condition,
        **{column: results.values(condition, column).mean() for column in columns},
        "seconds": results.median_seconds(condition),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """An example of two events; and sequences, steps and updates of all conditions."""
    return {
        "events": draw_events(results.seeds["prioritised"][0]["example"]),
        "rates": draw_rates(results, rules=list(RULES), changes=CHANGES),
    }


STUDY = Study(
    name="hippocampal-replay",
    question="Are memories replayed in the order of their value?",
    source="Mattar & Daw 2018; Schaul et al. 2016",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
