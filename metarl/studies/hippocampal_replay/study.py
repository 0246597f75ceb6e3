"""Hippocampal replay: are memories accessed in the order of what they are worth?

Simulated animals run laps on two tracks and replay at start and goal. The memory whose
backup is worth most, need x gain, comes next; conditions take one of the two factors
away, or decide by chance, or change the reward. A seed is a batch of animals, and its
facts are means over them. Beside them stands the blind cliff walk, where priority turns
exponentially many updates into few.
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
from metarl.studies.hippocampus.memories import Access, Rule
from metarl.studies.hippocampus.sequences import SequenceTest
from metarl.studies.hippocampus.tallies import KINDS, example_lap, rate_after, tally
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria

RULES: Mapping[str, Rule] = {
    "prioritised": "prioritised",
    "gain-only": "gain",
    "need-only": "need",
    "random": "random",
    "none": "none",
}
"""Condition -> what decides which memory is replayed."""
CHANGES: Mapping[str, tuple[float, float]] = {
    "reward-x4": (1.0, 4.0),
    "reward-x0": (1.0, 0.0),
}
"""Condition -> usual and changed reward, each on half of the laps."""
EARLY = slice(2, 5)
"""Laps 3 to 5, in which replay pays; later ones wander by the softmax policy alone."""
WALKS = tuple(range(4, 13))
"""States of the cliff walks."""
CHOICES: tuple[Choice, ...] = ("uniform", "greedy", "oracle")
"""What is replayed on the cliff."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Rules of replay, changed rewards, need as asleep, open maze; cliff walk."""
    run = partial(laps_of, scale.smoke)
    found: dict[str, Condition] = {
        name: partial(run, "tracks", Access(rule=rule), (1.0,))
        for name, rule in RULES.items()
    }
    for name, magnitudes in CHANGES.items():
        found[name] = partial(run, "tracks", Access(), magnitudes)
    found["sleep-need"] = partial(run, "tracks", Access(asleep=True), (1.0,))
    found["open-maze"] = partial(run, "open", Access(), (1.0,))
    found["cliff-walk"] = partial(cliff_walks, scale.smoke)
    return found


def laps_of(
    smoke: bool,
    where: str,
    access: Access,
    magnitudes: tuple[float, ...],
    seed: int,
    reporter: Reporter,
) -> Facts:
    """Let 40 animals run 50 laps, and count the sequences that they replay a lap."""
    maze = open_maze() if where == "open" else two_tracks()
    running_seed, test_seed = np.random.SeedSequence(seed).spawn(2)
    running = run_laps(
        maze,
        access,
        generator=np.random.default_rng(running_seed),
        animals=3 if smoke else 40,
        laps=5 if smoke else 50,
        magnitudes=magnitudes,
        reporter=reporter,
    )
    test = SequenceTest(maze, np.random.default_rng(test_seed))
    counts = tally(running, test)
    facts: Facts = {kind: float(each.mean()) for kind, each in counts.items()}
    for magnitude in magnitudes:
        for kind, each in counts.items():
            facts[f"{kind}_{magnitude:g}x"] = rate_after(each, running, magnitude, kind)
    facts["steps"] = running.steps.mean(axis=0).tolist()
    facts["early_steps"] = float(running.steps[:, EARLY].mean())
    return facts | {"example": example_lap(maze, running, counts)}


def cliff_walks(smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Median updates of 15 learners on a cliff of each length, by what is replayed."""
    generator = np.random.default_rng(seed)
    facts: Facts = {"states": list(WALKS)} | {choice: [] for choice in CHOICES}
    for place, states in enumerate(WALKS):
        if reporter.should_stop():
            raise Interrupted
        for choice in CHOICES:
            needed = [
                updates_needed(states, choice, generator)
                for _ in range(1 if smoke else 15)
            ]
            facts[choice].append(float(np.median(needed)))
        reporter.report((place + 1) / len(WALKS))
    return facts


def ratio(above: "pd.Series[float]", below: "pd.Series[float]") -> "pd.Series[float]":
    """One number of each seed over another; NaN where that is 0."""
    return (above / below).where(below > 0)


def effects(results: Results) -> list[Effect]:
    """Direction by place, changes with reward, benefit, and the cliff walk."""
    return [
        *directions(results),
        *changes(results),
        *benefits(results),
        *cliff(results),
    ]


def directions(results: Results) -> list[Effect]:
    """Forward before the run, reverse after it; and what each rule replays."""
    rules = criteria("hippocampal-replay")
    start, goal = [
        [
            results.values("prioritised", f"{way}_{where}")
            for way in ("forward", "reverse")
        ]
        for where in ("at_start", "after_reward")
    ]
    judged = [
        Effect(
            label="reverse sequences per forward one at the start",
            values=ratio(start[1], start[0]),
            criterion=rules["reverse at start"],
        ),
        Effect(
            label="forward sequences per reverse one after reward",
            values=ratio(goal[0], goal[1]),
            criterion=rules["forward after reward"],
        ),
    ]
    return judged + [
        Effect(
            label=f"{kind.replace('_', ' ')}, {condition}, sequences a lap",
            values=results.values(condition, kind),
        )
        for condition in [*RULES, "sleep-need", "open-maze"]
        if condition != "none"
        for kind in ("forward_at_start", "reverse_after_reward")
    ]


AMBROSE = {("reward-x4", "reverse"): 1.56, ("reward-x4", "forward"): 0.97}
"""Rats' sequences at the end with four times the reward, per one at the other end."""


def changes(results: Results) -> list[Effect]:
    """Sequences after a changed reward, per one after the usual."""
    rules = criteria("hippocampal-replay")
    found = []
    for condition, (usual, changed) in CHANGES.items():
        for kind in ("reverse_after_reward", "forward_at_start"):
            way, times = kind.split("_")[0], f"x{changed:g}"
            published = AMBROSE.get((condition, way))
            values = [
                results.values(condition, f"{kind}_{size:g}x")
                for size in (changed, usual)
            ]
            found.append(
                Effect(
                    label=f"{kind.replace('_', ' ')}, reward {times}, per one at x1",
                    values=ratio(*values),
                    criterion=rules[f"{way} {times}"],
                    reference=published,
                    source="rats: Ambrose et al. 2016, as told in the code of "
                    "Mattar & Daw 2018"
                    if published
                    else "",
                )
            )
    return found


def benefits(results: Results) -> list[Effect]:
    """Steps in laps 3 to 5."""
    rules = criteria("hippocampal-replay")
    steps = {rule: results.values(rule, "early_steps") for rule in RULES}
    best, worst = steps["prioritised"], steps["none"]
    place = (steps["random"] - best) / (worst - best)
    return [
        Effect(
            label="steps in laps 3 to 5, prioritised, per one without replay",
            values=ratio(best, worst),
            criterion=rules["steps"],
        ),
        Effect(
            label="steps in laps 3 to 5, random; 0 as prioritised, 1 as without replay",
            values=place.where(worst != best),
            criterion=rules["steps, random"],
        ),
    ]


def cliff(results: Results) -> list[Effect]:
    """Updates on the cliff walk."""
    rules, found = criteria("hippocampal-replay"), updates(results)
    uniform, greedy = found["uniform"], found["greedy"]
    slopes = [np.polyfit(WALKS, np.log(row), 1)[0] for row in uniform.to_numpy()]
    return [
        Effect(
            label="updates on the cliff of 12, greedy, per uniform one",
            values=greedy[12] / uniform[12],
            criterion=rules["greedy"],
        ),
        Effect(
            label="log updates on the cliff, uniform, per state more",
            values=pd.Series(slopes),
            criterion=rules["uniform, slope"],
        ),
        Effect(
            label="updates on the cliff of 12, greedy, per one on the cliff of 6",
            values=greedy[12] / greedy[6],
            criterion=rules["greedy, growth"],
        ),
    ]


def updates(results: Results) -> dict[str, pd.DataFrame]:
    """What is replayed -> updates: one row a seed, one column a number of states."""
    facts = results.facts["cliff-walk"]
    return {
        choice: pd.DataFrame([each[choice] for each in facts], columns=list(WALKS))
        for choice in CHOICES
    }


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Sequences a lap and steps by condition; updates by cliff."""
    rows = [_row(results, name) for name in results.facts if name != "cliff-walk"]
    medians = {choice: each.median() for choice, each in updates(results).items()}
    walks = pd.DataFrame(medians).rename_axis("states").reset_index()
    return {"replay": pd.DataFrame(rows), "cliff_walk": walks}


def _row(results: Results, condition: str) -> dict[str, Any]:
    """Means over seeds."""
    means = {k: results.values(condition, k).mean() for k in (*KINDS, "early_steps")}
    seconds = pd.Series(results.seconds[condition]).median()
    return {"condition": condition, **means, "seconds": seconds}


def figures(results: Results) -> Mapping[str, Figure]:
    """An example of two events; and what all events, laps and cliffs come to."""
    return {
        "events": draw_events(results.facts["prioritised"][0]["example"]),
        "rates": draw_rates(results, rules=list(RULES), changes=CHANGES),
    }
