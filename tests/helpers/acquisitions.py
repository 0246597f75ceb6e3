"""Tests of snapshots in which networks meet the criterion from one of them on."""

import pandas as pd

from metarl.analysis.acquisition import with_learned

NEVER = None


def meeting_from(run, firsts, snapshots=5, episodes=10):
    """Tests of networks that meet the criterion, 1, from a snapshot on."""
    return pd.DataFrame(
        [
            {
                "run": run,
                "subject": subject,
                "snapshot": snapshot,
                "episodes": snapshot * episodes,
                "steps": snapshot * 300,
                "statistic": float(first is not None and snapshot >= first),
            }
            for subject, first in enumerate(firsts)
            for snapshot in range(snapshots + 1)
        ]
    )


def table_of(*runs, **more):
    tests = [meeting_from(name, firsts, **more) for name, firsts in runs]
    return with_learned(pd.concat(tests, ignore_index=True), threshold=1)


FIVE = ("five", [1, 2, 2, NEVER, NEVER])
