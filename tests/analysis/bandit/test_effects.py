"""Rows of effects on simulated players that pass, fail or are reported."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bandits import recording, simulate

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.bandit import ANALYSIS
from metarl.analysis.scoring import claim_verdicts

EPISODES = 400
SAVED = "regret saved against thompson, minus 2 standard errors"
SHARE = "loses less than thompson, share of networks"
TIED_SAVED = "regret on .25, .75 saved by training on correlated arms, mean"
TIED = "regret on .25, .75 after training on correlated arms, mean"
SWITCHES = "switches of arm in trials 2 to 20 minus the last 20, arms of {}, mean"
SETTLES = "trial of settling on an arm, arms of .6, .4 minus arms of .25, .75, mean"
GITTINS = "regret beyond Gittins indices, as a share of thompson's, mean"
OTHER = "regret after training on other arms minus on the tested ones, mean"
HARDER = "regret on arms of .6, .4 minus arms of .9, .1, all trainings, mean"
COMMAND = "(metarl compare RUN --variants correlated, then metarl analyze RUN)"
NO_REWARD = "regret without reward input, relative to random choice"


def people(mind, law="independent", count=4, **more):
    result = [
        simulate(mind, EPISODES, subject=k, law=law, **more) for k in range(count)
    ]
    return pd.concat(result, ignore_index=True)


def trained_on_correlated(mind):
    return ExperimentData(
        trials=people(mind, "correlated"),
        task="bandit",
        parameters={"distribution": "correlated"},
        tests={"medium": people(mind, "medium")},
    )


@pytest.fixture(scope="module")
def learners():
    """Four players that explore well, with baselines and variants."""
    return ExperimentData(
        trials=people("bound"),
        task="bandit",
        parameters=ANALYSIS.published,
        baselines={k: people(k, count=1) for k in ("random", "thompson")},
        tests={name: people("bound", name) for name in ("medium", "hard")},
        variants={
            "correlated": trained_on_correlated("tied"),
            "no-reward": ExperimentData(trials=people("random"), task="bandit"),
            "no-memory": ExperimentData(
                trials=people("bound", slips=0.5), task="bandit"
            ),
        },
        expected_subjects=4,
    )


def rows(source):
    return analyse(ANALYSIS, source).effects.set_index("effect")


def regrets(source):
    """Table of subjects by group."""
    return analyse(ANALYSIS, source).tables["subjects"].set_index("group")["regret"]


@pytest.fixture(scope="module")
def passing(learners):
    return rows(learners)


def scored_of(effects):
    """Rows with a criterion and a number."""
    return effects[(effects["criterion"] != "") & (effects["verdict"] != "MISSING")]


def test_learners_pass_every_scored_row(passing):
    scored = scored_of(passing)
    assert scored["verdict"].unique() == ["PASS"], scored["value"]
    measured = scored.loc[[SAVED, SHARE], "learned"]
    assert measured.tolist() == [4, 4]
    # Other networks count by themselves, once these have learned.
    assert scored.loc[[TIED, NO_REWARD], "learned"].isna().all()


def test_criteria_are_those_fixed_beforehand(passing):
    criteria = scored_of(passing)["criterion"].to_dict()
    assert criteria == {
        SWITCHES.format(".25, .75"): "> 0",
        SWITCHES.format(".6, .4"): "> 0",
        SETTLES: "> 0",
        SAVED: "> 0",
        SHARE: ">= 0.875",
        TIED: "<= 1.3",
        TIED_SAVED: "> 0",
        NO_REWARD: "in [0.9, 1.1]",
    }


def test_the_regret_saved_is_computed_from_the_subjects(learners, passing):
    subjects = regrets(learners)
    against = subjects["thompson"] - subjects["measured"]
    row = passing.loc["regret saved against thompson, mean"]
    assert row["value"] == pytest.approx(against.mean())
    assert row["chance"] == 0
    assert row["p"] < 0.01
    error = against.std(ddof=1) / 2
    assert passing.loc[SAVED, "value"] == pytest.approx(against.mean() - 2 * error)
    assert passing.loc[SHARE, "value"] == (against > 0).mean() == 1


def test_every_baseline_is_a_reference(passing):
    for name in ("random", "thompson"):
        row = passing.loc[f"regret saved against {name}, mean"]
        assert row["verdict"] == "REPORTED"
        assert row["low"] < row["value"] < row["high"]
    goal = passing.loc["regret per episode, compared with our goal"]
    assert goal["reference"] == 2.2
    assert goal["chance"] == pytest.approx(16.67, abs=1)


def test_the_optimum_is_the_reference_where_it_was_tested(learners):
    best = {**learners.baselines, "bayes-optimal": people("bound", count=1)}
    effects = rows(replace(learners, baselines=best))
    regret = regrets(replace(learners, baselines=best))
    optimum = regret["bayes-optimal"]
    assert effects.loc["regret per episode, mean", "reference"] == optimum
    saved = effects.loc["regret saved against thompson, mean"]
    assert saved["reference"] == pytest.approx(regret["thompson"] - optimum)


def test_training_on_dependent_arms_saves_regret_on_them(passing):
    row = passing.loc[TIED_SAVED]
    assert row["value"] > 0.2
    assert row["p"] < 0.01
    assert row["reference"] == pytest.approx(1.31 - 0.99, abs=0.01)
    assert passing.loc[TIED, "reference"] == pytest.approx(1.0, abs=0.02)


def test_training_that_did_not_reveal_the_dependence_fails(learners):
    variants = {"correlated": trained_on_correlated("thompson")}
    effects = rows(replace(learners, variants=variants))
    assert effects.loc[TIED, "value"] == pytest.approx(3, abs=0.3)
    assert effects.loc[TIED, "verdict"] == "FAIL"
    assert effects.loc[TIED_SAVED, "verdict"] == "FAIL"


def test_players_that_learn_nothing_pass_nothing(learners):
    flat = replace(
        learners,
        trials=people("random"),
        variants={"no-reward": learners.variants["no-reward"]},
    )
    effects = rows(flat)
    scored = scored_of(effects)
    assert scored["passed"].sum() == 0
    assert effects.loc[NO_REWARD, "verdict"] == "NOT LEARNED"
    assert effects.loc[SAVED, "verdict"] in ("FAIL", "NOT LEARNED")
    assert effects.loc[SHARE, "value"] == 0
    own = effects["learned"].notna()
    assert effects.loc[own, "learned"].unique() == [0]
    assert not effects["passed"].any()


def test_players_no_better_than_the_rival_fail(learners):
    effects = rows(replace(learners, trials=people("thompson", slips=0.02)))
    assert effects.loc[SAVED, "verdict"] == "FAIL"
    assert effects.loc[SHARE, "verdict"] == "FAIL"


def test_one_of_four_with_more_regret_fails_the_share(learners):
    one = simulate("bound", EPISODES, subject=3, slips=0.2)
    rest = learners.trials[learners.trials["subject"] < 3]
    effects = rows(replace(learners, trials=pd.concat([rest, one], ignore_index=True)))
    assert effects.loc[SHARE, "value"] == 0.75
    assert effects.loc[SHARE, "verdict"] == "FAIL"


def test_a_variant_without_reward_that_learns_fails(learners):
    cheats = ExperimentData(trials=people("bound"), task="bandit")
    effects = rows(replace(learners, variants={"no-reward": cheats}))
    assert effects.loc[NO_REWARD, "verdict"] == "FAIL"


def test_a_missing_subject_counts_against_every_row(learners):
    rest = learners.trials[learners.trials["subject"] < 3]
    effects = rows(replace(learners, trials=rest))
    counted = effects[~effects["key"].str.startswith("missing.")]
    assert (counted["subjects"] + counted["missing"]).unique() == [4]
    assert not effects.loc[[SAVED, SHARE, NO_REWARD], "passed"].any()
    tied = learners.variants["correlated"]
    medium = tied.tests["medium"]
    fewer = {"medium": medium[medium["subject"] != 2]}
    rest = replace(tied, expected_subjects=4, tests=fewer)
    effects = rows(replace(learners, variants={"correlated": rest}))
    assert effects.loc[TIED, "verdict"] == "FAIL"


def test_without_the_rival_nothing_is_shown_to_be_beaten(learners):
    effects = rows(replace(learners, baselines={}))
    assert not effects.loc[[SAVED, SHARE], "passed"].any()
    assert effects.loc[[SAVED, SHARE], "value"].isna().all()
    assert (effects.loc[[SAVED, SHARE], "verdict"] == "MISSING").all()


def test_a_single_network_cannot_be_distinguished_from_the_rival(learners):
    one = replace(
        learners, trials=people("bound", count=1), expected_subjects=1, variants={}
    )
    assert not rows(one).loc[SAVED, "passed"]


def test_claims_of_variants_that_were_not_trained_are_missing(learners):
    effects = rows(replace(learners, variants={}, tests={}))
    assert set(scored_of(effects).index) == {SAVED, SHARE}
    verdicts = claim_verdicts(effects.to_dict("records"))
    assert effects.loc[SAVED, "verdict"] == "PASS"
    # UCB, the other rival of this claim, is absent.
    assert set(verdicts.values()) == {"MISSING"}
    assert len(verdicts) == 10
    assert any(name.endswith(COMMAND) for name in effects.index)


def test_on_arms_that_are_more_alike_players_settle_later(passing):
    assert 2 < passing.loc[SETTLES, "value"] < 80
    for arms in (".25, .75", ".6, .4"):
        assert 0 < passing.loc[SWITCHES.format(arms), "value"] < 0.5


def test_players_that_never_stop_exploring_do_not_settle(learners):
    tests = {name: people("random", name) for name in ("medium", "hard")}
    effects = rows(replace(learners, tests=tests))
    names = [SETTLES, SWITCHES.format(".25, .75"), SWITCHES.format(".6, .4")]
    assert set(effects.loc[names, "verdict"]) == {"FAIL"}
    assert effects.loc[names, "value"].abs().max() < 1


def test_regret_beyond_gittins_indices_is_a_share_of_thompsons(learners):
    baselines = {**learners.baselines, "gittins": people("bound", count=1)}
    row = rows(replace(learners, baselines=baselines)).loc[GITTINS]
    subjects = regrets(replace(learners, baselines=baselines))
    least, most = subjects["gittins"], subjects["thompson"]
    own = (subjects["measured"] - least) / (most - least)
    assert row["value"] == pytest.approx(own.mean())
    # These players are the baseline itself, so that they lose no more.
    assert row["verdict"] == "FAIL"


def matrix(own, others):
    """Populations of each training in each test, by the minds of both."""
    names = ("independent", "correlated", "easy", "medium", "hard")

    def tested(trained):
        return {
            name: people(own if name == trained else others, name, trials=30)
            for name in names
        }

    return {
        name: ExperimentData(
            trials=tests[name],
            task="bandit",
            parameters={"distribution": name},
            tests={k: v for k, v in tests.items() if k != name},
        )
        for name in names
        for tests in (tested(name),)
    }


@pytest.mark.parametrize(
    ("own", "others", "verdicts"),
    [("bound", "thompson", ["PASS", "FAIL"]), ("bound", "bound", ["FAIL", "FAIL"])],
)
def test_training_on_the_tested_arms_must_help(learners, own, others, verdicts):
    populations = matrix(own, others)
    measured = populations.pop("independent")
    effects = rows(replace(learners, tests=measured.tests, variants=populations))
    assert effects.loc[OTHER, "verdict"] == verdicts[0]
    # Thirty trials are too few for a cost of harder arms.
    assert effects.loc[HARDER, "verdict"] in ("PASS", "FAIL")


def test_coding_is_reported_with_its_null(learners):
    generator = np.random.default_rng(0)
    steps = {}
    for subject, trials in learners.trials.groupby("subject"):
        left = trials["probability_0"].to_numpy().reshape(EPISODES, 100, 1)
        noise = generator.normal(size=(EPISODES, 100, 3))
        steps[subject] = recording(trials, left + 0.1 * noise, noise)
    effects = rows(replace(learners, recordings=steps, discount=0.9))
    gained = effects.loc["r2 gained by training, mean"]
    assert gained["value"] > 0.8
    assert gained["chance"] == 0
    assert gained["p"] < 0.001
    less = {k: steps[k] for k in (0, 1, 2)}
    partial = rows(replace(learners, recordings=less, discount=0.9))
    row = partial.loc["r2 gained by training, mean"]
    assert (row["subjects"], row["missing"]) == (3, 1)


def test_both_rivals_are_part_of_the_claim(learners):
    name = "regret saved against ucb, mean"
    weak, strong = ({"ucb": people(kind, count=1)} for kind in ("random", "bound"))
    for rival, verdict in ((weak, "PASS"), (strong, "FAIL")):
        both = rows(replace(learners, baselines={**learners.baselines, **rival}))
        assert both.loc[name, "verdict"] == verdict
        verdicts = claim_verdicts(both.to_dict("records"))
        assert verdicts["Wang et al. 2016, Fig. 2a"] == verdict
