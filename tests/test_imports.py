"""What is heavy is loaded when it is needed, and not before."""

import os
import subprocess
import sys

import pytest

import metarl

HEAVY = ("torch", "pandas", "matplotlib", "seaborn", "scipy", "tensorboard", "PIL")
NAME = "OPENBLAS_NUM_THREADS"


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["--version"], ["tasks"], ["nonsense"]]
)
def test_the_command_says_what_it_can_do_without_anything_heavy(words):
    code = (
        f"import sys; from metarl.cli.main import main; main({words});"
        f"print('heavy:', *[m for m in {HEAVY} if m in sys.modules])"
    )
    assert python(code).splitlines()[-1].strip() == "heavy:"


def test_importing_metarl_loads_nothing_heavy():
    code = f"import sys, metarl; print(*[m for m in {HEAVY} if m in sys.modules])"
    assert python(code).strip() == ""


@pytest.mark.parametrize(("set_by_user", "threads"), [({}, "1"), ({NAME: "3"}, "3")])
def test_numpy_is_loaded_with_one_thread_unless_set_by_the_user(set_by_user, threads):
    given = {k: v for k, v in os.environ.items() if k != NAME} | set_by_user
    code = f"import os, metarl; print(os.environ['{NAME}'])"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == threads


def test_configurations_and_presets_load_nothing_heavy():
    # A task's parameters stand in the task's own file, which needs torch: no more.
    code = (
        "import sys, metarl.runs.config, metarl.runs.folder, metarl.core.parallel;"
        f"print(*[m for m in {HEAVY} if m in sys.modules])"
    )
    assert python(code).strip() == ""


def test_the_public_functions_are_there():
    for name in metarl.__all__:
        assert callable(getattr(metarl, name)), name


def test_no_module_takes_the_place_of_a_public_function():
    # A submodule named `train` would shadow metarl.train once it is imported.
    code = (
        "import pkgutil, metarl;"
        "print({m.name for m in pkgutil.iter_modules(metarl.__path__)}"
        " & set(metarl.__all__))"
    )
    assert python(code).strip() == "set()"


def test_what_is_not_there_is_said():
    with pytest.raises(
        AttributeError, match="module 'metarl' has no attribute 'trian'"
    ):
        _ = metarl.trian
