"""The registry: the names of all experiments, from which everything else follows.

"two-step" is the class TwoStep of metarl/envs/two_step.py, the Gymnasium id
metarl/TwoStep-v0, and the experiment of metarl/experiments/two_step.py. Nothing here
imports torch: a task's code is imported when the task is made.
"""

import importlib
import re
from importlib.util import find_spec
from typing import Any

import gymnasium

from metarl.core.names import did_you_mean

NAMES = (
    "two-step",
    "daw-two-step",
    "bandit",
    "matching",
    "volatility",
    "inferred-value",
    "informative-arm",
    "restless-bandit",
    "risky-choice",
    "reversal",
    "harlow-line",
    "harlow",
)
"""Experiments, in the order in which they are listed."""


def gymnasium_id(name: str) -> str:
    """Gymnasium id of an experiment's task."""
    return f"metarl/{_class_name(name)}-v0"


def register() -> None:
    """Let Gymnasium make every task of the registry; safe to call again."""
    for name in NAMES:
        if gymnasium_id(name) not in gymnasium.registry:
            gymnasium.register(
                id=gymnasium_id(name),
                entry_point="metarl.envs.adapters:TaskEnv",
                vector_entry_point="metarl.envs.adapters:TaskVectorEnv",
                kwargs={"task": name},
            )


def task_class(name: str) -> Any:
    """Class of a task.

    Args:
        name: a name of the registry, or "module:NAME" of your own task or experiment.

    Raises:
        ValueError: there is none, or it is no task.
    """
    found = load(name if ":" in name else _import_string(name))
    found = getattr(found, "env", found)  # an experiment names its task
    found = load(found) if isinstance(found, str) else found
    if not hasattr(found, "params_type"):
        raise ValueError(
            f"{name!r} is no task: it must be a subclass of metarl.envs.task.Task "
            "with a params_type, or an experiment with one as its env"
        )
    return found


def load(reference: str) -> Any:
    """The object that "module:NAME" names; ValueError where it cannot be imported."""
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f"{reference!r} cannot be imported ({error}); give it as 'module:NAME', "
            "importable from the folder you start metarl in"
        ) from None


def check_name(name: str) -> None:
    """Raise ValueError, naming all there are, unless the registry has the name.

    The name of the class, or of the Gymnasium environment, is understood, not taken.
    """
    if name not in NAMES:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removeprefix("metarl/"))
        plain = re.sub(r"-v\d+$", "", words).replace("_", "-").lower()
        guess = did_you_mean(plain, NAMES)
        listed = f"{guess} Choose" if guess else "; choose"
        raise ValueError(f"unknown task {name!r}{listed} from: {', '.join(NAMES)}")


def _import_string(name: str) -> str:
    """Where a registered task stands: in its own module, or its family's folder."""
    check_name(name)
    module = f"metarl.envs.{name.replace('-', '_')}"
    if find_spec(module) is None:
        module = f"metarl.envs.{name.partition('-')[0]}"
    return f"{module}:{_class_name(name)}"


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
