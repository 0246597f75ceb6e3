"""Help of commands: options in order, what has an effect, no torch."""

import re
import subprocess
import sys

import pytest

from metarl.cli import main as commands
from metarl.cli.help import FIRST, Option, page
from metarl.cli.main import COMMANDS, main
from metarl.core.source_fields import source_fields
from metarl.envs.registry import NAMES, task_class
from metarl.experiments.spec import all_experiments, experiment


def printed(capsys, *words):
    """Text that a command prints; it may end by SystemExit."""
    code = 0
    try:
        code = main([*words])
    except SystemExit as ended:
        code = ended.code
    assert code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_its_help(command, capsys):
    text = printed(capsys, command, "--help")
    assert text.startswith(f"usage: metarl {command}")
    kind = getattr(getattr(commands, command), f"{command.capitalize()}Options", None)
    named = kind.__dataclass_fields__ if kind else ()
    own = set(named) - {"task", "run", "runs", "network", "learning", "training"}
    for name in own - {"shell", "tasks", "studies", "task"}:
        assert re.search(rf"--(no-)?{name.replace('_', '-')}\b", text) or (
            name.upper().replace("_", "-") in text
        )


def test_what_is_needed_first_stands_first(capsys):
    text = printed(capsys, "train", "two-step", "--help")
    places = [text.index(f"--{name}") for name in FIRST]
    assert places == sorted(places)
    assert "--preset {paper,paper-tf,fast,smoke}" in text
    assert re.search(r"--subjects INT .*\[8\]", text)
    assert "[runs/two-step]" in text


def test_help_is_asked_for_in_several_ways(capsys):
    text = printed(capsys, "analyze", "--help")
    assert printed(capsys, "help", "analyze") == text
    assert printed(capsys, "analyze", "runs/x", "-h") == text
    assert printed(capsys, "help") == printed(capsys)


def test_the_short_help_has_what_has_an_effect_and_help_all_the_rest(capsys):
    short = printed(capsys, "train", "two-step", "--help")
    everything = printed(capsys, "train", "two-step", "--help-all")
    for name in (
        *("network.leak", "network.store-size", "network.patch-size"),
        *("learning.noise", "learning.replay.mode", "learning.costs.pfc"),
    ):
        assert f"--{name}" not in short
        assert f"--{name}" in everything
    assert "--network.forget-bias" in short
    assert "metarl train two-step --help-all" in short
    assert len(short.splitlines()) < 160
    pixels = printed(capsys, "train", "harlow", "--help")
    assert "--network.patch-size" in pixels
    assert "--network.features" not in pixels
    large = printed(capsys, "train", "harlow", "--preset", "large", "--help")
    assert "--network.features" in large
    assert "--network.patch-size" not in large


@pytest.mark.parametrize("name", NAMES)
def test_parameters_from_the_source_are_those_of_the_class(name):
    kind = task_class(name).params_type
    fields = {field.name: field for field in experiment(name).parameters()}
    assert list(fields) == list(kind.__dataclass_fields__)
    assert all(field.text.endswith(".") for field in fields.values())


def test_defaults_are_those_of_the_preset(capsys):
    text = printed(capsys, "train", "harlow", "--help")
    assert re.search(r"--task.width INT +.*?\[20\]", text, re.DOTALL)
    text = printed(capsys, "train", "harlow", "--preset", "large", "--help")
    assert re.search(r"--task.width INT +.*?\[84\]", text, re.DOTALL)
    assert re.search(r"--task.no-equalized +.*?\[on\]", text, re.DOTALL)


def test_a_users_own_task_has_its_parameters_in_the_help(tmp_path, monkeypatch, capsys):
    (tmp_path / "toy_help_task.py").write_text(
        "from dataclasses import dataclass\n"
        "from metarl.envs.two_step import TwoStep, TwoStepParams\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class MineParams(TwoStepParams):\n"
        "    extra: float = 0.25\n"
        '    """Something\n    new."""\n'
        "class Mine(TwoStep):\n"
        "    params_type = MineParams\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = printed(capsys, "train", "toy_help_task:Mine", "--help")
    assert "--task.trial-count INT" in text
    assert re.search(r"--task.extra FLOAT +Something new\. \[0\.25\]", text)


@pytest.mark.parametrize(
    "words", [("train", "two-step", "--help"), ("train", "--help"), ("tasks",)]
)
def test_help_does_not_load_torch(words):
    code = (
        "import sys; from metarl.cli.main import main\n"
        f"assert main({[*words]!r}) == 0\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_docstrings_stand_below_their_fields_those_of_parents_first():
    fields = source_fields("metarl.cli.status", "StatusOptions")
    assert [field.name for field in fields] == ["run", "json", "stop"]
    assert fields[1].text == "Print JSON; times are in seconds since 1970."
    assert (fields[1].annotation, fields[1].default) == ("bool", "False")
    assert source_fields("metarl.cli.status", "Nothing") == ()


def test_names_are_not_broken_and_long_options_stand_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    options = [
        Option("--short INT", "Names: rule-eprop-random, core-lstm, and more.", "3"),
        Option("--a-very-long-option-that-fills-it TEXT", "Said below.", ""),
    ]
    text = page("x", "A summary.", {"Options": options, "Empty": []}, "A note.")
    lines = text.splitlines()
    assert any("rule-eprop-random" in line for line in lines)
    at = lines.index("  --a-very-long-option-that-fills-it TEXT")
    assert lines[at + 1].strip() == "Said below."
    assert "Empty" not in text
    assert lines[-1] == "A note."


def test_tasks_are_listed_as_json_and_one_by_one(capsys):
    import json

    rows = json.loads(printed(capsys, "tasks", "--json"))
    assert list(rows) == list(all_experiments())
    assert rows["reversal"]["tests"] == ["test"]
    one = printed(capsys, "tasks", "bandit")
    assert one.startswith("bandit")
    assert "two-step" not in one
    assert main(["tasks", "bandits"]) == 2
    assert "did you mean 'bandit'?" in capsys.readouterr().err


def test_completions_know_commands_tasks_and_options(capsys):
    script = printed(capsys, "completion", "bash")
    asked = (
        f"{script}\n"
        'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _metarl; '
        'echo "${COMPREPLY[@]}"; }\n'
        "try metarl an\ntry metarl train two\ntry metarl analyze --st\n"
    )
    said = subprocess.run(
        ["bash", "-c", asked], check=True, capture_output=True, text=True
    ).stdout
    assert said.splitlines() == ["analyze animals", "two-step", "--style"]
    fish = printed(capsys, "completion", "fish")
    assert 'from analyze" -l style' in fish
    assert printed(capsys, "completion", "zsh").endswith(script)


def test_the_preset_of_the_help_may_follow_an_equals_sign(capsys):
    text = printed(capsys, "train", "harlow", "--preset=large", "--help")
    assert re.search(r"--task.width INT +.*?\[84\]", text, re.DOTALL)


@pytest.mark.parametrize("words", [["-q"], ["-v", "help"], ["--quiet", "--help"]])
def test_words_for_messages_need_no_command(words, capsys):
    assert "usage: metarl COMMAND" in printed(capsys, *words)


def test_more_messages_are_those_of_metarl_alone():
    code = (
        "import logging; from metarl.cli.main import main\n"
        "main(['-v', 'tasks'])\n"
        "assert logging.getLogger('metarl.core').isEnabledFor(logging.DEBUG)\n"
        "assert not logging.getLogger('matplotlib').isEnabledFor(logging.DEBUG)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
