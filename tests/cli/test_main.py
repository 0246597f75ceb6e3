"""The command line: what it prints, how it ends, and what it leaves behind."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from short import short
from toys import wait_for

from metarl import __version__
from metarl.analysis.effects import COLUMNS
from metarl.cli.evaluate import EvaluateOptions, chosen_tests
from metarl.cli.main import COMMANDS, main
from metarl.cli.watch import WatchOptions
from metarl.core.files import read_json, write_json
from metarl.core.interventions import parse
from metarl.envs.registry import NAMES, gymnasium_id
from metarl.experiments.spec import all_experiments, experiment
from metarl.pipeline import population
from metarl.reports.video import VideoConfig
from metarl.reports.video import watch as make_video
from metarl.runs.checkpoint import save_state
from metarl.runs.folder import SubjectFolder, load_run

LOTTERY = (
    "--preset smoke --network.units 5 --training.num-envs 3 --training.unroll-steps 14"
)
TINY = f"{LOTTERY} --task.trial-count 6"
UPDATES = 240


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def metarl(capsys, monkeypatch):
    """Runs a command in this process, which afterwards is as it was.

    A place such as {run} in the line stands for one word, whatever characters it has.
    """

    def run(line, **places):
        words = [word.format_map(places) for word in shlex.split(line)]
        capsys.readouterr()
        monkeypatch.setattr(sys, "path", sys.path.copy())
        handler = signal.getsignal(signal.SIGTERM)
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code
        finally:
            signal.signal(signal.SIGTERM, handler)
        return Ended(code, *capsys.readouterr())

    return run


def start(line, **places):
    """Start a command in a process of its own, the leader of its group.

    A closed terminal ends it, although the tests may run where that is ignored.
    """
    words = [word.format_map(places) for word in shlex.split(line)]
    ours = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "metarl", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGHUP, ours)


def assert_refused(ended, *words):
    """One sentence on stderr, exit code 2."""
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert line.startswith("metarl: ")
    for word in words:
        assert word in line
    assert ended.out == ""


def contents(run):
    """The bytes of what training leaves, but for logs of time."""
    files = {}
    for folder in run.subjects:
        for path in [*folder.path.glob("snapshots/*"), folder.policy_path]:
            files[path.relative_to(run.path)] = path.read_bytes()
        files[folder.path.name] = folder.metrics_path.read_bytes()
    return files


# What it says of itself


@pytest.mark.parametrize("line", ["", "--help", "-h"])
def test_help_names_every_command(line, metarl):
    ended = metarl(line)
    assert ended.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", ended.out, re.MULTILINE)


def test_the_version_is_printed(metarl):
    assert metarl("--version") == (0, f"metarl {__version__}\n", "")


def test_the_tasks_are_listed_with_their_sources(metarl):
    ended = metarl("tasks")
    assert ended.code == 0
    for name, each in all_experiments().items():
        assert name in ended.out
        assert gymnasium_id(name) in ended.out
        assert each.source in ended.out


def test_the_tasks_are_listed_with_their_tests_and_variants(metarl):
    words = [part.split() for part in metarl("tasks").out.split("\n\n")]
    listed = {part[0]: " ".join(part) for part in words if part}
    assert list(listed) == list(NAMES)
    for name, text in listed.items():
        asked = experiment(name)
        assert f"tests: {', '.join(asked.tests)}" in text
        for variant, stated in asked.variants.items():
            assert f"variant {variant}: {stated.why}" in text
    assert "variant" not in listed["daw-two-step"]
    assert "tests: test, generator" in listed["volatility"]


@pytest.mark.parametrize("command", ["evaluate", "analyze", "animals", "watch"])
def test_each_command_has_help(command, metarl):
    ended = metarl(f"{command} --help")
    assert ended.code == 0
    assert f"metarl {command}" in ended.out


def test_the_help_of_a_task_shows_its_parameters_and_defaults(metarl):
    ended = metarl("train two-step --help")
    assert ended.code == 0
    assert "--task.probability-common" in ended.out
    assert "--learning.discount.start" in ended.out


# What it refuses


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dance", "unknown command 'dance'; choose from: tasks, train, evolve"),
        ("train", "the first word must be a task: metarl train TASK"),
        ("train --seed 3 two-step", "the first word must be a task: metarl train TASK"),
        ("train three-step", "unknown task 'three-step'; did you mean 'two-step'?"),
        ("train two_step", "unknown task 'two_step'; did you mean 'two-step'?"),
        ("train HarlowLine", "did you mean 'harlow-line'? Choose from: two-step"),
        ("train metarl/TwoStep-v0", "did you mean 'two-step'?"),
        ("train tic-tac-toe", "unknown task 'tic-tac-toe'; choose from: two-step"),
        ("trian two-step", "unknown command 'trian'; did you mean 'train'?"),
        ("train os:path", "'os:path' is no task"),
        ("train nowhere:Task", "'nowhere:Task' cannot be imported"),
        ("train two-step --preset slow", "must be one of fast, paper, paper-tf, smoke"),
        ("train two-step --seed -1", "seed must be at least 0, got -1"),
        ("train two-step --subjects 0", "subjects must be at least 1, got 0"),
        ("evaluate nowhere", "nowhere is not a run: it has no config.json"),
        ("analyze nowhere", "nowhere is not a run: it has no config.json"),
        ("watch nowhere", "nowhere is not a run: it has no config.json"),
        ("animals three-step --data x.csv", "unknown task 'three-step'"),
        ("animals two-step --data x.csv", "x.csv"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(
    line, says, metarl, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert_refused(metarl(line), says)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--task.probability-common", "1.5", "probability_common must be in"),
        ("--task.trial-count", "0", "trial_count must be at least 1, got 0"),
        ("--training.num-envs", "0", "num_envs must be at least 1, got 0"),
        ("--learning.discount.end", "1.0", "discount.end must be in"),
        ("--learning.gradient-clip", "inf", "gradient_clip must be a finite number"),
        ("--network.core", "lsmt", "lsmt"),
        ("--subjects", "many", "many"),
        (
            "--training.interventions",
            "'units set 0'",
            "an intervention in training must",
        ),
        (
            "--training.interventions",
            "teaching",
            "an intervention must be TARGET OPERA",
        ),
        ("--network.feedback", "rpe", "critic must be separate where feedback is rpe"),
        ("--task.arms", "3", "--task.arms"),
    ],
)
def test_a_wrong_setting_is_named_and_leaves_nothing(
    option, value, says, metarl, tmp_path
):
    ended = metarl(
        f"train two-step {TINY} --out {{out}} {option} {value}", out=tmp_path / "x"
    )
    assert ended.code == 2
    shown = " ".join(re.sub(r"[│╭╮╰╯─]", " ", ended.err).split())
    assert says in shown
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["taken", "taken/deeper"])
def test_a_run_cannot_stand_where_a_file_is(place, metarl, tmp_path):
    (tmp_path / "taken").write_text("a file")
    ended = metarl(f"train two-step {TINY} --out {{out}}", out=tmp_path / place)
    assert_refused(ended, "could not be written", "choose another folder")
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("place", ["taken", "taken/deeper"])
@pytest.mark.parametrize(
    "line",
    [
        "animals two-step --data taken",
        "animals two-step --data taken --guess",
        "bench optimizers",
        "compare taken taken",
        "evolve",
        "neighbours",
        "reproduce two-step",
        "sweep two-step --over learning.discount=.4,.8",
        "train two-step",
    ],
)
def test_results_cannot_stand_where_a_file_is(
    line, place, metarl, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    says = f"{place} could not be written: 'taken' is a file, not a folder"
    assert_refused(metarl(f"{line} --out {place}"), says, "choose another folder")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_finished_run_is_not_overwritten(finished, metarl):
    before = (finished.path / "config.json").read_bytes()
    line = f"train two-step {TINY} --out {{run}}"
    ended = metarl(line, run=finished.path)
    assert_refused(ended, "already has a run; resume it with --resume, or")
    ended = metarl(f"{line} --resume", run=finished.path)
    assert_refused(ended, "was started with another configuration")
    assert (finished.path / "config.json").read_bytes() == before


@pytest.mark.parametrize("number", ["21", "-1", "last"])
def test_a_snapshot_that_cannot_be_is_refused(number, finished, metarl):
    ended = metarl(f"evaluate {{run}} --snapshot {number}", run=finished.path)
    assert ended.code == 2
    assert "snapshot" in ended.err


def test_a_run_of_another_version_is_refused(finished, metarl, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    plain = read_json(path)
    plain["network"]["neurons"] = plain["network"].pop("units")
    write_json(path, plain, seal=True)
    for command in ("evaluate", "analyze"):
        ended = metarl(f"{command} {{run}}", run=tmp_path / "run")
        assert_refused(ended, "does not fit", "NetworkConfig has no field neurons")


def test_a_run_not_yet_evaluated_is_refused(finished, metarl, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluation")
    ended = metarl("analyze {run}", run=tmp_path / "run")
    assert_refused(ended, "has no evaluation; run `metarl evaluate` first")
    assert not (tmp_path / "run" / "analysis").exists()


# The way from task to figure


@pytest.mark.parametrize("task", NAMES)
def test_train_evaluate_analyze(task, metarl, tmp_path):
    run = tmp_path / "run"
    few = [f"--task.{k.replace('_', '-')} {v}" for k, v in short(task, 6).items()]
    line = f"train {task} {LOTTERY} {' '.join(few)} --subjects 1 --training.updates 20"
    ended = metarl(f"{line} --out {{run}}", run=run)
    assert ended == (0, f"trained 1 subjects: {run}\n", "")
    ended = metarl("evaluate {run} --episodes 6 --workers 1", run=run)
    assert (ended.code, ended.err) == (0, "")
    facts = load_run(run).evaluation(0).metadata
    assert facts["episodes"] == 6
    digest = facts["weights_before"][:16]
    tests = list(experiment(task).tests)
    first, second, third = ended.out.splitlines()
    assert first.startswith(f"subject 0: weights {digest} before, {digest} after; ")
    assert second == f"tests: {', '.join(tests)}"
    assert third == f"tables: {run / 'evaluation'}"
    assert sorted(["test", *load_run(run).further_tests()]) == sorted(tests)
    ended = metarl("analyze {run}", run=run)
    assert (ended.code, ended.err) == (0, "")
    analysis = run / "analysis"
    for name, file in (("figure", "figure.png"), ("effects", "effects.json")):
        assert f"{name}: {analysis / file}" in ended.out.splitlines()
    assert (analysis / "figure.png").stat().st_size > 20_000
    rows = json.loads((analysis / "effects.json").read_text())
    assert all(tuple(row) == COLUMNS for row in rows)


def test_require_pass_ends_with_one_on_a_run_that_learned_nothing(
    unlearned, metarl, tmp_path
):
    shutil.copytree(unlearned.path, tmp_path / "run")
    ended = metarl("analyze {run} --require-pass", run=tmp_path / "run")
    assert ended.code == 1
    assert (tmp_path / "run" / "analysis" / "figure.png").exists()


def test_a_snapshot_is_evaluated_as_well_as_the_policy(finished, metarl, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    before = run.evaluation(0).metadata
    line = "evaluate {run} --snapshot 0 --episodes 4 --workers 1"
    ended = metarl(line, run=run.path)
    assert ended.code == 0
    facts = run.evaluation(0, 0).metadata
    assert facts["progress"] == 0
    assert facts["weights_before"] != before["weights_before"]
    assert facts["discount"] == run.config.learning.discount.start
    assert load_run(run.path).evaluation(0).metadata == before
    assert str(run.path / "evaluation-00") in ended.out


def test_all_snapshots_are_evaluated(metarl, tmp_path):
    out = tmp_path / "run"
    line = f"train toys:Lottery {LOTTERY} --subjects 1 --training.updates 20"
    assert metarl(f"{line} --out {{out}}", out=out).code == 0
    line = "evaluate {run} --snapshot all --episodes 2 --workers 1"
    assert metarl(line, run=out).code == 0
    folders = [load_run(out).evaluation(0, number) for number in range(21)]
    assert [folder.metadata["progress"] for folder in folders] == [
        k / 20 for k in range(21)
    ]
    assert len({folder.metadata["weights_before"] for folder in folders}) == 21


def test_how_to_test_is_chosen_on_the_command_line(finished, metarl, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    line = (
        "evaluate {run} --episodes 3 --record-episodes 1 --reset-memory never "
        "--greedy --workers 1"
    )
    assert metarl(line, run=tmp_path / "run").code == 0
    facts = load_run(tmp_path / "run").evaluation(1).metadata
    chosen = {"episodes": 3, "record_episodes": 1, "reset_memory": "never"}
    assert chosen.items() <= facts.items()
    assert facts["greedy"] is True


def test_the_help_of_a_tasks_animals_lists_the_columns_of_their_table(capsys):
    for words in ("animals reversal --help", "animals --help"):
        with pytest.raises(SystemExit):
            main(words.split())
    of_task, plain = capsys.readouterr().out.split("usage: ")[1:]
    assert (
        "- better (needed, or probability_left and probability_right): option with the"
        in of_task
    )
    assert "- valid (1 if left out): " in of_task
    assert "better" not in plain


def test_animals_trials_are_analysed_and_a_wrong_table_is_refused(
    finished, metarl, tmp_path
):
    own, less, out = (tmp_path / name for name in ("own.csv", "less.csv", "out"))
    finished.trials.to_csv(own, index=False)
    finished.trials.drop(columns="reward").to_csv(less, index=False)
    line = "animals two-step --data {data} --out {out}"
    ended = metarl(line, data=own, out=out)
    assert ended.code == 0
    assert f"figure: {out / 'figure.png'}" in ended.out
    assert (out / "figure.png").exists()
    ended = metarl(line, data=less, out=tmp_path / "none")
    assert_refused(ended, "reward")
    assert not (tmp_path / "none").exists()


def test_a_video_of_a_network_is_made(finished, metarl, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    ended = metarl("watch {run}", run=tmp_path / "run")
    video = tmp_path / "run" / "videos" / "test-subject-00.gif"
    assert ended == (0, f"video: {video}\n", "")
    assert video.read_bytes()[:6] == b"GIF89a"
    chosen = (
        "--subject 1 --episodes 2 --seed 4 --test test --snapshot 3 --fps 9 "
        "--greedy --out {out}"
    )
    out = tmp_path / "own.gif"
    ended = metarl(f"watch {{run}} {chosen}", run=tmp_path / "run", out=out)
    assert ended == (0, f"video: {out}\n", "")
    config = VideoConfig(subject=1, episodes=2, seed=4, snapshot=3, fps=9, greedy=True)
    same = make_video(finished, config, tmp_path / "same.gif")
    assert out.read_bytes() == same.read_bytes()


def test_the_defaults_of_a_video_are_those_of_the_library():
    options = vars(WatchOptions(run=Path()))
    own = ("run", "out", "trust_task")
    assert {k: v for k, v in options.items() if k not in own} == vars(VideoConfig())
    assert options["out"] is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--subject 2", "subject must be in [0, 1], got 2"),
        ("--subject one", "one"),
        ("--episodes 0", "episodes must be at least 1, got 0"),
        ("--seed -1", "seed must be at least 0, got -1"),
        ("--test dark", "test must be one of test, reversed; got 'dark'"),
        ("--snapshot 21", "has no snapshot 21; it has 0, 1, 2"),
        ("--fps 0", "fps must be in [0.1, 50], got 0"),
        ("--out video.mp4", "out must be a name that ends in .gif, got 'video.mp4'"),
    ],
)
def test_an_impossible_video_is_refused_and_leaves_nothing(
    options, says, finished, metarl, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ended = metarl(f"watch {{run}} {options}", run=finished.path)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())
    assert not (finished.path / "videos").exists()


# The experiment's tests and variants, and a user's own tests


@pytest.fixture(scope="module")
def volatile(tmp_path_factory):
    """A run with its variant, trained; not to be changed."""
    out = tmp_path_factory.mktemp("volatile") / "run"
    few = "--task.trial-count 6 --subjects 1 --training.updates 2 --workers 1"
    line = f"train volatility {LOTTERY} {few} --variants"
    handler, path = signal.getsignal(signal.SIGTERM), sys.path.copy()
    assert main([*shlex.split(line), "--out", str(out)]) == 0
    signal.signal(signal.SIGTERM, handler)
    sys.path[:] = path
    return load_run(out)


@pytest.fixture
def run(volatile, tmp_path):
    """A copy of it."""
    shutil.copytree(volatile.path, tmp_path / "run")
    return load_run(tmp_path / "run")


FEW = "--episodes 3 --workers 1"


def test_variants_are_trained_when_asked_for(volatile):
    assert list(volatile.variants) == ["constant", "rpe-input"]
    variant = volatile.variant("constant")
    assert variant.config.task_params.schedule == "constant"
    assert variant.subject(0).finished


def test_chosen_tests_alone_are_taken(run, metarl):
    ended = metarl(f"evaluate {{run}} --test generator {FEW}", run=run.path)
    assert (ended.code, ended.err) == (0, "")
    _, tests, tables = ended.out.splitlines()
    assert tests == "tests: generator"
    assert tables == f"tables: {run.path / 'evaluation' / 'tests' / 'generator'}"
    assert run.further_tests() == ["generator"]
    assert run.evaluated == {}
    facts = run.evaluation(0, test="generator").metadata
    assert (facts["episodes"], facts["settings"]) == (3, [])
    ended = metarl(f"evaluate {{run}} --test generator test {FEW}", run=run.path)
    assert ended.out.splitlines()[1] == "tests: generator, test"
    assert load_run(run.path).evaluated[0].metadata["settings"] == ["schedule=blocks"]


def test_a_test_of_ones_own_is_the_main_one_with_something_changed(run, metarl):
    line = (
        f"evaluate {{run}} --interventions {{sentence}} --settings trial_count=4 {FEW}"
    )
    sentence = "units set 0 of 1-2 when trial > 1"
    ended = metarl(line, run=run.path, sentence=sentence)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[1] == "tests: custom"
    folder = run.evaluation(0, test="custom")
    assert folder.metadata["settings"] == ["schedule=blocks", "trial_count=4"]
    assert folder.metadata["interventions"] == [sentence]
    assert len(folder.trials) == 3 * 4
    recording = folder.recording
    silent = (recording["trial"] > 1) & (recording["action"] >= 0)
    assert not recording["units"][silent][:, 1:3].any()
    assert recording["units"][~silent][:2, 1:3].all()


def test_a_test_of_ones_own_has_the_name_it_is_given(run, metarl):
    line = f"evaluate {{run}} --test short --settings trial_count=2 {FEW}"
    assert metarl(line, run=run.path).code == 0
    assert run.further_tests() == ["short"]


def test_what_is_changed_is_added_to_the_experiments_own_test():
    options = EvaluateOptions(
        run=Path(),
        test=("block-safe", "mine"),
        settings=("free_trials=3",),
        interventions=(noise := parse("units noise 0.1"),),
    )
    tests = chosen_tests("risky-choice", options)
    there = experiment("risky-choice").tests
    blocked = there["block-safe"].interventions
    assert tests["block-safe"].interventions == (*blocked, noise)
    assert tests["block-safe"].task == {"free_trials": 3}
    assert tests["mine"].interventions == (noise,)
    assert tests["mine"].episodes == there["test"].episodes


def test_without_options_every_test_is_as_the_experiment_has_it():
    for task in NAMES:
        tests = chosen_tests(task, EvaluateOptions(run=Path()))
        assert tests == dict(experiment(task).tests)
    options = EvaluateOptions(
        run=Path(), episodes=7, record_episodes=2, reset_memory="never", greedy=True
    )
    # With carried-over memory an untrained network cannot have the same inputs.
    for test in chosen_tests("volatility", options).values():
        assert (test.episodes, test.record_episodes) == (7, 2)
        assert (test.reset_memory, test.greedy) == ("never", True)
        assert not test.record_untrained


def test_a_snapshot_takes_a_test_of_ones_own(run, metarl):
    line = f"evaluate {{run}} --snapshot 0 --settings trial_count=2 {FEW}"
    ended = metarl(line, run=run.path)
    assert (ended.code, ended.err) == (0, "")
    assert run.evaluation(0, 0, "custom").metadata["progress"] == 0
    assert run.further_tests() == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--test quiet", "test must be one of test, generator; got 'quiet'"),
        (
            "--test ../up --settings trial_count=2",
            "test must be a plain name",
        ),
        ("--test .. --settings trial_count=2", "test must be a plain name"),
        ("--settings trials=3", "a task's parameter must be one of trial_count"),
        ("--settings trial_count=0", "trial_count must be at least 1, got 0"),
        ("--settings trial_count=few", "trial_count must be a whole number, got 'few'"),
        ("--settings schedule=weekly", "schedule must be one of training, constant"),
        ("--interventions 'units sit 0'", "the operation on units must be one of set,"),
        ("--interventions 'units set'", "the amount must be a finite number, got None"),
        ("--interventions 'units set 0 of 5'", "units must be below 5, the network's"),
        ("--interventions 'teaching set 0'", "teaching must not be changed in a test"),
        ("--interventions 'rpe set 0'", "rpe must be the network's feedback"),
        ("--interventions 'units set 0 when hunger > 0'", "got 'hunger'; choose"),
        ("--interventions 'units set 0 when hunger >'", "a condition must be an expr"),
        (
            "--interventions 'units set 0 when order == \\'left\\''",
            "must be one of low-",
        ),
        ("--episodes 0", "episodes must be at least 1, got 0"),
    ],
)
def test_a_test_that_cannot_be_taken_is_refused_and_nothing_is_given_up(
    options, says, run, metarl
):
    run.evaluation(0).metadata_path.parent.mkdir(parents=True)
    run.evaluation(0).metadata_path.write_text("{}")
    before = sorted(run.path.rglob("*"))
    options = options.replace("\\'", '"')
    assert_refused(metarl(f"evaluate {{run}} {options}", run=run.path), says)
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rpe set 0", "rpe must be the network's feedback to be changed"),
        ("teaching set 0 when hunger > 0", "got 'hunger'; choose from: event"),
    ],
)
def test_training_with_an_impossible_intervention_is_refused(
    text, says, metarl, tmp_path
):
    line = f"train two-step {TINY} --training.interventions {{text}} --out {{run}}"
    ended = metarl(line, text=text, run=tmp_path / "run")
    assert_refused(ended, says)
    assert not list(tmp_path.iterdir())


def test_an_intervention_in_training_is_given_on_the_command_line(metarl, tmp_path):
    line = f"train two-step {TINY} --subjects 1 --training.updates 1 --out {{run}}"
    text = "teaching scale 0.5 when paid > 0"
    ended = metarl(f"{line} --training.interventions {{text}}", text=text, run=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert load_run(tmp_path).config.training.interventions == (parse(text),)


# What goes wrong on the way


def test_a_users_own_task_is_found_in_the_folder_where_metarl_is_started(tmp_path):
    source = (
        "from metarl.envs.two_step import TwoStep\nclass Mine(TwoStep):\n    pass\n"
    )
    (tmp_path / "mine.py").write_text(source)
    line = f"train mine:Mine {TINY} --subjects 1 --training.updates 1 --out run -q"
    done = subprocess.run(
        [Path(sys.executable).with_name("metarl"), *shlex.split(line)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert load_run(tmp_path / "run").path.joinpath("subject-00").exists()


def test_a_crashing_subject_is_named_and_the_exit_code_is_three(metarl, tmp_path):
    ended = metarl(
        f"train toys:Lottery {LOTTERY} --subjects 1 --training.updates 2 "
        "--task.fault nan --task.fault-below 1.0 --out {run}",
        run=tmp_path / "run",
    )
    assert ended.code == 3
    (line,) = ended.err.splitlines()
    assert line.startswith(
        "metarl: subject 0 failed: the task's reward must be a finite"
    )
    assert not list(tmp_path.rglob(".*"))
    assert not load_run(tmp_path / "run").subjects[0].finished


@pytest.mark.parametrize("limit", [1000, 3000, 20_000])
def test_a_full_disk_gets_one_sentence_and_leaves_no_half_file(limit, metarl, tmp_path):
    """A limit on the size of files is met by the same calls as a full disk."""
    train = f"train two-step {TINY} --subjects 1 --training.updates 20 --out {{run}}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        ended = metarl(train, run=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ended.code in (2, 3)
    (line,) = ended.err.splitlines()
    assert "could not be written (File too large); make room or choose another" in line
    assert not list(tmp_path.rglob(".*"))
    assert not (tmp_path / "subject-00" / "policy.safetensors").exists()
    # With room again, the run goes on from what is there.
    assert metarl(f"{train} --resume", run=tmp_path).code == 0
    assert load_run(tmp_path).subjects[0].finished


def test_a_damaged_policy_is_named_and_the_others_are_evaluated(
    finished, metarl, tmp_path
):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    shutil.rmtree(run.path / "evaluation")
    path = run.subjects[0].policy_path
    path.write_bytes(path.read_bytes()[:-9])
    ended = metarl("evaluate {run} --episodes 2 --workers 1", run=run.path)
    assert ended.code == 3
    (line,) = ended.err.splitlines()
    assert f"metarl: subject 0 failed: {path} is not a readable metarl network" in line
    assert ended.out.startswith("subject 1: weights")
    assert list(load_run(run.path).evaluated) == [1]


def test_a_damaged_state_is_reported_with_a_way_out(metarl, tmp_path):
    train = f"train two-step {TINY} --subjects 1 --training.updates 2 --out {{run}}"
    assert metarl(train, run=tmp_path).code == 0
    subject = SubjectFolder(tmp_path / "subject-00")
    whole = subject.policy_path.read_bytes()
    subject.policy_path.unlink()
    subject.state_path.write_bytes(b"not a state")
    ended = metarl(f"{train} --resume", run=tmp_path)
    assert ended.code == 3
    (line,) = ended.err.splitlines()
    assert f"{subject.state_path} is damaged" in line
    assert "delete its folder to train this subject again" in line
    save_state(subject.state_path, {"another": "program's"})
    ended = metarl(f"{train} --resume", run=tmp_path)
    assert ended.code == 3
    assert "is not from this subject of this run: its task is missing" in ended.err
    shutil.rmtree(subject.path)
    assert metarl(f"{train} --resume", run=tmp_path).code == 0
    assert subject.policy_path.read_bytes() == whole


# Stopped on the way


TRAIN = f"train two-step {TINY} --training.updates {UPDATES} --subjects 2 --out {{run}}"
"""Long enough to be stopped on the way."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """That training, never stopped."""
    out = tmp_path_factory.mktemp("whole")
    options = shlex.split(TRAIN.format(run=shlex.quote(str(out))))
    handler, path = signal.getsignal(signal.SIGTERM), sys.path.copy()
    assert main([*options, "--workers", "1"]) == 0
    signal.signal(signal.SIGTERM, handler)
    sys.path[:] = path
    return load_run(out)


def test_killed_and_resumed_equals_never_stopped(whole, metarl, tmp_path):
    process = start(f"{TRAIN} --workers 1", run=tmp_path)
    state = tmp_path / "subject-00" / "state.pt"
    wait_for(lambda: state.exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert state.exists()
    assert not load_run(tmp_path).subjects[0].finished
    assert metarl(f"{TRAIN} --workers 1 --resume", run=tmp_path).code == 0
    assert contents(load_run(tmp_path)) == contents(whole)


@pytest.mark.parametrize(
    ("number", "send"), [(signal.SIGINT, os.kill), (signal.SIGHUP, os.killpg)]
)
def test_interrupted_saves_says_so_and_resumes_to_the_same_bytes(
    number, send, whole, metarl, tmp_path
):
    """A closed terminal sends its signal to all processes of the command."""
    process = start(f"{TRAIN} --workers 2 --quiet", run=tmp_path)
    states = [tmp_path / f"subject-0{k}" / "state.pt" for k in (0, 1)]
    wait_for(lambda: all(s.exists() for s in states) or process.poll() is not None)
    send(process.pid, number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "metarl: interrupted; resume with --resume\n"
    assert out == ""
    assert not list(tmp_path.rglob(".*"))
    assert not all(subject.finished for subject in load_run(tmp_path).subjects)
    assert metarl(f"{TRAIN} --workers 1 --resume", run=tmp_path).code == 0
    assert contents(load_run(tmp_path)) == contents(whole)


def test_an_interrupted_evaluation_ends_with_130(
    finished, metarl, tmp_path, monkeypatch
):
    shutil.copytree(finished.path, tmp_path / "run")
    evaluate = population.evaluate_network

    def interrupted(*arguments, **more):
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*arguments, **more)

    monkeypatch.setattr(population, "evaluate_network", interrupted)
    ended = metarl("evaluate {run} --episodes 1 --workers 1", run=tmp_path / "run")
    assert ended == (130, "", "metarl: interrupted\n")


def test_an_analysis_has_a_figure_for_a_journal_and_is_printed_as_json(
    finished, metarl, tmp_path
):
    shutil.copytree(finished.path, tmp_path / "run")
    line = "analyze {run} --json --style paper --width 89mm --panel b,a --format svg"
    ended = metarl(line, run=tmp_path / "run")
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert {row["key"] for row in printed["effects"]} >= {"stay.rewarded_common.mean"}
    stem = "figure_paper_89mm_ba"
    assert printed["files"][f"{stem} (svg)"].endswith(f"{stem}.svg")
    words = (tmp_path / "run" / "analysis" / f"{stem}.txt").read_text()
    assert "a, Staying, as a regression. b, Staying after each outcome." in words


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--panel z", "panel must be a letter of one, got 'z': a Staying after each"),
        ("--width wide", "width must be a number, as 89mm, 8.9cm or 3.5in, got 'wide'"),
        ("--width 9mm", "width (in mm) must be in [40.0, 1000.0], got 9.0"),
        ("--format gif", "format must be one of png, pdf, svg; got 'gif'"),
    ],
)
def test_a_wrong_format_is_refused_before_anything_is_written(
    options, says, finished, metarl, tmp_path
):
    shutil.copytree(finished.path, tmp_path / "run")
    ended = metarl(f"analyze {{run}} {options}", run=tmp_path / "run")
    assert ended.code == 2
    assert says in ended.err
    assert not (tmp_path / "run" / "analysis").exists()
