"""Dopamine changed, from Python: what does a prediction error do to choice?

python examples/dopamine.py [fast]
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import metarl
from metarl.runs.config import EvaluationConfig

DOSES = (-4, 0, 4)
"""What the actor is told instead of the prediction error at a risky loss."""


def main(preset: str = "smoke") -> None:
    """Train on risky choice, then test at several doses; `smoke` learns nothing."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(metarl.preset("risky-choice", preset), subjects=2)
        run = metarl.train(config, Path(folder) / "run", show=False).run

        # The same frozen networks, on the same random numbers, at every dose.
        episodes = 20 if preset == "smoke" else 500
        test = EvaluationConfig(episodes=episodes, record_episodes=0)
        when = "risky == 1 and won == 0"
        doses = {
            f"told={dose}": replace(
                test, interventions=(f"rpe set {dose} when {when}",)
            )
            for dose in DOSES
        }
        metarl.evaluate(run, {"test": test, **doses}, show=False)
        print(f"test       {risky(run, 'test'):5.1f} % risky")
        for name in doses:
            print(f"{name:<10} {risky(run, name):5.1f} % risky")


def risky(run, condition: str) -> float:
    """Per cent of the free choices, of all networks, that are risky."""
    folders = run.evaluated_in(condition).values()
    shares = [f.trials[f.trials["forced"] == 0]["risky"].mean() for f in folders]
    return 100 * float(sum(shares)) / len(shares)


if __name__ == "__main__":
    main(*sys.argv[1:])
