"""Rows of effects and their verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import (
    COLUMNS,
    NO_LEARNING,
    Effect,
    effect_row,
    effect_table,
    mean_and_lowest,
    relative_to_baseline,
    score_effects,
    subject_table,
    trained_and_untrained,
)
from metarl.analysis.measures import MEASURED
from metarl.analysis.statistics import PROBABILITY

LOWEST = Criterion(low=3, summary="lowest")


def row(values, learned=None, **options):
    effect = Effect(label="it", values=pd.Series(values, dtype=float), **options)
    who = None if learned is None else pd.Series(learned, dtype=bool)
    return effect_row("two-step", effect, who)


def test_a_mean_is_over_all_subjects_and_learners_stand_apart():
    scored = row([1, 2, 6], [True, True, False], criterion=Criterion(low=2.5))
    assert scored["value"] == pytest.approx(3)
    assert scored["value_learners"] == pytest.approx(1.5)
    assert (scored["subjects"], scored["learned"]) == (3, 2)
    assert scored["low"] < 3 < scored["high"]


def test_the_lowest_comes_without_an_interval():
    scored = row([5, 3, 9], [True] * 3, summary="lowest", criterion=LOWEST)
    assert scored["value"] == 3
    assert np.isnan([scored["low"], scored["high"]]).all()
    assert scored["verdict"] == "PASS"


def test_a_subject_without_the_measure_cannot_hide():
    lowest = row([5, np.nan], [True] * 2, summary="lowest", criterion=LOWEST)
    mean = row([5, np.nan], [True] * 2, criterion=Criterion(low=3))
    assert lowest["verdict"] == mean["verdict"] == "FAIL"
    assert lowest["value"] == mean["value"] == 5
    assert (mean["subjects"], mean["missing"], mean["learned"]) == (1, 1, 2)


def test_a_mean_is_over_those_that_have_a_number():
    some = row([2, np.nan, 3, 4], chance=2.0)
    every = row([2, 3, 4], chance=2.0)
    assert (some.pop("missing"), every.pop("missing")) == (1, 0)
    assert some == pytest.approx(every, nan_ok=True)


def test_a_sign_needs_its_interval_where_the_rule_says_so():
    sign, plain = Criterion(low=0, strict=True, interval=True), Criterion(low=0)
    for values, verdict in (
        ([1, 2, 3, 4], "PASS"),
        ([-1, 2, 3, 4], "FAIL"),
        ([-1, -2, -3, 1], "FAIL"),
        ([2], "FAIL"),
    ):
        assert row(values, criterion=sign)["verdict"] == verdict
    assert row([-1, 2, 3, 4], criterion=plain)["verdict"] == "PASS"
    with pytest.raises(ValueError, match="interval must be False with the summary"):
        Criterion(low=0, summary="lowest", interval=True)


def test_an_equivalence_is_two_one_sided_tests():
    """The 90 % interval must be within both bounds, the 95 % interval need not."""
    values = [-1.0, 0.0, 1.0, 0.0]
    found = row(values)
    half_90 = stats.t.ppf(0.95, 3) * np.std(values, ddof=1) / 2
    assert half_90 == pytest.approx(0.961, abs=0.001)
    assert found["high"] == pytest.approx(1.299, abs=0.001)
    for bound, verdict in ((0.97, "PASS"), (0.95, "FAIL")):
        same = Criterion(low=-bound, high=bound, equivalence=True)
        assert row(values, criterion=same)["verdict"] == verdict
        assert row([0.0], criterion=same)["verdict"] == "FAIL"
    assert str(same) == "90 % interval in [-0.95, 0.95]"
    with pytest.raises(ValueError, match="equivalence must be False with the summary"):
        Criterion(low=0, high=1, summary="median", equivalence=True)


def test_an_interval_is_within_the_bounds_of_the_measure():
    values = [0.9, 0.99, 1.0]
    free, bounded = row(values), row(values, bounds=PROBABILITY)
    assert bounded["value"] == free["value"]
    assert bounded["high"] < 1 < free["high"]


def test_differences_have_the_bounds_of_what_they_are_made_of():
    own = Effect(label="it", values=pd.Series([0.2, 0.4]), bounds=PROBABILITY)
    less = relative_to_baseline(own, 0.3, key="less", label="less")
    assert less.bounds == pytest.approx((-0.3, 0.7))
    saved = relative_to_baseline(own, 0.3, key="saved", label="saved", saved=True)
    assert saved.bounds == pytest.approx((-0.7, 0.3))
    both = pd.DataFrame({"trained": [0.5, 0.6], "untrained": [0.1, 0.3]})
    rows = trained_and_untrained("it", "it", both, bounds=PROBABILITY)
    assert [e.bounds for e in rows] == [PROBABILITY, PROBABILITY, (-1, 1)]


NULL = {"criterion": Criterion(high=0.01)}


@pytest.mark.parametrize(
    ("values", "learned", "options", "verdict"),
    [
        ([0.0, 0.0], [True, True], NULL, "PASS"),
        ([0.0, 0.0], [True, False], NULL, "NOT LEARNED"),
        ([0.0, 0.0], [False, False], NULL, "NOT LEARNED"),
        ([0.5, 0.0], [True, True], NULL, "FAIL"),
        ([0.5, 0.0], [True, False], NULL, "FAIL"),
        ([0.0, 0.5], [True, False], NULL, "NOT LEARNED"),
        ([0.0, 0.0], [True, False], NULL | {"needs_learning": False}, "PASS"),
        ([0.0, 0.0], None, NULL, "PASS"),
        ([0.5, 0.5], None, NULL, "FAIL"),
        ([0.0, 0.0], [True, True], {}, "REPORTED"),
        ([], None, NULL, "MISSING"),
        ([np.nan, np.nan], [True, True], NULL, "MISSING"),
        ([0.0, np.nan], None, NULL, "FAIL"),
        ([0.0, np.nan], [True, True], NULL, "FAIL"),
        ([0.0, np.nan], [True, False], NULL, "NOT LEARNED"),
        ([0.0, np.nan], [False, True], NULL, "FAIL"),
        ([np.nan], None, {}, "REPORTED"),
    ],
)
def test_verdicts(values, learned, options, verdict):
    scored = row(values, learned, **options)
    assert scored["verdict"] == verdict
    assert scored["passed"] == (verdict == "PASS")


def test_the_table_has_the_documented_columns_and_types():
    effect = Effect(label="it", values=pd.Series([1.0, 2.0]))
    table = effect_table(
        "two-step", [(effect, None), (effect, pd.Series([True, True]))]
    )
    assert tuple(table.columns) == COLUMNS
    assert table["learned"].isna().tolist() == [True, False]
    assert table["passed"].dtype == bool


def test_rows_of_claims_have_holms_p_over_the_claims_of_the_table():
    def effect(key, values, claim, chance=0.0):
        rule = Criterion(low=0, claim=claim)
        values = pd.Series(values)
        return Effect(
            label=key,
            values=values,
            criterion=rule,
            chance=chance,
            needs_learning=False,
        )

    table = effect_table(
        "two-step",
        [
            (effect("strong", [1.0, 1.1, 1.2], "Fig. 1"), None),
            (effect("weak", [1.0, 3.0, 0.5], "Fig. 2"), None),
            (effect("ours", [1.0, 1.1, 1.2], ""), None),
            (effect("untested", [1.0, 1.1, 1.2], "Fig. 3", None), None),
            (Effect(label="reported", values=pd.Series([1.0, 1.2]), chance=0.0), None),
        ],
    )
    assert table["claim"].tolist() == ["Fig. 1", "Fig. 2", "", "Fig. 3", ""]
    strong, weak = table["p"][:2]
    assert strong < weak / 2
    nan = float("nan")
    expected = [2 * strong, weak, nan, nan, nan]
    assert table["p_holm"].tolist() == pytest.approx(expected, nan_ok=True)


def test_an_unscored_effect_tests_no_claim():
    rule = Criterion(low=0, claim="Fig. 1")
    effect = Effect(label="it", values=pd.Series([1.0, 2.0]), criterion=rule)
    scored = score_effects("two-step", [effect], {MEASURED: None}, scored=False)
    assert (scored["claim"][0], scored["verdict"][0]) == ("", "REPORTED")


def test_an_unknown_summary_is_refused():
    with pytest.raises(ValueError, match="summary must be one of mean, median, lower"):
        Effect(label="it", values=pd.Series([1.0]), summary="mode")


def test_the_highest_is_the_other_extreme():
    rule = Criterion(high=8, summary="highest")
    scored = row([5, 3, 9], [True] * 3, summary="highest", criterion=rule)
    assert scored["value"] == 9
    assert scored["verdict"] == "FAIL"


def test_a_mean_is_tested_against_chance():
    # mean 2, standard error 1 / sqrt(3), t = sqrt(3) with 2 degrees of freedom.
    scored = row([2, 3, 4], chance=2.0)
    assert scored["chance"] == 2
    assert scored["p"] == pytest.approx(0.2254, abs=1e-4)
    assert np.isnan(row([2, 3, 4])["p"])
    assert np.isnan(row([2.0], chance=1.0)["p"])
    assert np.isnan(row([2, 2], chance=1.0)["p"])


SCORED = Effect(
    key="it",
    label="it",
    values=pd.Series([1.0, 2.0]),
    criterion=Criterion(low=1),
    reference=3.0,
    source="somebody",
)
WHO = {MEASURED: pd.Series([True, True])}


def test_an_experiment_is_scored_row_by_row():
    table = score_effects("two-step", [SCORED], WHO)
    assert table["experiment"].tolist() == ["two-step"]
    assert table["verdict"].tolist() == ["PASS"]


def test_another_test_than_the_published_is_reported():
    result = score_effects("two-step", [SCORED], WHO, scored=False).iloc[0]
    assert (result["verdict"], result["criterion"], result["source"]) == (
        "REPORTED",
        "",
        "",
    )
    assert np.isnan(result["reference"])
    assert result["value"] == 1.5


def test_a_subject_that_is_missing_counts_where_learning_applies():
    plain = replace(SCORED, key="plain", learning=NO_LEARNING)
    table = score_effects("two-step", [SCORED, plain], WHO, expected_subjects=3)
    assert table["subjects"].tolist() == [2, 2]
    assert table["missing"].tolist() == [1, 0]
    assert table["verdict"].tolist() == ["NOT LEARNED", "PASS"]
    assert table["value"].tolist() == [1.5, 1.5]


def test_the_bounds_of_a_criterion_are_numbers_of_their_own():
    columns = ["criterion", "criterion_low", "criterion_high", "criterion_strict"]
    result = [row([1.0], criterion=rule) for rule in (
        Criterion(low=0.5, strict=True),
        Criterion(low=0, high=2),
        Criterion(low=0.5, share_of="the ideal"),
        None,
    )]  # fmt: skip
    actual = [[one[column] for column in columns] for one in result]
    nan = pytest.approx(np.nan, nan_ok=True)
    assert actual[0] == ["> 0.5", 0.5, nan, True]
    assert actual[1] == ["in [0, 2]", 0, 2, False]
    assert actual[2] == [">= 0.5 of the ideal", nan, nan, False]
    assert actual[3] == ["", nan, nan, None]


def test_the_numbers_behind_the_rows_are_stored_by_subject():
    numbers = subject_table(score_effects("two-step", [SCORED], WHO))
    assert numbers.to_dict("list") == {
        "key": ["it", "it"],
        "effect": ["it", "it"],
        "subject": [0, 1],
        "value": [1, 2],
    }


def test_a_key_is_the_label_where_none_is_given():
    plain = Effect(label="P(stay | win) at 80/20, mean", values=pd.Series([1.0]))
    assert plain.key == "p_stay_win_at_80_20_mean"


def test_a_mean_comes_with_the_lowest_network():
    rule = Criterion(low=2)
    mean, lowest = mean_and_lowest(
        *("stay", "P(stay)", pd.Series([1.0, 3.0])),
        mean=rule,
        lowest=LOWEST,
        chance=0.5,
    )
    assert (mean.key, mean.label) == ("stay.mean", "P(stay), mean")
    assert (lowest.key, lowest.label) == ("stay.lowest", "P(stay), lowest network")
    assert (mean.criterion, lowest.criterion) == (rule, LOWEST)
    assert (lowest.summary, mean.chance, lowest.chance) == ("lowest", 0.5, 0.5)


def test_trained_units_come_with_untrained_ones_and_their_difference():
    values = pd.DataFrame({"trained": [0.5, 0.7], "untrained": [0.1, np.nan]})
    rows = trained_and_untrained("r2", "decoded", values, reference=1.0)
    assert [row.key for row in rows] == ["r2.trained", "r2.untrained", "r2.difference"]
    assert [row.label for row in rows] == [
        "decoded, mean",
        "decoded, untrained units, mean",
        "decoded, trained - untrained, mean",
    ]
    assert rows[2].values[0] == pytest.approx(0.4)
    assert np.isnan(rows[2].values[1])
    assert [row.chance for row in rows] == [None, None, 0]
    assert [row.reference for row in rows] == [1, None, None]


def test_an_effect_relative_to_a_baseline_moves_with_all_it_is_compared_with():
    own = Effect(label="it", values=pd.Series([0.7, 0.9]), chance=0.5, reference=0.8)
    names = {"key": "it.minus", "label": "it minus"}
    less = relative_to_baseline(own, 0.6, **names)
    assert less.values.tolist() == pytest.approx([0.1, 0.3])
    assert (less.chance, less.reference) == pytest.approx((-0.1, 0.2))
    saved = relative_to_baseline(own, 0.6, saved=True, **names)
    assert saved.values.tolist() == pytest.approx([-0.1, -0.3])
    assert saved.chance == pytest.approx(0.1)
    absent = relative_to_baseline(own, None, **names)
    assert absent.values.isna().all()
    assert np.isnan(absent.chance)
    bare = relative_to_baseline(Effect(label="it", values=own.values), 0.6, **names)
    assert (bare.chance, bare.reference) == (None, None)


def test_an_end_of_the_means_interval_can_be_scored():
    mean = row([2, 3, 4])
    for summary, end in (("lower", "low"), ("upper", "high")):
        scored = row([2, 3, 4], summary=summary)
        assert scored["value"] == mean[end] == scored[end]
    low, high = (
        row([2, 3, 4], summary=summary, criterion=Criterion(low=1, summary=summary))
        for summary in ("lower", "upper")
    )
    assert (low["passed"], high["passed"]) == (False, True)


def test_the_median_comes_with_an_interval_of_its_own():
    scored = row([5, 1, 2, 3, 4, 90], summary="median")
    assert (scored["value"], scored["low"], scored["high"]) == (3.5, 1, 90)
    alone = row([5, 1, 2, 3, 4, 90], [True] * 5 + [False], summary="median")
    assert alone["value_learners"] == 3


def test_a_criterion_scores_no_other_summary_than_its_own():
    with pytest.raises(ValueError, match="summary must be one of lowest; got 'mean'"):
        row([5, 3, 9], criterion=LOWEST)
