"""Who counts as having learned."""

import pandas as pd

from metarl.analysis.criteria import LEARNED, learned_subjects
from metarl.catalog import TASKS


def test_the_threshold_itself_counts_as_learned():
    subjects = pd.DataFrame(
        {"subject": [3, 5, 7], "reward_per_100": [64.99, 65.0, float("nan")]}
    )
    learned = learned_subjects("two-step", subjects)
    assert learned.to_dict() == {3: False, 5: True, 7: False}


def test_a_task_without_a_criterion_says_so():
    assert learned_subjects("daw-two-step", pd.DataFrame()) is None


def test_every_criterion_is_of_a_task_in_the_catalogue():
    assert set(LEARNED) <= set(TASKS)
