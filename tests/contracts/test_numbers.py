"""Promises of every analysis on missing values, uncounted trials, and bounds."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from populations import ANALYSES, SUBJECTS, chance, everything

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.measures import Measure
from metarl.analysis.statistics import NO_BOUNDS, Bounds
from metarl.core.checks import MetaRLError

every_analysis = pytest.mark.parametrize("name", ANALYSES)
FREE = [name for name, analysis in ANALYSES.items() if analysis.needs is not None]
every_analysis_of_free_choices = pytest.mark.parametrize("name", FREE)


def animals(name, trials):
    return ExperimentData(trials=trials, task=name, subjects_are="animals")


@cache
def group(name):
    """Result of subjects with whole data, as animals."""
    return analyse(ANALYSES[name], animals(name, chance(name)))


def with_one_trial(name):
    """The same subjects, and one of whom there is a single trial."""
    trials = chance(name)
    first = trials.groupby(["subject", "session", "episode"]).head(1).iloc[:1]
    return pd.concat([trials, first.assign(subject=SUBJECTS)], ignore_index=True)


@every_analysis
def test_one_incomplete_subject_takes_no_number_from_the_group(name):
    own = group(name)
    other = analyse(ANALYSES[name], animals(name, with_one_trial(name)))
    for title, measure in own.tables._tables.items():
        if not isinstance(measure, Measure):
            continue
        keys = [k for k in ("group",) if k in measure.table] + list(measure.keys)
        before, after = (
            result.tables.summary(title).set_index(keys) for result in (own, other)
        )
        known = before.index[before["n"] > 0]
        assert (after.loc[known, "n"] >= before.loc[known, "n"]).all(), title
        assert after.loc[known, "mean"].notna().all(), title
    before, after = (r.effects.set_index("key") for r in (own, other))
    known = before.index[before["value"].notna()]
    assert after.loc[known, "value"].notna().all()
    assert (after.loc[known, "subjects"] >= before.loc[known, "subjects"]).all()
    assert (after["subjects"] + after["missing"] <= SUBJECTS + 1).all()
    for panel in ANALYSES[name].behaviour_panels:
        panel(other.tables, other.context)


def uncounted(name, blank):
    """Every seventh trial with valid 0; or, where `blank`, without a choice as well."""
    trials = chance(name).reset_index(drop=True)
    chosen = np.arange(len(trials)) % 7 == 3
    trials["valid"] = trials["valid"].where(~chosen, 0)
    if blank:
        for column in ("choice", *ANALYSES[name].needs):
            trials[column] = trials[column].astype(object).where(~chosen, None)
            if column != "transition":
                trials[column] = trials[column].astype(float)
    return trials


@every_analysis_of_free_choices
def test_a_choice_in_a_trial_that_does_not_count_is_treated_as_none(name):
    invalid, blank = (
        analyse(ANALYSES[name], animals(name, uncounted(name, blank=blank)))
        for blank in (False, True)
    )
    whole = group(name).effects.set_index("key")["value"]
    one, other = (r.effects.set_index("key")["value"] for r in (invalid, blank))
    assert one.index.tolist() == other.index.tolist()
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert not one.equals(whole.reindex(one.index))


@every_analysis_of_free_choices
def test_a_table_in_which_no_trial_counts_is_refused(name):
    for change in ({"valid": 0}, {"forced": 1}):
        trials = chance(name).assign(**change)
        with pytest.raises(
            MetaRLError, match=r"nothing to analyse: none of the \d+ tr"
        ):
            analyse(ANALYSES[name], animals(name, trials))
        # Networks may have learned so little that nothing counts.
        networks = replace(animals(name, trials), subjects_are="networks")
        assert len(analyse(ANALYSES[name], networks).tables["subjects"]) == SUBJECTS


@every_analysis
def test_no_interval_reaches_beyond_the_bounds_of_its_measure(name):
    result = analyse(ANALYSES[name], everything(name))
    bounded = 0
    for title, measure in result.tables._tables.items():
        if isinstance(measure, Measure):
            summary = result.tables.summary(title)
            for _, row in summary.iterrows():
                bounds = measure.bounds
                if not isinstance(bounds, Bounds):
                    bounds = bounds.get(row["measure"], NO_BOUNDS)
                low, high = bounds
                assert not row["low"] < low, title
                assert not row["high"] > high, title
                bounded += np.isfinite([low, high]).any()
    for effect in result.analysis.effects(result.tables, result.context):
        low, high = effect.bounds
        values = effect.values.dropna()
        assert values.between(low - 1e-6, high + 1e-6).all(), effect.key
        bounded += np.isfinite([low, high]).any()
    assert bounded


@every_analysis
def test_probabilities_have_bounds(name):
    """A measure in [0, 1] by its name has a declared range."""
    for title, measure in group(name).tables._tables.items():
        if isinstance(measure, Measure) and measure.value in (
            *("probability", "accuracy", "percent", "share", "fraction", "valid"),
            *("rate", "learning_rate"),
        ):
            assert np.isfinite(measure.bounds).all(), title
