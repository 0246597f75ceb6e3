"""The runner of studies: each seed once, scored whole or not at all."""

import json
import sys

import pandas as pd
import pytest
import toy_study

from metarl.cli.main import main
from metarl.core.checks import MetaRLError
from metarl.studies.runner import (
    COMPARISON,
    RESULT,
    SCORECARD,
    NeighboursPlan,
    compare_neighbours,
)
from metarl.studies.spec import Scale

NAMES = ("toy", "other")


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    """A registry with two toys, and nothing else."""
    for name in NAMES:
        monkeypatch.setitem(sys.modules, f"metarl.studies.{name}.study", toy_study)
    for module in ("studies.registry", "studies.runner", "cli.neighbours"):
        monkeypatch.setattr(f"metarl.{module}.NAMES", NAMES)
    toy_study.COMPUTED.clear()
    toy_study.FAILING.clear()
    toy_study.REGRETS.clear()


def run(out, **plan):
    plan = NeighboursPlan(**{"studies": NAMES, "seeds": 3, **plan})
    return compare_neighbours(plan, out, workers=1, show=False)


def scorecard(outcome):
    return (outcome.path / SCORECARD).read_bytes()


def comparison(outcome):
    return pd.read_csv(outcome.path / COMPARISON)


def text_of(outcome):
    return (outcome.path / RESULT).read_text()


def test_every_seed_of_every_condition_is_computed_once(tmp_path):
    outcome = run(tmp_path)
    assert len(toy_study.COMPUTED) == len(set(toy_study.COMPUTED)) == 2 * 2 * 3
    assert not outcome.failures
    run(tmp_path)
    assert len(toy_study.COMPUTED) == 12


def test_only_missing_seeds_are_computed_again(tmp_path):
    run(tmp_path)
    card = (tmp_path / "scorecard.json").read_bytes()
    (tmp_path / "toy/double/1.json").unlink()
    toy_study.COMPUTED.clear()
    run(tmp_path)
    assert [condition for condition, _ in toy_study.COMPUTED] == ["double"]
    assert (tmp_path / "scorecard.json").read_bytes() == card


def test_more_seeds_are_added_to_existing_ones(tmp_path):
    run(tmp_path, seeds=1)
    toy_study.COMPUTED.clear()
    run(tmp_path, seeds=2)
    assert len(toy_study.COMPUTED) == 4


def test_seeds_are_shared_by_a_studys_conditions_and_by_no_other_study():
    plan = NeighboursPlan(studies=("toy", "other"))
    seeds = [plan.seed_of(name, k) for name in plan.studies for k in range(50)]
    assert len(set(seeds)) == 100
    assert plan.seed_of("toy", 3) == NeighboursPlan(studies=("toy",)).seed_of("toy", 3)
    other = NeighboursPlan(studies=("toy",), seed=2)
    assert plan.seed_of("toy", 3) != other.seed_of("toy", 3)


def test_conditions_receive_the_same_seed(tmp_path):
    run(tmp_path, studies=("toy",))
    seeds = {
        c: [n for name, n in toy_study.COMPUTED if name == c]
        for c in ("plain", "double")
    }
    assert seeds["double"] == [2 * seed for seed in seeds["plain"]]


def test_files_of_a_study(tmp_path):
    run(tmp_path, studies=("toy",))
    there = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    seeds = {f"toy/{c}/{k}.json" for c in ("plain", "double") for k in range(3)}
    results = {"toy/effects.json", "toy/numbers.csv", "toy/numbers.png"}
    optional = {"toy/numbers.parquet"}
    assert there - optional == seeds | results | {
        "plan.json",
        "scorecard.json",
        "result.txt",
    }
    seed = json.loads((tmp_path / "toy/plain/0.json").read_text())
    assert seed["results"] == {"number": toy_study.COMPUTED[0][1] % 1000}
    assert seed["seconds"] >= 0


def test_other_studies_of_a_folder_stay_on_its_scorecard(tmp_path):
    toy_study.REGRETS["plain"] = [3.0, 1.0, 2.0]
    whole = run(tmp_path)
    card, table = scorecard(whole), comparison(whole)
    for name in ("other", "toy"):
        outcome = run(tmp_path, studies=(name,))
        assert scorecard(outcome) == card
        pd.testing.assert_frame_equal(comparison(outcome), table)
        text = text_of(outcome)
        assert text.count("toy: What is 1?") == text.count("other: What is 1?") == 1


def test_another_root_or_scale_is_refused_and_nothing_is_lost(tmp_path):
    run(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    for change in ({"seed": 2}, {"scale": Scale(smoke=True)}):
        with pytest.raises(
            MetaRLError, match="started with another seed, scale or version"
        ):
            run(tmp_path, **change)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before


def test_a_failed_seed_is_reported_and_its_study_has_no_effects(tmp_path):
    run(tmp_path, seeds=2)
    toy_study.FAILING.add("double")
    outcome = run(tmp_path, seeds=3)
    assert set(outcome.failures) == {"toy double 2", "other double 2"}
    assert "double fails as planned" in outcome.failures["toy double 2"]
    card = pd.DataFrame(json.loads(scorecard(outcome)))
    assert list(card["verdict"]) == ["FAIL", "FAIL"]
    assert "trained and tested" in card["effect"][0]
    assert not (tmp_path / "toy/effects.json").exists()
    toy_study.FAILING.clear()
    outcome = run(tmp_path, seeds=3)
    assert not outcome.failures
    assert list(json.loads((tmp_path / "toy/effects.json").read_text()))


def test_agents_of_the_shared_bandit_are_compared_across_studies(tmp_path):
    none = run(tmp_path / "none")
    assert not (none.path / COMPARISON).exists()
    assert "shared bandit" not in text_of(none)
    toy_study.COMPUTED.clear()
    toy_study.REGRETS["plain"] = [3.0, 1.0, 2.0]
    outcome = run(tmp_path / "some")
    table = comparison(outcome)
    assert list(table["study"]) == ["toy", "other"]
    assert set(table["condition"]) == {"plain"}
    row = table.iloc[0]
    assert (row["regret"], row["lowest"], row["highest"], row["seeds"]) == (2, 1, 3, 3)
    assert (tmp_path / "some/comparison.png").exists()
    assert "learned the shared bandit" in text_of(outcome)
    assert list(table["regret"]) == [2.0, 2.0]


def test_a_smoke_run_is_not_scored(tmp_path):
    assert verdicts(run(tmp_path / "real")) == ["FAIL", "FAIL"]
    smoke = run(tmp_path / "smoke", scale=Scale(smoke=True))
    assert verdicts(smoke) == ["REPORTED", "REPORTED"]


def verdicts(outcome):
    return [row["verdict"] for row in json.loads(scorecard(outcome))]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"studies": ("nothing",)}, "study must be one of toy, other; got 'nothing'"),
        ({"studies": ("toy", "toy")}, "studies must be different ones"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_an_invalid_plan_is_refused(plan, words):
    with pytest.raises(ValueError, match=words):
        NeighboursPlan(**{"studies": ("toy",), **plan})


def test_the_text_has_question_table_effects_and_tally(tmp_path):
    text = text_of(run(tmp_path))
    for words in ("toy: What is 1?", "After an example.", "seconds", "number", "FAIL"):
        assert words in text


def test_the_command_runs_and_prints_its_paths(tmp_path, capsys):
    words = ["neighbours", "toy", "--seeds", "2", "--workers", "1", "--out"]
    assert main([*words, str(tmp_path / "x")]) == 0
    assert "scorecard.json" in capsys.readouterr().out
    assert main([*words, str(tmp_path / "x"), "--require-pass"]) == 1
    assert main([*words, str(tmp_path / "x"), "--seed", "5"]) == 2
    toy_study.FAILING.add("plain")
    assert main([*words, str(tmp_path / "y")]) == 3


def test_a_changed_result_of_a_seed_is_refused(tmp_path):
    run(tmp_path, studies=("toy",))
    path = tmp_path / "toy/plain/0.json"
    seed = json.loads(path.read_text())
    seed["results"]["number"] += 1
    path.write_text(json.dumps(seed))
    with pytest.raises(
        MetaRLError, match="was changed or damaged after it was written"
    ):
        run(tmp_path, studies=("toy",))
