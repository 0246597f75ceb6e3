"""Tables of choices that both two-step experiments have."""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    behaviour_rows,
    by_group,
    select_group,
    subject_labels,
    subject_rewards,
)
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import TrialSequence
from metarl.analysis.two_step.behaviour import (
    behaviour_summary,
    lag_regression,
    product_nulls,
    stay_interaction,
    stay_probabilities,
    stay_regression,
)
from metarl.analysis.two_step.second_stage import second_stage


def choice_tables(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Tables of rewards and choices, by name.

    Returns:
        Per group and subject: subjects (with `product_nulls`), stays, stay_regression,
        lags, second_stage (where there are such choices). behaviour:
        `behaviour_summary` of the measured subjects.
    """
    stays = by_group(groups, stay_probabilities)
    keys = ["group", "subject"]
    interaction = stay_interaction(stays, keys).reset_index()
    subjects = (
        by_group(groups, subject_rewards)
        .merge(interaction, "left", on=keys)
        .merge(by_group(groups, product_nulls), "left", on=keys)
    )
    second = by_group(groups, second_stage)
    labels = subject_labels(data)
    return {
        "subjects": Measure(subjects, "reward_per_100"),
        "stays": Measure(stays, "probability", ("reward", "transition"), PROBABILITY),
        "stay_regression": Measure(
            by_group(groups, stay_regression), "weight", ("term",)
        ),
        "lags": Measure(
            by_group(groups, lag_regression), "weight", ("lag", "transition", "reward")
        ),
        "second_stage": Measure(second, "value", ("measure",), PROBABILITY),
        "behaviour": _behaviour(groups[MEASURED], select_group(second), labels),
    }


def _behaviour(
    trials: TrialSequence, second: pd.DataFrame, labels: Mapping[int, str]
) -> pd.DataFrame:
    """`behaviour_summary`, and where there are second-stage choices, their measures."""
    table = behaviour_summary(trials, labels)
    if second.empty:
        return table
    rows = behaviour_rows(second.rename(columns={"measure": "quantity"}), labels)
    rows = rows.rename(columns={"quantity": "term"})
    return pd.concat([table, rows], ignore_index=True)[list(table.columns)]
