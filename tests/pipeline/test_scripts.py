"""Scripts of a user that call metarl with several processes."""

import subprocess
import sys

import pytest

CONFIG = """
import dataclasses, metarl
from metarl.runs.config import EvaluationConfig, TrainingConfig
config = dataclasses.replace(
    metarl.preset("bandit", "smoke"),
    subjects=2,
    training=TrainingConfig(num_envs=2, unroll_steps=10, updates=3),
)
"""
CALLS = """
trained = metarl.train(config, "run", workers=2)
test = EvaluationConfig(episodes=4, record_episodes=0)
tested = metarl.evaluate("run", test, workers=2)
print("failures:", trained.failures | tested.failures)
"""
OWN = """
from metarl.envs.bandit import Bandit

class Mine(Bandit):
    pass

config = dataclasses.replace(config, task="__main__:Mine")
"""
GUARD = "\nif __name__ == '__main__':" + CALLS.replace("\n", "\n    ")
WORDS = {
    "bare": "",
    "bare, own task": "under `if __name__ == '__main__':`",
    "guarded, own task": "",
}
"""Script -> what it says on the screen."""
SCRIPTS = {
    "bare": CONFIG + CALLS,
    "bare, own task": CONFIG + OWN + CALLS,
    "guarded, own task": CONFIG + OWN + GUARD,
}


def execute(folder, *words, text=None):
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, check=False
    )


def check_trained(result, folder, words):
    assert result.returncode == 0, result.stderr
    assert result.stdout == "failures: {}\n"
    assert "Traceback" not in result.stderr
    assert words in result.stderr if words else not result.stderr
    for subject in range(2):
        assert (folder / f"run/subject-{subject:02d}/policy.safetensors").exists()
        assert (folder / f"run/evaluation/subject-{subject:02d}/trials.csv").exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_works_with_or_without_its_guard(name, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPTS[name])
    check_trained(execute(tmp_path, "script.py"), tmp_path, WORDS[name])


@pytest.mark.parametrize("name", ["bare", "bare, own task"])
def test_a_script_on_standard_input_works_like_a_notebook(name, tmp_path):
    words = "standard input cannot be imported" if "own" in name else ""
    result = execute(tmp_path, "-", text=SCRIPTS[name])
    check_trained(result, tmp_path, words)


def test_a_script_prints_the_failure_of_every_subject(tmp_path):
    wild = (
        "rate = dataclasses.replace(config.learning.learning_rate, start=1e30)\n"
        "learning = dataclasses.replace(config.learning, learning_rate=rate)\n"
        "config = dataclasses.replace(config, learning=learning)\n"
    )
    call = "metarl.train(config, 'run', workers=2)\n"
    (tmp_path / "script.py").write_text(CONFIG + wild + call)
    result = execute(tmp_path, "script.py")
    for subject in range(2):
        assert f"subject {subject} failed: training diverged" in result.stderr
    assert "Traceback" not in result.stderr
