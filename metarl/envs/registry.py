"""The catalogue: every task, its environment, its analysis and its source.

Gymnasium ids, command-line choices, tests and the report all read this one table of
strings; nothing here imports torch. A new task is one entry.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """Where a task's parts stand, as import strings."""

    id: str
    """Gymnasium id."""
    env: str
    """"module:Class" of the task."""
    strategies: str
    """Module whose `reference_strategies(task)` gives the yardsticks."""
    analysis: str
    """Module of the analysis, table to figure."""
    summary: str
    """One line for `metarl tasks`."""
    question: str
    """What the experiment asks of frozen networks, in one sentence."""
    source: str
    """The study the task comes from."""


TASKS: Mapping[str, TaskEntry] = MappingProxyType(
    {
        "two-step": TaskEntry(
            id="metarl/TwoStep-v0",
            env="metarl.envs.two_step:TwoStep",
            strategies="metarl.baselines.two_step",
            analysis="metarl.analysis.two_step",
            summary="a choice leads, mostly, to one of two states that pay",
            question=(
                "Do choices, and prediction errors, follow a model of the task rather "
                "than what was last rewarded?"
            ),
            source="Wang et al. 2018, Simulation 4; Daw et al. 2011",
        ),
        "daw-two-step": TaskEntry(
            id="metarl/DawTwoStep-v0",
            env="metarl.envs.daw_two_step:DawTwoStep",
            strategies="metarl.baselines.daw_two_step",
            analysis="metarl.analysis.two_step",
            summary="the human two-step task: a second choice, drifting rewards",
            question=(
                "Does the network plan through both of its choices, as people do, "
                "while rewards drift?"
            ),
            source="Daw et al. 2011, Neuron 69:1204",
        ),
        "bandit": TaskEntry(
            id="metarl/Bandit-v0",
            env="metarl.envs.bandit:Bandit",
            strategies="metarl.baselines.bandit",
            analysis="metarl.analysis.bandit.tables",
            summary="arms that pay with fixed chances, drawn anew for each episode",
            question=(
                "Does the network learn new arms within an episode, and explore them "
                "as well as algorithms made for it?"
            ),
            source="Wang et al. 2016, sections 3.1.1-3.1.2; Wang et al. 2018, Fig. 1",
        ),
        "matching": TaskEntry(
            id="metarl/Matching-v0",
            env="metarl.envs.matching:Matching",
            strategies="metarl.baselines.matching",
            analysis="metarl.analysis.matching",
            summary="two arms that are baited and stay so until they are chosen",
            question=(
                "Are choices shared out between the arms as rewards are, and do units "
                "code for what the arms are worth?"
            ),
            source="Wang et al. 2018, Simulation 1; Lau & Glimcher 2005; Tsutsui 2016",
        ),
        "volatility": TaskEntry(
            id="metarl/Volatility-v0",
            env="metarl.envs.volatility:Volatility",
            strategies="metarl.baselines.volatility",
            analysis="metarl.analysis.volatility",
            summary="two arms show what they pay; which wins changes often or seldom",
            question=(
                "Does the network learn faster while the world is volatile, though no "
                "weight changes?"
            ),
            source="Wang et al. 2018, Simulation 2; Behrens et al. 2007",
        ),
        "inferred-value": TaskEntry(
            id="metarl/InferredValue-v0",
            env="metarl.envs.inferred_value:InferredValue",
            strategies="metarl.baselines.inferred_value",
            analysis="metarl.analysis.inferred_value.tables",
            summary="one cue's outcome tells what the other cue is now worth",
            question=(
                "Do prediction errors tell a cue's value that was never experienced, "
                "only inferred from the other cue?"
            ),
            source="Wang et al. 2018, Simulation 3; Bromberg-Martin et al. 2010",
        ),
        "informative-arm": TaskEntry(
            id="metarl/InformativeArm-v0",
            env="metarl.envs.informative_arm:InformativeArm",
            strategies="metarl.baselines.informative_arm",
            analysis="metarl.analysis.informative_arm.tables",
            summary="one arm pays little, and tells which of the others pays best",
            question=(
                "Does the network give up a reward now to learn which arm pays "
                "best later?"
            ),
            source="Wang et al. 2016, section 3.1.3",
        ),
        "restless-bandit": TaskEntry(
            id="metarl/RestlessBandit-v0",
            env="metarl.envs.restless_bandit:RestlessBandit",
            strategies="metarl.baselines.restless_bandit",
            analysis="metarl.analysis.restless_bandit.tables",
            summary="two arms whose chances drift, slowly or quickly, as you learn",
            question=(
                "Does the network learn faster where chances drift quickly than where "
                "they drift slowly?"
            ),
            source="Wang et al. 2016, section 3.1.4",
        ),
        "risky-choice": TaskEntry(
            id="metarl/RiskyChoice-v0",
            env="metarl.envs.risky_choice:RiskyChoice",
            strategies="metarl.baselines.risky_choice",
            analysis="metarl.analysis.risky_choice.tables",
            summary="a small certain reward beside a large one of unknown chance",
            question=(
                "Do false prediction errors move later choices, as stimulation and "
                "silencing of dopamine do in rats?"
            ),
            source="Wang et al. 2018, Simulation 6; Stopper et al. 2014",
        ),
        "reversal": TaskEntry(
            id="metarl/Reversal-v0",
            env="metarl.envs.reversal:Reversal",
            strategies="metarl.baselines.reversal",
            analysis="metarl.analysis.reversal",
            summary="of two options one pays more often, and once they swap",
            question=(
                "How soon does the network give up an option that turned bad, beside "
                "monkeys and a Bayesian observer?"
            ),
            source="Costa et al. 2016, Neuron 92:505",
        ),
        "harlow-line": TaskEntry(
            id="metarl/HarlowLine-v0",
            env="metarl.envs.harlow.line:HarlowLine",
            strategies="metarl.baselines.learning_set",
            analysis="metarl.analysis.harlow.tables",
            summary="two new things a problem, one of which pays: codes on a line",
            question=(
                "After many problems, is a new one solved by what a single trial tells?"
            ),
            source="Wang et al. 2018, Simulation 5; Harlow 1949, Psychol Rev 56:51",
        ),
        "harlow": TaskEntry(
            id="metarl/Harlow-v0",
            env="metarl.envs.harlow.pixels:Harlow",
            strategies="metarl.baselines.learning_set",
            analysis="metarl.analysis.harlow.tables",
            summary="two new pictures a problem, one of which pays: from pixels",
            question=(
                "After many problems, is a new one solved by what a single trial "
                "tells, when all that is seen are pixels?"
            ),
            source="Wang et al. 2018, Simulation 5; Harlow 1949, Psychol Rev 56:51",
        ),
    }
)


def task_entry(name: str) -> TaskEntry:
    """The catalogue's entry of a task; ValueError names the tasks there are."""
    try:
        return TASKS[name]
    except KeyError:
        raise ValueError(
            f"unknown task {name!r}; choose from: {', '.join(TASKS)}"
        ) from None


def load(reference: str) -> Any:
    """The object that "module:name" names."""
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(
            f"{reference!r} cannot be imported ({error}); give it as 'module:Class', "
            "importable from the folder you start metarl in"
        ) from None


def task_class(name: str) -> Any:
    """The task's class; name is in the catalogue, or "module:Class" of a user's own."""
    found = load(name if ":" in name else task_entry(name).env)
    if not hasattr(found, "params_type"):
        raise ValueError(
            f"{name!r} is no task: it must be a subclass of metarl.envs.task.Task "
            "with a params_type"
        )
    return found
