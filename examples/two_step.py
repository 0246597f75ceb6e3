"""The two-step task, from Python: train networks, freeze them, examine behaviour.

python examples/two_step.py [fast]
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import gymnasium

import metarl
from metarl.analysis.two_step.behaviour import read_trials, stay_probabilities
from metarl.runs.config import EvaluationConfig


def main(preset: str = "smoke") -> None:
    """Run all of it; `fast` takes half a minute and learns, `smoke` does not."""
    # The task alone, as a Gymnasium environment.
    env = gymnasium.make("metarl/TwoStep-v0", trial_count=5, render_mode="ansi")
    env.reset(seed=1, options={"high_state": 0})
    over = False
    while not over:
        _, _, over, _, info = env.step(env.action_space.sample())
        if "trial" in info:
            print(info["trial"])

    # Train two subjects, and test them with their weights frozen.
    config = replace(metarl.preset("two-step", preset), subjects=2, seed=5)
    with tempfile.TemporaryDirectory() as folder:
        trained = metarl.train(config, Path(folder) / "run")
        test = EvaluationConfig(episodes=50, record_episodes=5)
        metarl.evaluate(trained.path, test)

        # Everything is a table.
        run = metarl.load_run(trained.path)
        print(run.metrics[["subject", "steps", "rollout/return"]].tail())
        print(run.trials.head())
        print(stay_probabilities(read_trials(run.trials)))

        # Prediction errors, on the step that reveals them.
        recording = run.recording[0]
        names = recording["event_names"][recording["event"]]
        for name in ("choice", "outcome"):
            errors = recording["rpe"][names == name]
            print(f"{name}: mean |RPE| {abs(errors).mean():.3f}")

        # Figure and effects.
        print(metarl.analyze(run)["result"].read_text())


# Processes that train in parallel import this file; they must not run it.
if __name__ == "__main__":
    main(*sys.argv[1:])
