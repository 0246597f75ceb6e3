"""Cost and memory of training 1, 8, 64 and 512 subjects in one computation.

    python benchmarks/scaling.py [--subjects 1 8 64 512]

The two-armed bandit with the agent of preset fast, 64 environments and unrolls of 20
steps; each row in a process of its own. Memory is the largest resident size of that
process, with Python and torch.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace

import torch

from metarl.experiments.spec import preset
from metarl.runs.config import TrainingConfig
from metarl.training.groups import make_group
from metarl.training.stacked import subject_bytes

STEPS = 1_000_000
"""Environment steps of a measurement, and at least LEAST updates."""
LEAST = 3
MEBIBYTE = 2**20


def measure(subjects: int) -> dict[str, float]:
    """CPU-seconds per million steps, and memory in bytes, of this process."""
    torch.set_num_threads(1)
    training = TrainingConfig(num_envs=64, unroll_steps=20, updates=10**6)
    config = replace(preset("bandit"), training=training)
    group = make_group(config, range(subjects))
    group.update()
    size = subjects * training.num_envs * training.unroll_steps
    count = max(LEAST, STEPS // size)
    before = time.process_time()
    for _ in range(count):
        group.update()
    seconds = time.process_time() - before
    # Kilobytes, but bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {
        "cost": seconds / (count * size) * 1e6,
        "memory": peak,
        "buffers": subjects * subject_bytes(config),
    }


def main() -> None:
    """Measure each number of subjects in its own process, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    print(f"{'subjects':>8} {'CPU-s/M':>8} {'peak MiB':>9} {'buffers MiB':>12}")
    for subjects in options.subjects:
        words = [sys.executable, __file__, "--one", str(subjects)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        memory, buffers = found["memory"] / MEBIBYTE, found["buffers"] / MEBIBYTE
        print(
            f"{subjects:>8} {found['cost']:>8.2f} {memory:>9.0f} {buffers:>12.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
