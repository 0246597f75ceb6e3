"""The reference learners, trial by trial, by hand."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.trials import EpisodeGrid
from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.rpe import (
    SarsaParams,
    model_based_errors,
    model_free_errors,
    structure_of,
)

KNOWN = structure_of(ANALYSIS.published)


def grid(choice, second_state, outcome):
    columns = {"choice": choice, "second_state": second_state, "outcome": outcome}
    laid = {k: np.atleast_2d(np.array(v, float)) for k, v in columns.items()}
    return EpisodeGrid(
        episodes=pd.DataFrame(index=range(len(laid["outcome"]))), columns=laid
    )


def test_the_planner_by_hand():
    # Trial 1: belief .5, every value .5. Left, S1, rewarded: belief .9, then .9 * .975
    # + .1 * .025 = .88; v(S1) = .9 * .88 + .1 * .12 = .804, v(S2) = .196.
    # Trial 2: left (.8 * .804 + .2 * .196 = .6824) leads rarely to S2, no reward.
    errors = model_based_errors(grid([0, 0], [0, 1], [1, 0]), 0.9, KNOWN)
    assert errors["second stage"][0] == pytest.approx([0, 0.9 * (0.196 - 0.6824)])
    assert errors["reward"][0] == pytest.approx([0.5, -0.196])


def test_a_rare_unrewarded_trial_strengthens_the_planners_belief():
    # Belief .88 and no reward in S2 (likely .9 if S1 is high, else .1): odds x 9.
    errors = model_based_errors(grid([0, 0, 0], [0, 1, 0], [1, 0, 1]), 1.0, KNOWN)
    odds = 0.88 / 0.12 * 9
    belief = 0.975 * odds / (1 + odds) + 0.025 / (1 + odds)
    value = 0.1 + 0.8 * belief
    assert errors["reward"][0, 2] == pytest.approx(1 - value)
    planned = 0.8 * value + 0.2 * (1 - value)
    assert errors["second stage"][0, 2] == pytest.approx(value - planned)


def test_the_planner_is_blind_to_left_and_right():
    one = model_based_errors(grid([0, 1, 1], [0, 0, 1], [1, 0, 1]), 0.9, KNOWN)
    other = model_based_errors(grid([1, 0, 0], [1, 1, 0], [1, 0, 1]), 0.9, KNOWN)
    for event, errors in one.items():
        assert errors == pytest.approx(other[event])


def test_a_trial_without_a_choice_gives_no_error_and_only_forgets():
    missing = grid([0, np.nan, 0], [0, np.nan, 0], [1, np.nan, 1])
    errors = model_based_errors(missing, 0.9, KNOWN)
    assert np.isnan(errors["reward"][0, 1])
    belief = 0.9
    for _ in range(2):
        belief = 0.975 * belief + 0.025 * (1 - belief)
    assert errors["reward"][0, 2] == pytest.approx(1 - (0.1 + 0.8 * belief))
    free = model_free_errors(missing, 0.9)
    assert np.isnan(free["second stage"][0, 1])
    assert free["reward"][0, 2] == pytest.approx(1 - 0.55)


def test_impossible_outcomes_leave_the_planner_its_belief():
    certain = KNOWN._replace(
        probability_high=1, probability_low=0, probability_switch=0
    )
    errors = model_based_errors(grid([0, 0, 0], [0, 0, 0], [1, 0, 1]), 1.0, certain)
    assert np.isfinite(errors["reward"]).all()


def test_sarsa_by_hand():
    # All states .5, choices .9 * .5 = .45; rate .1.
    # Trial 1, left to S1, rewarded: arrival .45 - .45 = 0; reward .5, v(S1) = .55.
    # Trial 2, right to S1, unrewarded: .9 * .55 - .45 = .045, q(right) = .4545; -.55,
    # .495.
    # Trial 3, right to S2, rewarded: .45 - .4545 = -.0045; .5.
    errors = model_free_errors(grid([0, 1, 1], [0, 0, 1], [1, 0, 1]), 0.9)
    assert errors["second stage"][0] == pytest.approx([0, 0.045, -0.0045])
    assert errors["reward"][0] == pytest.approx([0.5, -0.55, 0.5])


def test_sarsa_learns_at_its_rate():
    params = SarsaParams(learning_rate=0.5, initial_value=0.0)
    errors = model_free_errors(grid([0, 0, 0], [0, 0, 0], [1, 1, 1]), 1.0, params)
    assert errors["reward"][0] == pytest.approx([1, 0.5, 0.25])
    assert errors["second stage"][0] == pytest.approx([0, 0.5, 0.5])


def test_episodes_are_independent():
    both = grid([[0, 0], [1, 1]], [[0, 0], [0, 1]], [[1, 1], [0, 1]])
    one = grid([1, 1], [0, 1], [0, 1])
    for learner, known in (
        (model_based_errors, KNOWN),
        (model_free_errors, SarsaParams()),
    ):
        together = learner(both, 0.9, known)
        alone = learner(one, 0.9, known)
        for event, errors in alone.items():
            assert together[event][1] == pytest.approx(errors[0])


def test_the_planner_takes_the_task_parameters_it_shares():
    changed = {"probability_common": 0.75, "fixation": False, "trial_count": 10}
    planner = structure_of(ANALYSIS.published | changed)
    assert planner == KNOWN._replace(probability_common=0.75)
    with pytest.raises(ValueError, match="must have probability_high, probability_low"):
        structure_of(changed)


def test_a_value_that_is_no_probability_is_refused():
    with pytest.raises(
        ValueError, match=r"probability_high must be in \[0, 1\], got 2"
    ):
        structure_of(ANALYSIS.published | {"probability_high": 2})
    with pytest.raises(ValueError, match=r"learning_rate must be in \[0, 1\], got -1"):
        SarsaParams(learning_rate=-1)
