"""The study of episodic memory: from trials to scored effects and drawn numbers."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from metarl.agents.networks.cores import EpisodicLSTM
from metarl.analysis.effects import effect_table
from metarl.core.parallel import Reporter
from metarl.studies.episodic_memory import study as memory
from metarl.studies.shared_bandit import frozen_trials, train_in_memory, with_updates
from metarl.studies.spec import Results

LINES = ("regret_new", "regret_recurring", "first_by_occurrence", "first_by_gap")


def planted(first_regret, last_accuracy_new=0.95):
    """Results of a test, given the regret on a known context's first trial."""
    accuracy = 1 - first_regret / 0.8
    return {
        "first_regret_new": 0.4,
        "first_regret": first_regret,
        "first_accuracy": accuracy,
        "last_accuracy_new": last_accuracy_new,
        "regret_new": [0.4, 0.2, 0.1, 0.05, 0.04],
        "regret_recurring": [first_regret, 0.15, 0.1, 0.05, 0.04],
        "first_by_occurrence": [0.5, accuracy, accuracy],
        "first_by_gap": [accuracy] * 6,
    }


def results_of(*, lstm=0.4, carried=0.3, episodic=0.05, silenced=0.39, last=0.95):
    """Three seeds of each condition, with small differences."""
    offsets = (-0.01, 0, 0.01)
    return Results(
        seeds={
            "lstm": [planted(lstm + x) for x in offsets],
            "lstm-carry-over": [planted(carried + x) for x in offsets],
            "episodic": [
                {**planted(episodic + x, last), "silenced": planted(silenced + x)}
                for x in offsets
            ],
        },
        seconds={name: [12.0, 13.0, 14.0] for name in memory.NETWORKS},
    )


def verdicts(**regrets):
    effects = memory.effects(results_of(**regrets))
    table = effect_table("episodic-memory", [(effect, None) for effect in effects])
    return dict(zip(table["effect"], table["verdict"], strict=True)), table


FIRST, CARRIED, GAIN = (
    "first-trial regret on a recurring context, episodic LSTM, relative to the reset "
    "LSTM, rewards",
    "first-trial regret on a recurring context, episodic LSTM, relative to the LSTM "
    "that is not reset, rewards",
    "share of the store's gain that is lost when its gate is silenced",
)
LAST = "correct on a new problem's last trial, episodic"


def test_a_store_that_helps_through_its_gate_passes():
    verdict_of, table = verdicts()
    assert [verdict_of[name] for name in (FIRST, CARRIED, GAIN, LAST)] == ["PASS"] * 4
    rows = table.set_index("effect")
    assert rows.loc[FIRST, "value"] == pytest.approx(0.05)
    assert rows.loc[FIRST, "criterion"] == "<= 0.2"
    assert rows.loc[CARRIED, "criterion"] == "<= 0.15"
    assert rows.loc[GAIN, "value"] == pytest.approx(0.34 / 0.35)
    assert rows.loc[GAIN, "criterion"] == ">= 0.9"


@pytest.mark.parametrize(
    ("regrets", "failed"),
    [
        ({"episodic": 0.21, "carried": 0.5, "silenced": 0.4}, [FIRST]),
        ({"carried": 0.09}, [CARRIED]),
        ({"silenced": 0.3}, [GAIN]),
        ({"last": 0.8}, [LAST]),
        ({"episodic": 0.4, "silenced": 0.4}, [FIRST, CARRIED, GAIN]),
    ],
)
def test_a_store_without_a_benefit_fails(regrets, failed):
    verdict_of, _ = verdicts(**regrets)
    missed = {"FAIL", "MISSING"}
    assert [name for name, verdict in verdict_of.items() if verdict in missed] == failed


def test_the_results_of_a_test_by_hand():
    """Two problems with one context, then one with another, of two trials each."""
    trials = pd.DataFrame(
        {
            "problem_trial": [0, 1] * 4,
            "occurrence": [0, 0, 1, 1, 0, 0, 2, 2],
            "gap": [math.nan, math.nan, 1, 1, math.nan, math.nan, 9, 9],
            "correct": [0, 1, 1, 1, 1, 0, 0, 1],
            "regret": [0.8, 0, 0, 0, 0, 0.8, 0.8, 0],
        }
    )
    assert memory.summarise(trials) == {
        "first_regret_new": 0.4,
        "first_regret": 0.4,
        "first_accuracy": 0.5,
        "last_accuracy_new": 0.5,
        "regret_new": [0.4, 0.4],
        "regret_recurring": [0.4, 0.0],
        "first_by_occurrence": [0.5, 1.0, 0.0],
        "first_by_gap": [1.0, 0.0],
    }


def test_the_networks_differ_in_their_store_alone():
    configs = {name: memory.configure(1, name) for name in memory.NETWORKS}
    assert len({(c.task_params, c.learning, c.training) for c in configs.values()}) == 1
    cleared, episodic = configs["lstm"].network, configs["episodic"].network
    assert cleared.core == episodic.core == "episodic"
    assert (cleared.reinstatement, episodic.reinstatement) == (False, True)
    assert configs["lstm-carry-over"].network.core == "lstm"
    assert episodic.store_size >= memory.TASK.context_count


def test_silencing_the_gate_changes_choices_and_no_weight():
    config = with_updates(memory.configure(3, "episodic"), 2)
    network = train_in_memory(config, Reporter()).network
    with_gate, repeated = (frozen_trials(config, network, episodes=40) for _ in "ab")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    memory.silence_gate(network)
    assert isinstance(network.core, EpisodicLSTM)
    without = frozen_trials(config, network, episodes=40)
    assert with_gate["choice"].tolist() == repeated["choice"].tolist()
    assert with_gate["choice"].tolist() != without["choice"].tolist()
    after = network.state_dict()
    assert all(bool((after[name] == value).all()) for name, value in before.items())


def test_the_figures_lines_are_the_seeds_means():
    results = results_of()
    figure = memory.figures(results)["memory"]
    for axes, column in zip(figure.axes, LINES, strict=True):
        line_of = {line.get_label(): line for line in axes.get_lines()}
        for name in (*memory.NETWORKS, memory.SILENCED):
            seeds = memory.with_silenced(results).seeds[name]
            mean = pd.DataFrame([seed[column] for seed in seeds]).mean()
            assert line_of[name].get_ydata() == pytest.approx(mean.tolist())
            assert line_of[name].get_xdata().tolist() == list(range(1, len(mean) + 1))
    regret, _, occurrence, gap = figure.axes
    assert [axes.get_lines()[-1].get_ydata()[0] for axes in (regret, gap)] == [0.4, 0.5]
    assert [text.get_text() for text in gap.get_xticklabels()][-1] == "6+"
    assert occurrence.get_ylabel() == "Correct on the first trial (share)"
    plt.close(figure)


def test_the_table_has_the_medians():
    assert len(memory.effects(results_of())) == 11
    table = memory.tables(results_of())["memory"].set_index("network")
    assert table["first_regret_recurring"].tolist() == pytest.approx(
        [0.4, 0.3, 0.05, 0.39]
    )
    assert table.loc["episodic", "first_accuracy_recurring"] == pytest.approx(
        1 - 1 / 16
    )
    assert table["seconds"].tolist() == [13, 13, 13, 0]
    assert list(table.index) == [*memory.NETWORKS, memory.SILENCED]
