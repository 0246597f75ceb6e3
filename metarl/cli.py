"""The command line: each command parses, calls one library function, prints paths.

Exit codes: 0 finished, 1 an effect missed its criterion (--require-pass), 2 bad input,
3 a subject crashed, 130 interrupted.
"""

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import tyro

from metarl.agents.settings import A2CConfig, NetworkConfig
from metarl.catalog import TASKS
from metarl.checks import MetaRLError, check_choice
from metarl.config import TEST, EvaluationConfig, ResetMemory, TrainingConfig
from metarl.protocols import protocol

if TYPE_CHECKING:
    from metarl.population import Outcome

Params = TypeVar("Params")

MISSED, BAD_INPUT, CRASHED, INTERRUPTED = 1, 2, 3, 130


@contextlib.contextmanager
def bad_input() -> Iterator[None]:
    """Within, a ValueError is the user's to mend, not a bug."""
    try:
        yield
    except ValueError as error:
        raise MetaRLError(str(error)) from None


def parse(kind: Any, command: str, words: list[str], **more: Any) -> Any:
    """The options of a command, as an instance of a dataclass."""
    with bad_input():
        return tyro.cli(kind, prog=f"metarl {command}", args=words, **more)


def tasks(words: list[str]) -> int:
    """List the tasks."""
    for name, entry in TASKS.items():
        methods = protocol(name)
        lines = [
            entry.id,
            entry.summary,
            entry.source,
            f"tests: {', '.join(methods.conditions)}",
            *(f"control {k}: {c.why}" for k, c in methods.controls.items()),
        ]
        print(f"{name:<16}" + f"\n{'':<16}".join(lines) + "\n")
    return 0


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Generic[Params]):
    """Train subjects: independent networks, each with its own random streams."""

    out: Path
    """The run's folder."""
    resume: bool = False
    """Go on with the run in --out, or start it where there is none."""
    controls: bool = False
    """Also train the task's control populations, into the run's folder."""
    workers: int | None = None
    """Processes at once; all cores by default."""
    subjects: int
    """Independently trained networks."""
    seed: int
    """Root of all random streams."""
    task: Params
    """The task's parameters."""
    network: NetworkConfig
    """The recurrent network."""
    learning: A2CConfig
    """The learning rule."""
    training: TrainingConfig
    """The amount of training."""


def train(words: list[str]) -> int:
    """Train networks on a task: metarl train TASK [--preset NAME] [--out FOLDER]."""
    first = argparse.ArgumentParser(
        prog="metarl train", add_help=False, allow_abbrev=False
    )
    first.add_argument("task")
    first.add_argument("--preset", default="fast")
    # The task comes first, or the value of another option would be taken for it.
    if not words or words[0].startswith("-"):
        raise MetaRLError(
            "say which task: metarl train TASK [--preset fast|paper|smoke] "
            f"[--out FOLDER]; the tasks are {', '.join(TASKS)}; "
            "metarl train TASK --help shows every setting"
        )
    chosen, rest = first.parse_known_args(words)
    from metarl.population import train as train_population
    from metarl.presets import preset

    with bad_input():
        config = preset(chosen.task, chosen.preset)
    shared = ("subjects", "seed", "network", "learning", "training")
    default = TrainOptions(
        out=Path("runs") / chosen.task.replace(":", "."),
        task=config.task_params,
        **{name: getattr(config, name) for name in shared},
    )
    kind: Any = TrainOptions[type(config.task_params)]  # type: ignore[misc]
    options = parse(kind, f"train {chosen.task}", rest, default=default)
    with bad_input():
        config = replace(
            config,
            task_params=options.task,
            **{name: getattr(options, name) for name in shared},
        )
    with bad_input():
        outcome = train_population(
            config,
            options.out,
            controls=options.controls,
            resume=options.resume,
            workers=options.workers,
        )
    return finish(outcome, f"trained {config.subjects} subjects: {options.out}")


def finish(outcome: "Outcome", done: str) -> int:
    """Say how it ended; the exit code."""
    for name, why in outcome.failures.items():
        print(f"metarl: {name} failed: {why}", file=sys.stderr)
    if outcome.failures:
        return CRASHED
    print(done)
    return 0


RunFolder = Annotated[Path, tyro.conf.Positional]


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Test trained networks with frozen weights, on problems they never saw.

    Without options, every test of the task's protocol; `metarl tasks` lists them.
    """

    run: RunFolder
    """A run's folder."""
    condition: tuple[str, ...] = ()
    """The tests to take; all of the protocol by default. A test of your own, made with
    --settings or --manipulate, may have any name."""
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
    manipulate: tuple[str, ...] = ()
    """What an experimenter does to the network, each in words: 'rpe set -4 when
    reward > 0', 'units set 0 of 0-9', 'memory reset when trial == 50'."""


CUSTOM = "custom"
"""Name of a test of one's own, where none is given."""


def chosen_tests(task: str, options: EvaluateOptions) -> dict[str, EvaluationConfig]:
    """The tests that were asked for, by name."""
    there = protocol(task).conditions
    names = options.condition or tuple(there)
    own = bool(options.settings or options.manipulate)
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
            manipulate=(*base.manipulate, *options.manipulate),
            **changes,
        )
    return tests


def evaluate(words: list[str]) -> int:
    """Test the networks of a run with frozen weights: metarl evaluate RUN."""
    options = parse(EvaluateOptions, "evaluate", words)
    from metarl.population import evaluate as evaluate_population
    from metarl.runs import load_run

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


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions:
    """Draw an evaluated run beside paper and animals, and judge its effects."""

    run: RunFolder
    """A run's folder."""
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""


def analyze(words: list[str]) -> int:
    """Figure, effects and result of an evaluated run: metarl analyze RUN."""
    options = parse(AnalyzeOptions, "analyze", words)
    from metarl.report import analyze as analyze_run
    from metarl.report import passed
    from metarl.runs import load_run

    paths = analyze_run(load_run(options.run))
    print(paths["result"].read_text(encoding="utf-8"))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return MISSED if options.require_pass and not passed(paths["effects"]) else 0


@dataclass(frozen=True, kw_only=True)
class AnimalsOptions:
    """The same behavioural analysis, on animals' or people's trials.

    A trial table has one row a trial: subject, trial (counting up within a session),
    choice (0 left, 1 right), reward; where there are any, session, episode, and valid
    and forced (0, 1). two-step also needs transition (common, rare), and takes a reward
    of 0.5 for a middle one; reversal needs better (0, 1) and schedule (percent);
    risky-choice needs risky (0, 1) and probability_risky.
    """

    task: Annotated[str, tyro.conf.Positional]
    """A task of `metarl tasks`."""
    data: Path
    """A trial table (CSV or parquet), or a macaque release (.mat) of two-step or
    reversal."""
    out: Path = Path("runs/animals")
    """Where the figure and the table go."""


def animals(words: list[str]) -> int:
    """Analyse animals' trials as networks' are: metarl animals TASK --data FILE."""
    options = parse(AnimalsOptions, "animals", words)
    from metarl.report import analyze_animals

    with bad_input():
        paths = analyze_animals(options.task, options.data, options.out)
    import pandas as pd

    table = pd.read_csv(paths["table"])
    print(table.round(3).to_string(index=False, na_rep=""))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """Film a trained network with frozen weights, in episodes it never saw: a GIF.

    Below the screen stand the last action, the number of the trial, counted from 1,
    the step of the trial, and what the last action earned.
    """

    run: RunFolder
    """A run's folder."""
    out: Path | None = None
    """The film, a name that ends in .gif; by default it goes into the run's folder."""
    subject: int = 0
    """Whose network, from 0."""
    episodes: int = 1
    """Episodes, one after the other, at least 1."""
    seed: int | None = None
    """Draws the episodes; the run's by default."""
    condition: str = TEST
    """The test of the protocol to take; `metarl tasks` lists them."""
    snapshot: int | None = None
    """A snapshot of training, 0 (untrained) to 20 (trained); trained by default."""
    fps: float = 6.0
    """Frames a second, 0.1 to 50."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""


def watch(words: list[str]) -> int:
    """Film a network at its task, with frozen weights: metarl watch RUN."""
    options = parse(WatchOptions, "watch", words)
    from metarl.watch import Film
    from metarl.watch import watch as watch_run

    chosen = {k: v for k, v in vars(options).items() if k not in ("run", "out")}
    with bad_input():
        path = watch_run(options.run, Film(**chosen), options.out)
    print(f"film: {path}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "tasks": tasks,
    "train": train,
    "evaluate": evaluate,
    "analyze": analyze,
    "animals": animals,
    "watch": watch,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0
    if words[0] == "--version":
        from metarl import __version__

        print(f"metarl {__version__}")
        return 0
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    # A task of the user's own stands in the folder where metarl is started.
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)
    try:
        if words[0] not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise MetaRLError(f"unknown command {words[0]!r}; choose from: {known}")
        return COMMANDS[words[0]](words[1:])
    except MetaRLError as error:
        print(f"metarl: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        hint = "; --resume goes on where it stopped" if words[0] == "train" else ""
        print(f"metarl: interrupted{hint}", file=sys.stderr)
        return INTERRUPTED


def overview() -> str:
    """What `metarl --help` prints."""
    lines = ["usage: metarl COMMAND ...", "", "Simulate learning to learn.", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<9} {(command.__doc__ or '').splitlines()[0]}")
    return "\n".join([*lines, "", "metarl COMMAND --help tells more."])
