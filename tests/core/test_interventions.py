"""Interventions in words: what is read, what a condition means, what is refused."""

import math
import re

import pytest
import torch

from metarl.core.interventions import (
    OPERATIONS,
    TARGETS,
    Condition,
    Intervention,
    check_testing,
    check_training,
    parse,
)

FACTS = {
    "trial": torch.tensor([0.0, 1.0, 2.0, 7.0]),
    "reward": torch.tensor([1.0, 0.0, -1.0, torch.nan]),
    "won": torch.tensor([1.0, 0.0, 0.0, torch.nan]),
    "event": torch.tensor([0, 1, 1, 0]),
    "cue": torch.tensor([1.0, 0.0, torch.nan, torch.nan]),
}
WORDS = {"event": ("fixation", "choice"), "cue": ("A", "B")}


def where(text):
    """The environments in which a condition holds."""
    held = Condition(text).holds(FACTS, WORDS)
    assert held.dtype == torch.bool
    return held.nonzero().flatten().tolist()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("rpe set -4", {"target": "rpe", "operation": "set", "amount": -4}),
        ("teaching scale 0.5", {"operation": "scale", "amount": 0.5}),
        ("rpe add 1e-2", {"operation": "add", "amount": 0.01}),
        ("units noise .3", {"target": "units", "operation": "noise", "amount": 0.3}),
        ("units set 0 of 3", {"units": (3,)}),
        ("units set 0 of 0-2,7, 9 - 10", {"units": (0, 1, 2, 7, 9, 10)}),
        ("memory reset", {"target": "memory", "operation": "reset", "amount": 0}),
        ("  rpe   set  +2  ", {"amount": 2}),
    ],
)
def test_a_intervention_is_read_from_words(text, read):
    parsed = parse(text)
    assert parsed.when is None
    for name, value in read.items():
        assert getattr(parsed, name) == value


def test_without_units_or_condition_all_units_are_changed_at_every_step():
    assert parse("units set 0") == Intervention(target="units", operation="set")


def test_units_and_a_condition_stand_together():
    parsed = parse("units scale 2 of 1-3 when event == 'choice' and trial > 0")
    assert parsed.units == (1, 2, 3)
    assert parsed.when == Condition("event == 'choice' and trial > 0")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "rpe",
            "an intervention must be TARGET OPERATION [AMOUNT] [of UNITS] "
            "[when CONDITION], got 'rpe'",
        ),
        (
            "rpe set 1 2",
            "an intervention must be TARGET OPERATION [AMOUNT] [of UNITS] "
            "[when CONDITION], got 'rpe set 1 2'",
        ),
        (
            "rpe set -4 when",
            "an intervention must be TARGET OPERATION [AMOUNT] [of UNITS] "
            "[when CONDITION], got 'rpe set -4 when'",
        ),
        (
            "dopamine set 1",
            "the target of an intervention must be one of rpe, teaching, units, "
            "memory; got 'dopamine'",
        ),
        (
            "rpe double 2",
            "the operation on rpe must be one of set, add, scale, noise; got 'double'",
        ),
        (
            "rpe reset",
            "the operation on rpe must be one of set, add, scale, noise; got 'reset'",
        ),
        ("memory set 0", "the operation on memory must be one of reset; got 'set'"),
        ("rpe set 1 of 3", "'of' must follow units, got 'rpe set 1 of 3'"),
        ("rpe set", "the amount must be a finite number, got None in 'rpe set'"),
        ("rpe set x", "the amount must be a finite number, got 'x' in 'rpe set x'"),
        ("rpe add inf", "the amount must be a finite number, got 'inf' in 'rpe add i"),
        ("rpe add nan", "the amount must be a finite number, got 'nan' in 'rpe add n"),
        (
            "units set of 3",
            "the amount must be a finite number, got None in 'units set of 3'",
        ),
        ("memory reset 1", "the amount must be no number, got '1' in 'memory reset 1'"),
        ("units noise -0.5", "noise must be at least 0, got -0.5"),
        ("units set 0 of 0-99999999999", "units must be at most 99,999, got '0-999"),
        ("units set 0 of " + "9" * 5000, "units must be at most 99,999, got '999"),
        ("units set 0 of 3-", "units must be numbers such as 0-9,12, got '3-'"),
        ("units set 0 of 1,,2", "units must be numbers such as 0-9,12, got '1,,2'"),
        ("units set 0 of 1-2-3", "units must be numbers such as 0-9,12, got '1-2-3'"),
        ("units set 0 of 5-3", "units must be numbers such as 0-9,12, got '5-3'"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}") as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "reward >", "reward = 1", "reward > 0; trial", "when reward > 0", "=="]
)
def test_what_is_no_expression_is_refused(text):
    words = "a condition must be an expression such as 'reward > 0 and trial < 5', got "
    with pytest.raises(ValueError, match=f"^{re.escape(words + repr(text))}$"):
        Condition(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("reward", "reward"),
        ("1", "1"),
        ("reward and trial", "reward"),
        ("reward > 0 and trial", "trial"),
        ("not trial", "trial"),
        ("(reward > 0) + 1", "(reward > 0) + 1"),
        ("(reward > 0) == 1", "reward > 0"),
        ("1 < 2", "1 < 2"),
        ("not 1 < 2 and trial == 0", "1 < 2"),
        ("trial + 'A' == 3", "trial + 'A'"),
        ("-'A' == cue", "-'A'"),
        ("trial / 2 == 1", "trial / 2"),
        ("trial ** 2 == 1", "trial ** 2"),
        ("trial in (1, 2)", "trial in (1, 2)"),
        ("trial is 1", "trial is 1"),
        ("trial == None", "None"),
        ("abs(reward) > 0", "abs(reward)"),
        ("reward.mean > 0", "reward.mean"),
        ("reward[0] > 0", "reward[0]"),
        ("__import__('os') == 1", "__import__('os')"),
        ("(lambda: 1)() == trial", "(lambda: 1)()"),
        ("(x := 1) == trial", "(x := 1)"),
    ],
)
def test_a_condition_consists_of_comparisons(text, part):
    words = (
        "a condition must consist of comparisons of a name with names, numbers or a "
        "word, "
        f"joined by and, or, not; got {part!r} in {text!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        Condition(text)


def test_an_unknown_name_is_refused_with_the_known_ones():
    condition = Condition("reward > 0 and hunger == 1")
    sentence = (
        "the condition 'reward > 0 and hunger == 1' must use known names, got "
        "'hunger'; "
        "choose from: reward, trial"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        condition.check_names(["reward", "trial"])
    condition.check_names(["hunger", "reward"])


@pytest.mark.parametrize(
    ("text", "num_envs"),
    [
        ("trial == 1", [1]),
        ("trial != 1", [0, 2, 3]),
        ("trial < 2", [0, 1]),
        ("trial <= 2", [0, 1, 2]),
        ("trial > 2", [3]),
        ("2 <= trial", [2, 3]),
        ("trial == -1 + 2", [1]),
        ("reward == -1", [2]),
        ("-reward > 0", [2]),
        ("-reward == trial - 1", [0, 1, 2]),
        ("trial % 2 == 1", [1, 3]),
        ("trial // 2 == 1", [2]),
        ("2 * trial + 1 == 5", [2]),
        ("trial == won", []),
        ("trial == reward + 1 and won == 0", [1]),
    ],
)
def test_numbers_are_compared_and_reckoned_with(text, num_envs):
    assert where(text) == num_envs


@pytest.mark.parametrize(
    ("text", "num_envs"),
    [
        ("0 < trial < 3", [1, 2]),
        ("0 < trial <= 2 < 3", [1, 2]),
        ("0 <= reward < trial", [1]),
        ("trial > 0 and won == 0", [1, 2]),
        ("trial == 0 or trial == 7", [0, 3]),
        ("trial == 0 or trial == 1 or won == 0", [0, 1, 2]),
        ("trial == 0 or trial == 1 and won == 1", [0]),
        ("(trial == 0 or trial == 1) and won == 0", [1]),
        ("not trial == 0", [1, 2, 3]),
        ("not (trial == 0 or trial == 1)", [2, 3]),
        ("not trial == 0 and not trial == 7", [1, 2]),
    ],
)
def test_comparisons_are_chained_and_joined_as_in_python(text, num_envs):
    assert where(text) == num_envs


@pytest.mark.parametrize(
    ("text", "num_envs"),
    [
        ("event == 'choice'", [1, 2]),
        ('event != "choice"', [0, 3]),
        ("'fixation' == event", [0, 3]),
        ("cue == 'B'", [0]),
        ("cue == 'A'", [1]),
        ("event == 1", [1, 2]),
        ("cue == 'B' or event == 'choice'", [0, 1, 2]),
    ],
)
def test_words_stand_for_their_codes(text, num_envs):
    assert where(text) == num_envs


@pytest.mark.parametrize(
    ("text", "num_envs"),
    [
        ("reward == reward", [0, 1, 2]),
        ("reward != 5", [0, 1, 2]),
        ("reward < 5", [0, 1, 2]),
        ("won + 1 > 0", [0, 1, 2]),
        ("cue != 'A'", [0]),
        ("0 <= cue <= 1", [0, 1]),
        # A comparison with a blank is false, so that its opposite is true.
        ("not reward == 1", [1, 2, 3]),
    ],
)
def test_a_comparison_with_a_blank_is_false(text, num_envs):
    assert where(text) == num_envs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "event == 'reward'",
            "a word in a condition must be one of fixation, choice; got 'reward'",
        ),
        ("cue == 'C'", "a word in a condition must be one of A, B; got 'C'"),
        ("trial == 'first'", "a word in a condition must be one of ; got 'first'"),
    ],
)
def test_a_word_that_its_name_has_not_is_refused(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        where(text)


@pytest.mark.parametrize(
    "text", ["teaching set 1", "rpe scale 0 when reward > 0", "memory reset"]
)
def test_what_can_be_done_in_training(text):
    check_training([parse(text)])


@pytest.mark.parametrize("text", ["units set 0", "teaching noise 1", "rpe noise 0.1"])
def test_what_cannot_be_done_in_training_is_refused(text):
    sentence = (
        "an intervention in training must set, add to or scale rpe or teaching, or "
        f"reset memory; got {text!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check_training([parse("rpe set 0"), parse(text)])


def test_teaching_is_refused_in_a_test():
    words = ("rpe noise 1", "units set 0 of 1", "memory reset")
    check_testing(map(parse, words))
    sentence = (
        "teaching must not be changed in a test, got 'teaching set 0': a frozen "
        "network does not learn; change its rpe"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check_testing([parse("rpe set 1"), parse("teaching set 0")])


def test_every_target_takes_every_operation_that_is_its_own():
    for target in TARGETS:
        for operation in ("reset",) if target == "memory" else OPERATIONS:
            amount = "" if target == "memory" else " 1.5"
            read = parse(f"{target} {operation}{amount}")
            assert (read.target, read.operation) == (target, operation)
            assert math.isclose(read.amount, 0 if target == "memory" else 1.5)


# Objects and sentences


@pytest.mark.parametrize(
    "text",
    [
        "units set 0",
        "units set 0 of 0-9,12",
        "units noise 0.3 of 3,1-2",
        "rpe set -4 when risky == 1 and won == 1",
        "teaching scale 0.5 when paid > 0",
        "rpe add 0.1234567891",
        "rpe add 1e-07",
        "memory reset",
        "memory reset when event == 'fixation' and trial % 5 == 0",
    ],
)
def test_a_sentence_is_written_as_it_was_read(text):
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


def test_a_sentence_is_written_in_one_form():
    assert str(parse("  units  set 0.50 of 0, 1 ,2 when  reward > 0 ")) == (
        "units set 0.5 of 0-2 when reward > 0"
    )


def test_an_object_says_what_its_sentence_does():
    intervention = Intervention(
        target="rpe", operation="set", amount=-4, when=Condition("won == 1")
    )
    assert intervention == parse("rpe set -4 when won == 1")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"target": "mood", "operation": "set"}, "the target of an intervention must"),
        ({"target": "rpe", "operation": "reset"}, "the operation on rpe must be one"),
        ({"target": "memory", "operation": "set"}, "the operation on memory must be"),
        (
            {"target": "rpe", "operation": "set", "amount": math.inf},
            "amount must be a finite number, got inf",
        ),
        (
            {"target": "rpe", "operation": "noise", "amount": -1},
            "noise must be at least 0, got -1",
        ),
        (
            {"target": "rpe", "operation": "set", "units": (1,)},
            "units must be None where the target is rpe, got (1,)",
        ),
    ],
)
def test_an_object_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        Intervention(**fields)


@pytest.mark.parametrize("check", [check_training, check_testing])
def test_a_sentence_in_place_of_an_object_is_refused(check):
    words = "interventions must hold Intervention objects, got 'rpe set 0'; metarl.core"
    with pytest.raises(ValueError, match=f"^{words}"):
        check(["rpe set 0"])


@pytest.mark.parametrize(
    "when",
    [
        "not " * 50_000 + "trial == 1",
        "(" * 150 + "trial == 1" + ")" * 150,
        "trial == " + "-" * 400 + "1",
        "trial == 1" + " + 1" * 100_000,
        "trial == \0",
    ],
)
def test_a_condition_that_is_nested_too_deep_gets_one_sentence(when):
    try:
        parse(f"units set 0 when {when}")
    except ValueError as error:
        assert len(str(error)) < 2000  # noqa: PT017
