"""The registry: a name leads to a class and an id; others are refused in one line."""

import subprocess
import sys

import gymnasium
import pytest
from short import short
from toys import Lottery

import metarl
from metarl.envs.registry import NAMES, gymnasium_id, load, register, task_class
from metarl.envs.task import Task


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# Names


@pytest.mark.parametrize("name", NAMES)
def test_every_name_leads_to_a_task(name):
    assert issubclass(task_class(name), Task)
    words = name.split("-")
    assert task_class(name).__name__ == "".join(map(str.capitalize, words))


def test_a_task_of_a_family_stands_in_its_familys_folder():
    assert task_class("harlow-line").__module__ == "metarl.envs.harlow.line"
    assert task_class("harlow").__module__ == "metarl.envs.harlow.pixels"


def test_an_unknown_task_is_refused_with_those_there_are():
    words = (
        "unknown task 'twostep'; did you mean 'two-step'. Choose from: two-step, daw"
    )
    with pytest.raises(ValueError, match=words):
        task_class("twostep")


def test_a_users_own_task_is_found_by_module_and_class():
    assert task_class("toys:Lottery") is Lottery


@pytest.mark.parametrize("reference", ["nowhere:Task", "toys:Nothing", "toys:"])
def test_what_cannot_be_imported_is_refused(reference):
    with pytest.raises(
        ValueError, match=f"'{reference}' cannot be imported .*'module:N"
    ):
        load(reference)


def test_what_is_no_task_is_refused():
    with pytest.raises(ValueError, match="'os:path' is no task: it must be a subclass"):
        task_class("os:path")


def test_the_registry_needs_no_torch():
    assert run("import sys, metarl.envs.registry; print('torch' in sys.modules)") == (
        "False"
    )


# Gymnasium ids

IDS = {
    "two-step": "metarl/TwoStep-v0",
    "daw-two-step": "metarl/DawTwoStep-v0",
    "bandit": "metarl/Bandit-v0",
    "matching": "metarl/Matching-v0",
    "volatility": "metarl/Volatility-v0",
    "inferred-value": "metarl/InferredValue-v0",
    "informative-arm": "metarl/InformativeArm-v0",
    "restless-bandit": "metarl/RestlessBandit-v0",
    "risky-choice": "metarl/RiskyChoice-v0",
    "reversal": "metarl/Reversal-v0",
    "harlow-line": "metarl/HarlowLine-v0",
    "harlow": "metarl/Harlow-v0",
}
"""Ids that users have in their code; they must not change."""


def test_ids_are_made_of_names():
    assert {name: gymnasium_id(name) for name in NAMES} == IDS


def test_importing_metarl_registers_every_task_without_torch():
    code = (
        "import sys, metarl, metarl.envs.registry, gymnasium;"
        "print(*[i for i in gymnasium.registry if i.startswith('metarl/')]);"
        "print(*[m for m in ('torch', 'PIL', 'pandas') if m in sys.modules])"
    )
    ids, _, heavy = run(code).partition("\n")
    assert ids.split() == list(IDS.values())
    assert heavy == ""


def test_gymnasium_can_import_metarl_by_itself():
    code = (
        "import gymnasium; env = gymnasium.make('metarl:metarl/TwoStep-v0');"
        "print(env.reset(seed=0)[0].tolist())"
    )
    assert run(code) == "[1.0, 0.0, 0.0, 0.0]"


def test_registering_twice_is_quiet():
    register()
    assert metarl.__version__


@pytest.mark.parametrize("name", NAMES)
def test_entry_points_are_strings(name):
    spec = gymnasium.spec(IDS[name])
    assert isinstance(spec.entry_point, str)
    assert isinstance(spec.vector_entry_point, str)


@pytest.mark.parametrize("name", NAMES)
def test_each_id_makes_its_own_task(name):
    single = gymnasium.make(IDS[name], **short(name, 3))
    batch = gymnasium.make_vec(IDS[name], num_envs=2, **short(name, 3))
    kind = task_class(name).__name__
    assert type(single.unwrapped.task).__name__ == kind
    assert type(batch.unwrapped.task).__name__ == kind
    assert single.unwrapped.task.params == batch.unwrapped.task.params
    assert batch.num_envs == batch.unwrapped.task.num_envs == 2


def test_a_made_environment_can_be_made_again_from_its_spec():
    single = gymnasium.make("metarl/TwoStep-v0", trial_count=3, agent_input=True)
    again = gymnasium.make(single.spec)
    assert again.observation_space == single.observation_space
    assert again.unwrapped.task.params == single.unwrapped.task.params
