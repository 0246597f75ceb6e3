"""metarl evolve: an ordinary run of evolved networks."""

import pytest

from metarl.cli.main import main
from metarl.runs.folder import Run

SMALL = [
    *("--generations", "20", "--members", "4", "--episodes", "2"),
    *("--subjects", "1", "--workers", "1"),
]
SHORT = ["--settings", "trial_count=6"]


def evolve(out, *more):
    return main(["evolve", "--out", str(out), *SMALL, *SHORT, *more])


def test_evolved_networks_are_tested_frozen_and_analysed(tmp_path, capsys):
    out = tmp_path / "evolved"
    assert evolve(out) == 0
    assert f"evolved 1 populations: {out}" in capsys.readouterr().out
    run = Run(out)
    assert run.config.learning.rule == "es"
    assert run.config.training.num_envs == 8
    assert run.config.training.unroll_steps == 6
    assert list(run.subjects[0].metrics["update"])[-1] == 20
    assert main(["evaluate", str(out), "--episodes", "4", "--workers", "1"]) == 0
    assert main(["analyze", str(out)]) == 0
    assert (out / "analysis/figure.png").exists()


def test_the_same_seed_evolves_the_same_network(tmp_path):
    for name in ("one", "same"):
        assert evolve(tmp_path / name, "--seed", "5") == 0
    one, same = (
        (tmp_path / name / "subject-00/policy.safetensors").read_bytes()
        for name in ("one", "same")
    )
    assert one == same
    assert evolve(tmp_path / "other", "--seed", "6") == 0
    other = (tmp_path / "other/subject-00/policy.safetensors").read_bytes()
    assert one != other


def test_a_run_that_is_there_is_gone_on_with_only_when_asked(tmp_path, capsys):
    assert evolve(tmp_path / "run") == 0
    assert evolve(tmp_path / "run") == 2
    assert "--resume" in capsys.readouterr().err
    assert evolve(tmp_path / "run", "--resume") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--members", "5"], "members must be even where they are paired, got 5"),
        (["--episodes", "0"], "episodes must be at least 1, got 0"),
        (["--steps", "0"], "steps must be at least 1, got 0"),
        (["--deviation", "0"], "size must be at least"),
        (["--rate", "0"], "learning_rate.start must be above 0 where the rule is es"),
        (["--steps", "5"], "unroll_steps must be whole episodes of 6 steps"),
        (["--task", "harlow"], "encoder"),
        (["--task", "maze"], "unknown task 'maze'"),
    ],
)
def test_what_cannot_be_evolved_is_refused(words, message, tmp_path, capsys):
    taskless = [word for word in SHORT if "--task" not in words]
    code = main(["evolve", "--out", str(tmp_path / "x"), *SMALL, *taskless, *words])
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
