"""metarl evaluate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from metarl.cli.options import (
    DeviceOptions,
    EngineOptions,
    RunFolder,
    TrustTask,
    bad_input,
    engine_of,
    finish,
    parse,
)
from metarl.core.checks import check_choice, check_folder_name
from metarl.core.interventions import Intervention
from metarl.core.parallel import Outcome
from metarl.experiments.spec import experiment
from metarl.runs.config import TEST, EvaluationConfig, ResetMemory, parse_settings

if TYPE_CHECKING:
    from metarl.runs.folder import Run


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(EngineOptions, DeviceOptions):
    """Test trained networks with frozen weights, on new problems.

    Without options, they take every test of the experiment; `metarl tasks` lists them.
    """

    run: RunFolder
    """Folder of the run."""
    trust_task: TrustTask = False
    test: tuple[str, ...] = ()
    """Names of the tests; default: all of the experiment. A test of your own, defined
    with --settings or --interventions, may have any name."""
    snapshot: str | None = None
    """Number of a snapshot of training, 0 (untrained) to 20 (trained), or `all`."""
    episodes: int | None = None
    """Episodes per subject, at least 1; default: the experiment's."""
    record_episodes: int | None = None
    """Number of these that are recorded step by step; default: the experiment's."""
    reset_memory: ResetMemory | None = None
    """When memory, last action and last reward are reset: episode, trial, never."""
    greedy: bool = False
    """Choose the most probable action; default: actions are sampled, as in training."""
    settings: tuple[str, ...] = ()
    """Parameters of the task that differ from training, each as NAME=VALUE."""
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals, each a sentence: 'rpe set -4 when reward > 0',
    'units set 0 of 0-9', 'memory reset when trial == 50'."""


CUSTOM = "custom"
"""Name of a user's own test if none is given."""


def chosen_tests(task: str, options: EvaluateOptions) -> dict[str, EvaluationConfig]:
    """Return the tests that the options select, by name."""
    known = experiment(task).tests
    own = bool(options.settings or options.interventions)
    names = options.test or ((CUSTOM,) if own else tuple(known))
    for name in names:
        if not own:
            check_choice("test", name, known)
        check_folder_name("test", name)
    changes = changes_of(options)
    if own or options.reset_memory not in (None, "episode"):
        changes["record_untrained"] = False
    return {
        name: changed_test(known.get(name, known[TEST]), options, changes)
        for name in names
    }


def changes_of(options: EvaluateOptions) -> dict[str, Any]:
    """Return the fields of a test that the options set."""
    fields = ("episodes", "record_episodes", "reset_memory")
    given = {name: getattr(options, name) for name in fields}
    changes = {k: v for k, v in given.items() if v is not None}
    return {**changes, "greedy": True} if options.greedy else changes


def changed_test(
    test: EvaluationConfig, options: EvaluateOptions, changes: dict[str, Any]
) -> EvaluationConfig:
    """Return the test with changed fields, and the options' additions."""
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

    run = load_run(options.run, trust_task=options.trust_task)
    with bad_input():
        tests = chosen_tests(run.config.task, options)
        numbers = snapshots(options.snapshot, run.subject(0).snapshots)
    with engine_of(options, run.path) as executor:
        for number in numbers:
            with bad_input():
                outcome = evaluate_run(
                    run,
                    tests,
                    snapshot=number,
                    workers=options.workers,
                    device=options.device,
                    executor=executor,
                )
            code = report(run, tests, number, outcome)
            if code:
                return code
    return 0


def report(
    run: "Run",
    tests: Mapping[str, EvaluationConfig],
    number: int | None,
    ended: Outcome,
) -> int:
    """Print the outcome of the tests of one policy, and return the exit code."""
    first = TEST if TEST in tests else next(iter(tests))
    for subject in range(run.config.subjects):
        folder = run.evaluation(subject, number, first)
        if not ended.kept and f"subject {subject}" not in ended.failures:
            print(frozen_line(subject, folder.metadata))
    where = run.evaluation(0, number, first).path.parent
    taken = tests if number is None or TEST not in tests else [TEST]
    return finish(ended, f"tests: {', '.join(taken)}\ntables: {where}")


def snapshots(asked: str | None, saved: list[int]) -> Sequence[int | None]:
    """Return the requested snapshots; None is the trained policy."""
    if asked is None:
        return [None]
    if asked == "all":
        return saved
    if not asked.isdigit():
        raise ValueError(f"snapshot must be a number or all, got {asked!r}")
    return [int(asked)]


def frozen_line(subject: int, metadata: dict[str, Any]) -> str:
    """Describe the evaluation of one subject, with the hashes of its weights."""
    before, after = (metadata[f"weights_{when}"][:16] for when in ("before", "after"))
    reward = metadata["reward_per_episode"]
    return (
        f"subject {subject}: weights {before} before, {after} after; "
        f"{reward:.2f} reward per episode"
    )
