"""The examples really run."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SAYS = {"two_step.py": "NOT LEARNED", "dopamine.py": "rpe=4"}
"""Example -> what its last lines say."""


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs_to_its_end(name, capsys):
    runpy.run_path(str(ROOT / "examples" / name))["main"]("smoke")
    assert SAYS[name] in capsys.readouterr().out


def test_every_example_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == set(SAYS)
