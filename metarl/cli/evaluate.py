"""metarl evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metarl.cli.options import RunFolder, bad_input, finish, parse
from metarl.core.checks import check_choice
from metarl.experiments.tests import protocol
from metarl.runs.config import TEST, EvaluationConfig, ResetMemory


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Test trained networks with frozen weights, on problems they never saw.

    Without options, every test of the task's protocol; `metarl tasks` lists them.
    """

    run: RunFolder
    """A run's folder."""
    condition: tuple[str, ...] = ()
    """The tests to take; all of the protocol by default. A test of your own, made with
    --settings or --interventions, may have any name."""
    snapshot: str | None = None
    """A snapshot of training, 0 (untrained) to 20 (trained), or `all`."""
    workers: int | None = None
    """Processes at once; all cores by default."""
    episodes: int | None = None
    """Episodes a subject, at least 1; the protocol's by default."""
    record_episodes: int | None = None
    """Of these, so many are recorded step by step; the protocol's by default."""
    reset_memory: ResetMemory | None = None
    """When memory, last action and last reward are cleared: episode, trial, never."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""
    settings: tuple[str, ...] = ()
    """The task's parameters that differ from training, each as NAME=VALUE."""
    interventions: tuple[str, ...] = ()
    """What an experimenter does to the network, each in words: 'rpe set -4 when
    reward > 0', 'units set 0 of 0-9', 'memory reset when trial == 50'."""


CUSTOM = "custom"
"""Name of a test of one's own, where none is given."""


def chosen_tests(task: str, options: EvaluateOptions) -> dict[str, EvaluationConfig]:
    """The tests that were asked for, by name."""
    there = protocol(task).conditions
    names = options.condition or tuple(there)
    own = bool(options.settings or options.interventions)
    if own:
        names = options.condition or (CUSTOM,)
    fields = ("episodes", "record_episodes", "reset_memory")
    given = {name: getattr(options, name) for name in fields}
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if options.greedy:
        changes["greedy"] = True
    if own or options.reset_memory not in (None, "episode"):
        changes["record_untrained"] = False
    tests = {}
    for name in names:
        if not own:
            check_choice("condition", name, there)
        if Path(name).name != name or not name.strip("."):
            raise ValueError(f"condition must be a plain name, got {name!r}")
        base = there.get(name, there[TEST])
        tests[name] = replace(
            base,
            settings=(*base.settings, *options.settings),
            interventions=(*base.interventions, *options.interventions),
            **changes,
        )
    return tests


def main(words: list[str]) -> int:
    """Test the networks of a run with frozen weights: metarl evaluate RUN."""
    options = parse(EvaluateOptions, "evaluate", words)
    from metarl.pipeline.run import evaluate as evaluate_population
    from metarl.runs.folder import load_run

    run = load_run(options.run)
    with bad_input():
        tests = chosen_tests(run.config.task, options)
        numbers = snapshots(options.snapshot, run.subject(0).snapshots)
    for number in numbers:
        with bad_input():
            outcome = evaluate_population(
                run, tests, snapshot=number, workers=options.workers
            )
        first = TEST if TEST in tests else next(iter(tests))
        for subject in range(run.config.subjects):
            folder = run.evaluation(subject, number, first)
            if f"subject {subject}" not in outcome.failures:
                print(frozen_line(subject, folder.facts))
        where = run.evaluation(0, number, first).path.parent
        taken = tests if number is None or TEST not in tests else [TEST]
        code = finish(outcome, f"tests: {', '.join(taken)}\ntables: {where}")
        if code:
            return code
    return 0


def snapshots(asked: str | None, there: list[int]) -> Sequence[int | None]:
    """The snapshots asked for; None is the trained policy."""
    if asked is None:
        return [None]
    if asked == "all":
        return there
    if not asked.isdigit():
        raise ValueError(f"snapshot must be a number or all, got {asked!r}")
    return [int(asked)]


def frozen_line(subject: int, facts: dict[str, Any]) -> str:
    """One subject's evaluation, with its weights' hashes."""
    before, after = facts["weights_before"][:16], facts["weights_after"][:16]
    reward = facts["reward_per_episode"]
    return (
        f"subject {subject}: weights {before} before, {after} after; "
        f"{reward:.2f} reward per episode"
    )
