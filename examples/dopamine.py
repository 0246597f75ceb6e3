"""A dose-response curve: the effect of prediction errors on choices.

python examples/dopamine.py [fast]
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import metarl
from metarl.core.interventions import Condition, Intervention
from metarl.runs.config import EvaluationConfig

DOSES = (-4, 0, 4)
"""The actor's input in place of the prediction error at a risky loss."""


def main(preset: str = "smoke") -> None:
    """Train on risky choice, then test at several doses; `smoke` learns nothing."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(metarl.preset("risky-choice", preset), subjects=2)
        trained = metarl.train(config, Path(folder) / "run", show=False)
        run = metarl.load_run(trained.path)

        # The same frozen networks, on the same random numbers, at every dose.
        episodes = 20 if preset == "smoke" else 500
        test = EvaluationConfig(episodes=episodes, record_episodes=0)
        loss = Condition("risky == 1 and won == 0")
        doses = {
            f"rpe={dose}": replace(
                test,
                interventions=(
                    Intervention(target="rpe", operation="set", amount=dose, when=loss),
                ),
            )
            for dose in DOSES
        }
        metarl.evaluate(run, {"test": test, **doses}, show=False)
        print(f"test       {risky(run, 'test'):5.1f} % risky")
        for name in doses:
            print(f"{name:<10} {risky(run, name):5.1f} % risky")


def risky(run, test: str) -> float:
    """Per cent of the free choices, of all networks, that are risky."""
    folders = run.evaluated_in(test).values()
    shares = [f.trials[f.trials["forced"] == 0]["risky"].mean() for f in folders]
    return 100 * float(sum(shares)) / len(shares)


if __name__ == "__main__":
    main(*sys.argv[1:])
