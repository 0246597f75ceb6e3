"""The bandit experiment: from trial tables and recordings to tables, effects, panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named bandit_*.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bandit.effects import effects
from metarl.analysis.bandit.plots import (
    plot_ablations,
    plot_dependent,
    plot_gaps,
    plot_rasters,
    plot_regret,
    plot_trajectories,
    plot_transfer,
)
from metarl.analysis.bandit.problems import (
    SUBJECT_COLUMNS,
    Problems,
    problems_by_subject,
    regret_by_gap,
    regret_by_trial,
    subject_regrets,
)
from metarl.analysis.bandit.units import (
    CODING_COLUMNS,
    activity,
    coding,
    final_states,
    trajectories,
)
from metarl.analysis.bridge import about_table, label_table, packaged
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import summarise, trials_by_group

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "tables"]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]
Who = dict[str, str | int]

PUBLISHED = {
    "arm_count": 2,
    "trial_count": 100,
    "distribution": "independent",
    "trial_input": True,
}
"""Parameters of the test that the criteria were fixed for."""
DISTRIBUTIONS = ("independent", "correlated", "easy", "medium", "hard")
"""Laws of the arms: what populations are trained on, and tested on."""
ABLATIONS = ("no-reward", "no-action", "no-memory")
"""Populations that lack a part."""
RASTERS = {"medium": "P(reward)\n.25, .75", "hard": "P(reward)\n.4, .6"}
"""Test -> how a figure calls its problems; the published raster's."""
RASTER_GAPS = {
    "apart by\n> .5": (0.5, 1.0),
    "apart by\n.1 to .3": (0.1, 0.3),
}
"""The same from the main test, by how much better the best arm is."""
RASTER_ROWS = 40
"""Episodes of a kind in the raster."""
UNITS_TEST = "correlated"
"""Test whose recordings show the units, where there are any."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Regret on independent arms", plot_regret),
    ("Every choice of some episodes", plot_rasters),
    ("Regret by difficulty", plot_gaps),
)
"""Title and drawing of what any trial table shows."""
PANELS: tuple[Panel, ...] = (
    ("Regret on independent arms", plot_regret),
    ("Regret on arms paying .25, .75", plot_dependent),
    ("Every choice of some episodes", plot_rasters),
    ("Where activity goes", plot_trajectories),
    ("Regret across problems", plot_transfer),
    ("What the network needs", plot_ablations),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy. Regret is in reward
    units.

    Returns:
        Per group and subject: subjects, regret (by trial) and gaps (by difficulty).
        Per population and subject: transfer (trained, tested, subject, regret,
        random_regret), dependent (by trial, on arms paying .25 and .75) and ablations
        (control, subject, regret, random_regret, ratio). Over subjects, with mean, low,
        high and n: the same names with _summary. Of the first subject: rasters
        (problem, row, trial, suboptimal), trajectories and final_states. coding, by
        subject. reference_dependent: regret of strategies on arms paying .25 and .75.
        populations (control, expected: subjects there should be). about: `about_table`.
    """
    made = _regrets(source)
    made["rasters"] = _rasters(source)
    made["transfer"], made["dependent"] = _transfer(source)
    made["ablations"] = _ablations(source)
    made |= _units(source)
    made |= _summaries(made)
    made["reference_dependent"] = packaged("bandit_dependent_arms.csv")
    populations = [
        (k, control.expected_subjects) for k, control in source.variants.items()
    ]
    made["populations"] = pd.DataFrame(populations, columns=["control", "expected"])
    made["about"] = about_table(source, scored=_is_scored(source))
    return made


def _is_scored(source: ExperimentData) -> bool:
    """Whether subjects and test are those that the criteria were fixed for."""
    same = all(source.parameters.get(k, v) == v for k, v in PUBLISHED.items())
    return source.subjects_are == "networks" and source.as_published and same


def _regrets(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """What choices cost, by group and subject."""
    subjects, regret, gaps = [], [], []
    for group, trials in trials_by_group(source).items():
        for subject, problems in problems_by_subject(trials):
            who: Who = {"group": group, "subject": subject}
            subjects.append(who | subject_regrets(subject, problems))
            regret.append(_of(who, regret_by_trial(problems)))
            gaps.append(_of(who, regret_by_gap(problems)))
    labels = label_table(source.trials).assign(group="measured")
    table = pd.DataFrame(subjects, columns=["group", *SUBJECT_COLUMNS])
    return {
        "subjects": table.merge(labels, how="left", on=["group", "subject"]),
        "regret": _joined(regret, ["group", "subject", "trial", "regret"]),
        "gaps": _joined(gaps, ["group", "subject", "gap", "regret"]),
    }


def _of(who: Who, table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns in front that say whose it is."""
    names = list(table.columns)
    return table.assign(**who)[[*who, *names]]


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """All parts in one table; an empty one with these columns where there is none."""
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=columns)


def _rasters(source: ExperimentData) -> pd.DataFrame:
    """Which choices of some episodes were not the best, of the first subject."""
    parts = []
    if all(name in source.tests for name in RASTERS):
        for test, words in RASTERS.items():
            for _, problems in _first(source.tests[test]):
                parts.append(_raster(words, problems.regret))
    else:
        for _, problems in _first(source.trials):
            for words, (low, high) in RASTER_GAPS.items():
                within = (problems.gap >= low) & (problems.gap <= high)
                parts.append(_raster(words, problems.regret[within]))
    return _joined(parts, ["problem", "row", "trial", "suboptimal"])


def _first(trials: pd.DataFrame) -> Iterator[tuple[int, Problems]]:
    """The first subject alone, as `problems_by_subject` gives it."""
    first = trials["subject"].min()
    return problems_by_subject(trials[trials["subject"] == first])


def _raster(words: str, regret: np.ndarray) -> pd.DataFrame:
    wrong = regret[:RASTER_ROWS] > 0
    wrong = wrong[np.argsort(wrong.sum(axis=1), kind="stable")]
    rows, count = wrong.shape
    return pd.DataFrame(
        {
            "problem": words,
            "row": np.repeat(np.arange(rows), count),
            "trial": np.tile(np.arange(1, count + 1), rows),
            "suboptimal": wrong.ravel(),
        }
    )


def _populations(source: ExperimentData) -> dict[str, ExperimentData]:
    """Law of the arms that networks were trained on -> everything of them."""
    trained = {_law(source): source}
    others = source.variants
    return trained | {k: others[k] for k in DISTRIBUTIONS if k in others}


def _law(source: ExperimentData) -> str:
    """Law of the arms in the main test."""
    return str(source.parameters.get("distribution", PUBLISHED["distribution"]))


def _tests(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Law of the arms in a test -> trial table."""
    known = {**source.tests, _law(source): source.trials}
    return {k: known[k] for k in DISTRIBUTIONS if k in known}


def _transfer(source: ExperimentData) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Regret by what was trained on and tested on; by trial on the medium arms."""
    rows, curves = [], []
    for trained, population in _populations(source).items():
        for tested, trials in _tests(population).items():
            for subject, problems in problems_by_subject(trials):
                who: Who = {"trained": trained, "tested": tested, "subject": subject}
                rows.append(who | subject_regrets(subject, problems))
                if tested == "medium":
                    curves.append(_of(who, regret_by_trial(problems)))
    columns = ["trained", "tested", "subject", "regret", "random_regret"]
    table = pd.DataFrame(rows, columns=columns)
    return table, _joined(curves, [*columns[:3], "trial", "regret"])


def _ablations(source: ExperimentData) -> pd.DataFrame:
    """Regret of the populations that lack a part, beside what chance costs."""
    rows = [
        {"control": name} | subject_regrets(subject, problems)
        for name in ABLATIONS
        if name in source.variants
        for subject, problems in problems_by_subject(source.variants[name].trials)
    ]
    columns = ["control", "subject", "regret", "random_regret"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(ratio=table["regret"] / table["random_regret"])


def _units(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """What the units tell, by subject; paths and last states of the first."""
    trials, recordings = source.trials, source.recordings
    if source.test_recordings.get(UNITS_TEST):
        trials = source.tests[UNITS_TEST]
        recordings = source.test_recordings[UNITS_TEST]
    rows, paths, states = [], [], []
    for subject, problems in problems_by_subject(trials) if recordings else ():
        found = activity(recordings.get(subject, {}), problems)
        if found is None:
            continue
        rows.append(coding(subject, found))
        if len(rows) == 1:
            paths.append(_of({"subject": subject}, trajectories(found)))
            states.append(_of({"subject": subject}, final_states(found)))
    place = ["subject", "left", "pc1", "pc2"]
    return {
        "coding": pd.DataFrame(rows, columns=list(CODING_COLUMNS)),
        "trajectories": _joined(paths, [*place, "trial"]),
        "final_states": _joined(states, place),
    }


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    return {
        "subjects_summary": summarise(made["subjects"], "regret", ["group"]),
        "regret_summary": summarise(made["regret"], "regret", ["group", "trial"]),
        "gaps_summary": summarise(made["gaps"], "regret", ["group", "gap"]),
        "transfer_summary": summarise(
            made["transfer"], "regret", ["trained", "tested"]
        ),
        "dependent_summary": summarise(
            made["dependent"], "regret", ["trained", "trial"]
        ),
        "ablations_summary": summarise(made["ablations"], "regret", ["control"]),
    }
