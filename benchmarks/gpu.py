"""Training speed on a GPU, and the time to 64 two-step networks that have learned.

    python benchmarks/gpu.py [--device cuda] [--repeats 5] [--short]

First, million training steps per second of wall time: the two-armed bandit and the
two-step task with the agent of preset fast, by subjects, environments and steps of an
unroll. Then 64 two-step networks are trained, tested with frozen weights and analysed;
their share that has learned is printed with the seconds of each part. `--short` leaves
out the second part.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

import metarl
from metarl.core.devices import find_device
from metarl.experiments.spec import preset
from metarl.runs.config import TrainingConfig
from metarl.training.groups import Group, make_group

TASKS = "bandit", "two-step"
SHAPES = ((1, 256, 20), (64, 64, 20), (64, 256, 20), (64, 1024, 20), (256, 256, 100))
"""Subjects, environments of each, and steps of an unroll."""
POPULATION = 64
UPDATES = 20
"""Updates of one repeat."""


def wait(device: str) -> None:
    """Wait until all that was asked of a GPU is done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def group_of(task: str, subjects: int, num_envs: int, steps: int, device: str) -> Group:
    """Untrained subjects that share one computation."""
    training = TrainingConfig(num_envs=num_envs, unroll_steps=steps, updates=10**6)
    config = replace(preset(task), training=training)
    return make_group(config, range(subjects), device=device)


def speed(group: Group, steps: int, device: str) -> float:
    """Training steps per second."""
    wait(device)
    before = time.perf_counter()
    for _ in range(UPDATES):
        group.update()
    wait(device)
    return UPDATES * steps / (time.perf_counter() - before)


def show_speeds(device: str, repeats: int) -> None:
    """Print one row for each task and shape."""
    print(f"{'task':<10} {'subjects':>8} {'envs':>5} {'steps':>5} {'M steps/s':>10}")
    for task in TASKS:
        for shape in SHAPES:
            group = group_of(task, *shape, device)
            size = shape[0] * shape[1] * shape[2]
            group.update()
            speeds = [speed(group, size, device) / 1e6 for _ in range(repeats)]
            subjects, num_envs, steps = shape
            print(
                f"{task:<10} {subjects:>8} {num_envs:>5} {steps:>5} "
                f"{statistics.median(speeds):>10.2f} "
                f"({min(speeds):.2f}-{max(speeds):.2f})",
                flush=True,
            )


def show_population(device: str) -> None:
    """Train, test and analyse a population, and print the seconds of each part."""
    config = replace(metarl.preset("two-step"), subjects=POPULATION)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        marks = [time.perf_counter()]
        metarl.train(config, path, device=device, show=False, workers=1)
        marks.append(time.perf_counter())
        metarl.evaluate(path, device=device, show=False, workers=1)
        marks.append(time.perf_counter())
        result = metarl.analyze(path)["result"].read_text()
        marks.append(time.perf_counter())
    names = "training", "tests", "analysis"
    for name, before, after in zip(names, marks, marks[1:], strict=False):
        print(f"{name} of {POPULATION} two-step networks: {after - before:.1f} s")
    print(result)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    try:
        device = find_device(options.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    print(f"torch {torch.__version__}, {name}")
    show_speeds(device, options.repeats)
    if not options.short:
        show_population(device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
