"""The columns of a trial table: refusals in one sentence, and descriptions."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.schema import (
    BASE_SCHEMA,
    WITH_CHOICE,
    WITHOUT_CHOICE,
    between,
    check_once,
    codes,
    is_blank,
    number,
    whole,
)
from metarl.core.checks import MetaRLError

SCHEMA = BASE_SCHEMA.extend(
    "toy",
    side=codes(0, 1, names=("left", "right"), blank=True),
    paid=codes(0, 0.5, 1, when=WITH_CHOICE),
    kind=codes("old", "new", blank=WITHOUT_CHOICE, meaning="kind of cue"),
    share=between(0, 1, advice="divide by the largest there can be"),
    schedule=between(50, 100, unit="percent", meaning="P(reward)"),
    known=number(required=False),
)


@pytest.fixture
def own(table):
    return table(
        choice=[0, 1, None],
        reward=[1, 0, 0],
        side=[0, 1, None],
        paid=[1, 0.5, 7],
        kind=["old", "new", None],
        share=[0, 0.5, 1],
        schedule=[50, 70, 100],
    )


def refusal(table):
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(table)
    return str(caught.value)


def test_a_table_as_documented_passes_in_any_order_of_rows(own):
    SCHEMA.check(own)
    SCHEMA.check(own.iloc[::-1])
    SCHEMA.check(own.convert_dtypes())


def with_value(table, column, row, value):
    cells = table[column].astype(object)
    cells[row] = value
    return table.assign(**{column: cells})


@pytest.mark.parametrize(
    ("column", "row", "value", "sentence"),
    [
        ("side", 1, 2, "side must be 0 (left), 1 (right) or blank, got 2 in row 2"),
        ("paid", 0, 7, "paid must be 0, 0.5 or 1 on a valid trial with a choice, got "
         "7 in row 1"),
        ("kind", 0, None, "kind must be old or new, and blank only without a choice, "
         "got a blank in row 1"),
        ("kind", 2, "odd", "kind must be old or new, and blank only without a choice, "
         "got 'odd' in row 3"),
        ("share", 2, 3, "share must be in [0, 1], got 3 in row 3; divide by the "
         "largest there can be"),
        ("schedule", 0, 0.8, "schedule must be P(reward) in percent, 50 to 100, "
         "got 0.8 in row 1"),
        ("trial", 1, 0.5, "trial must be whole numbers, got 0.5 in row 2"),
        ("trial", 2, None, "trial must be whole numbers, got a blank in row 3"),
        ("valid", 1, 2, "valid must be 0 or 1, got 2 in row 2"),
        ("trial", 1, np.inf, "trial must be whole numbers, got inf in row 2"),
        ("reward", 0, -np.inf, "reward must be finite numbers or blanks, got -inf in "
         "row 1"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_rule_and_row(
    own, column, row, value, sentence
):
    assert refusal(with_value(own, column, row, value)) == f"column {sentence}"


def test_words_where_numbers_stand_are_named(own):
    assert refusal(with_value(own, "choice", 0, "left")) == (
        "column choice must be 0 (left), 1 (right) or blank, got 'left' in row 1"
    )


def test_whole_numbers_may_be_blank_where_the_schema_says_so(table):
    schema = BASE_SCHEMA.extend("toy", choice=whole(blank=True))
    schema.check(table(choice=[3, 7, None], reward=[1, 0, 0]))
    words = "choice must be whole numbers or blank, got 0.5 in row 2"
    with pytest.raises(MetaRLError, match=words):
        schema.check(table(choice=[3, 0.5, None], reward=[1, 0, 0]))


def test_a_long_table_is_checked_in_pieces(own, monkeypatch):
    monkeypatch.setattr("metarl.analysis.schema.ROWS_AT_ONCE", 2)
    SCHEMA.check(own)
    assert refusal(with_value(own, "share", 2, 3)).startswith(
        "column share must be in [0, 1], got 3 in row 3"
    )


def test_missing_columns_are_named_with_those_needed(own):
    assert refusal(own.drop(columns=["kind", "valid"])) == (
        "the toy trial table has no columns valid, kind; it needs subject, session, "
        "episode, trial, choice, reward, valid, forced, side, paid, kind, share, "
        "schedule"
    )


def test_a_column_that_is_not_required_may_be_missing_or_hold_any_number(own):
    values = SCHEMA.read(own)
    assert np.isnan(values["known"]).all()
    SCHEMA.check(own.assign(known=[1, -7.5, None]))
    with pytest.raises(
        MetaRLError, match="column known must be finite numbers or blanks, got"
    ):
        SCHEMA.check(own.assign(known="word"))


def test_a_trial_has_one_row_whatever_the_order(own):
    twice = own.assign(trial=[0, 1, 1])
    sentence = (
        "each trial must have one row, got a second row of subject 0, session 0, "
        "episode 0, trial 1 in row 3; number trials within subject, session and episode"
    )
    assert refusal(twice) == sentence
    apart = pd.concat([twice.iloc[[1]], twice.iloc[[0]], twice.iloc[[2]]])
    with pytest.raises(MetaRLError, match="trial 1 in row 3"):
        check_once(apart.reset_index(drop=True))


def test_rules_across_rows_are_checked_last(own):
    def alone(columns):
        if len(columns) > 1:
            raise MetaRLError("there must be one row")

    schema = SCHEMA.extend("stern", alone)
    with pytest.raises(MetaRLError, match="there must be one row"):
        schema.check(own)
    schema.check(own.iloc[:1])


def test_the_columns_are_described_to_people(own):
    described = SCHEMA.describe().set_index("column")
    assert list(described.index[:4]) == ["subject", "session", "episode", "trial"]
    assert described.loc["schedule", ["unit", "meaning"]].tolist() == [
        "percent",
        "P(reward)",
    ]
    assert (
        described.loc["kind", "values"] == "old or new, and blank only without a choice"
    )
    presence = described["presence"]
    assert presence[presence.str.endswith("left out")].to_dict() == {
        "session": "0 if left out",
        "episode": "0 if left out",
        "valid": "1 if left out",
        "forced": "0 if left out",
    }
    assert tuple(presence.index[presence == "needed"]) == SCHEMA.needed
    assert SCHEMA.needed == (
        *("subject", "trial", "choice", "reward"),
        *("side", "paid", "kind", "share", "schedule"),
    )


def test_an_empty_word_is_a_blank():
    words = np.array(["", "old", None, float("nan")], object)
    assert is_blank(words).tolist() == [True, False, True, True]
