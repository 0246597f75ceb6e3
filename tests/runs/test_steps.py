"""Recorded steps as a table, and activity at an event, against the recording."""

import numpy as np
import pytest

import metarl
from metarl.core.checks import MetaRLError
from metarl.experiments.spec import experiment


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = metarl.preset("two-step", "smoke", subjects=2)
    path = tmp_path_factory.mktemp("runs") / "run"
    metarl.train(config, path, workers=1)
    run = metarl.load_run(path)
    from dataclasses import replace

    test = replace(experiment("two-step").test, episodes=3, record_episodes=2)
    metarl.evaluate(run, {"test": test}, workers=1)
    return run


def test_steps_have_names_and_the_columns_of_their_trials(run):
    steps = run.steps
    recording = run.recording[1]
    own = steps[steps["subject"] == 1]
    assert len(own) == len(recording["step"])
    assert set(own["event"]) == {*map(str, recording["event_names"])}
    acted = recording["action"] >= 0
    assert set(own["action"][~acted]) == {"none"}
    chosen = own.loc[acted, "action"].map(lambda name: f"p_{name}")
    for row, name in list(chosen.items())[:20]:
        at = row - own.index[0]
        probability = recording["policy"][at, recording["action"][at]]
        assert own.loc[row, name] == probability
    np.testing.assert_array_equal(own["rpe"], recording["rpe"])
    trial = run.trials.query("subject == 1 and episode == 0 and trial == 2").iloc[0]
    joined = own.query("episode == 0 and trial == 2")
    assert set(joined["transition"]) == {trial["transition"]}
    assert set(joined["trial_reward"]) == {trial["reward"]}


def test_activity_is_that_of_the_event_with_its_trials(run):
    units, trials = run.activity(1, "fixation")
    recording = run.recording[1]
    place = list(map(str, recording["event_names"])).index("fixation")
    at = (recording["event"] == place) & (recording["action"] >= 0)
    assert units.shape == (len(trials), recording["units"].shape[1])
    pairs = np.stack([recording["episode"][at], recording["trial"][at]])
    assert len(trials) == np.unique(pairs, axis=1).shape[1]
    row = trials.index[7]
    own = at & (recording["episode"] == trials.loc[row, "episode"])
    own &= recording["trial"] == trials.loc[row, "trial"]
    np.testing.assert_array_equal(units[7], recording["units"][own][0])
    assert set(trials["subject"]) == {1}


def test_a_missing_event_subject_or_recording_is_said(run):
    with pytest.raises(ValueError, match="event must be one of fixation"):
        run.activity(0, "feedback")
    with pytest.raises(ValueError, match="subject must be one of 0, 1; got 5"):
        run.activity(5)


def test_without_recorded_steps_there_is_no_table(run, tmp_path):
    import shutil
    from dataclasses import replace

    shutil.copytree(run.path, tmp_path / "run")
    other = metarl.load_run(tmp_path / "run")
    test = replace(experiment("two-step").test, episodes=3, record_episodes=0)
    metarl.evaluate(other, {"test": test}, workers=1)
    with pytest.raises(MetaRLError, match="--record-episodes"):
        _ = metarl.load_run(tmp_path / "run").steps


def test_a_notebook_shows_a_run_as_a_table(run):
    text = run._repr_html_()
    assert "<th>task</th><td>two-step</td>" in text
    assert "2, 2 of them tested" in text


def test_presets_are_changed_by_the_names_of_the_command_line():
    config = metarl.preset(
        "two-step",
        **{"learning.rule": "eprop", "task.trial_count": 7, "subjects": 24, "seed": 3},
    )
    assert (config.learning.rule, config.task_params.trial_count) == ("eprop", 7)
    assert (config.subjects, config.seed, config.preset) == (24, 3, "fast")
    with pytest.raises(ValueError, match=r"did you mean 'learning.rule'"):
        metarl.preset("two-step", **{"learning.rul": "eprop"})


def test_figure_and_effects_are_those_of_the_analysis(run):
    form = metarl.FigureFormat(style="paper", panels=("b", "a"))
    drawn = metarl.figure(run, form)
    titles = [ax.get_title(loc="left") for ax in drawn.axes if ax.axison]
    assert titles[0].startswith("a  ")
    assert len(titles) == 2
    effects = metarl.effects(run)
    assert {"key", "value", "low", "high", "verdict"} <= set(effects)
    assert not (run.path / "analysis").exists()
