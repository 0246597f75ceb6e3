"""metarl evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metarl.cli.options import RunFolder, bad_input, finish, parse
from metarl.core.checks import check_choice
from metarl.core.interventions import Intervention
from metarl.experiments.spec import experiment
from metarl.runs.config import TEST, EvaluationConfig, ResetMemory, parse_settings


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Test trained networks with frozen weights, on problems they never saw.

    Without options, every test of the experiment; `metarl tasks` lists them.
    """

    run: RunFolder
    """A run's folder."""
    test: tuple[str, ...] = ()
    """The tests to take; all of the experiment's by default. A test of your own, made
    with --settings or --interventions, may have any name."""
    snapshot: str | None = None
    """A snapshot of training, 0 (untrained) to 20 (trained), or `all`."""
    workers: int | None = None
    """Processes at once; all cores by default."""
    episodes: int | None = None
    """Episodes a subject, at least 1; the experiment's by default."""
    record_episodes: int | None = None
    """Of these, so many are recorded step by step; by default the experiment's."""
    reset_memory: ResetMemory | None = None
    """When memory, last action and last reward are cleared: episode, trial, never."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""
    settings: tuple[str, ...] = ()
    """The task's parameters that differ from training, each as NAME=VALUE."""
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals, each in words: 'rpe set -4 when reward > 0',
    'units set 0 of 0-9', 'memory reset when trial == 50'."""


CUSTOM = "custom"
"""Name of a test of one's own, where none is given."""


def chosen_tests(task: str, options: EvaluateOptions) -> dict[str, EvaluationConfig]:
    """The tests that the options ask for, by name."""
    there = experiment(task).tests
    own = bool(options.settings or options.interventions)
    names = options.test or ((CUSTOM,) if own else tuple(there))
    for name in names:
        if not own:
            check_choice("test", name, there)
        if Path(name).name != name or not name.strip("."):
            raise ValueError(f"test must be a plain name, got {name!r}")
    changes = changes_of(options)
    if own or options.reset_memory not in (None, "episode"):
        changes["record_untrained"] = False
    return {
        name: changed_test(there.get(name, there[TEST]), options, changes)
        for name in names
    }


def changes_of(options: EvaluateOptions) -> dict[str, Any]:
    """The fields of a test that the options set."""
    fields = ("episodes", "record_episodes", "reset_memory")
    given = {name: getattr(options, name) for name in fields}
    changes = {k: v for k, v in given.items() if v is not None}
    return {**changes, "greedy": True} if options.greedy else changes


def changed_test(
    test: EvaluationConfig, options: EvaluateOptions, changes: dict[str, Any]
) -> EvaluationConfig:
    """The test with some fields changed, and with the options' additions."""
    return replace(
        test,
        task={**test.task, **parse_settings(options.settings)},
        interventions=(*test.interventions, *options.interventions),
        **changes,
    )


def main(words: list[str]) -> int:
    """Test the networks of a run with frozen weights: metarl evaluate RUN."""
    options = parse(EvaluateOptions, "evaluate", words)
    from metarl.pipeline.run import evaluate as evaluate_run
    from metarl.runs.folder import load_run

    run = load_run(options.run)
    with bad_input():
        tests = chosen_tests(run.config.task, options)
        numbers = snapshots(options.snapshot, run.subject(0).snapshots)
    for number in numbers:
        with bad_input():
            outcome = evaluate_run(run, tests, snapshot=number, workers=options.workers)
        first = TEST if TEST in tests else next(iter(tests))
        for subject in range(run.config.subjects):
            folder = run.evaluation(subject, number, first)
            if f"subject {subject}" not in outcome.failures:
                print(frozen_line(subject, folder.metadata))
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


def frozen_line(subject: int, metadata: dict[str, Any]) -> str:
    """One subject's evaluation, with its weights' hashes."""
    before, after = (metadata[f"weights_{when}"][:16] for when in ("before", "after"))
    reward = metadata["reward_per_episode"]
    return (
        f"subject {subject}: weights {before} before, {after} after; "
        f"{reward:.2f} reward per episode"
    )
