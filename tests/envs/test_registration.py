"""The ids are there after `import metarl`, quickly, and make what they say."""

import subprocess
import sys

import gymnasium
import pytest
from short import short

import metarl
from metarl.envs.registration import register
from metarl.envs.registry import NAMES


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_metarl_registers_every_task_without_torch():
    code = (
        "import sys, metarl, metarl.envs.registry, gymnasium;"
        "print(*[i for i in gymnasium.registry if i.startswith('metarl/')]);"
        "print(*[m for m in ('torch', 'PIL', 'pandas') if m in sys.modules])"
    )
    ids, _, heavy = run(code).partition("\n")
    assert ids.split() == [entry.id for entry in NAMES.values()]
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
    spec = gymnasium.spec(NAMES[name].id)
    assert isinstance(spec.entry_point, str)
    assert isinstance(spec.vector_entry_point, str)


@pytest.mark.parametrize("name", NAMES)
def test_each_id_makes_its_own_task(name):
    single = gymnasium.make(NAMES[name].id, **short(name, 3))
    batch = gymnasium.make_vec(NAMES[name].id, num_envs=2, **short(name, 3))
    kind = NAMES[name].env.partition(":")[2]
    assert type(single.unwrapped.task).__name__ == kind
    assert type(batch.unwrapped.task).__name__ == kind
    assert single.unwrapped.task.params == batch.unwrapped.task.params
    assert batch.num_envs == batch.unwrapped.task.num_envs == 2


def test_a_made_environment_can_be_made_again_from_its_spec():
    single = gymnasium.make("metarl/TwoStep-v0", trial_count=3, agent_input=True)
    again = gymnasium.make(single.spec)
    assert again.observation_space == single.observation_space
    assert again.unwrapped.task.params == single.unwrapped.task.params
