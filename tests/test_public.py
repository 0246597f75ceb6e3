"""The public functions refuse values of a wrong type in one sentence."""

from pathlib import Path

import pandas as pd
import pytest

import metarl
from metarl.core.checks import MetaRLError

WRONG = (None, True, 1.5, b"x", [], {}, object(), pd.DataFrame(), "../x", "x" * 300)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "call",
    [
        metarl.make,
        lambda value: metarl.make("two-step", value),
        metarl.preset,
        lambda value: metarl.preset("bandit", value),
        metarl.load_run,
        metarl.evaluate,
        metarl.analyze,
        metarl.acquisition,
        lambda value: metarl.acquisition({"published": value}),
        lambda value: metarl.acquisition("run", episodes=value),
        lambda value: metarl.read_trials(value, "own.csv"),
        lambda value: metarl.read_trials("two-step", value),
        lambda value: metarl.analyze_trials("two-step", value),
        lambda value: metarl.sweep(value, {"network.units": (4, 8)}),
        lambda value: metarl.sweep("two-step", value),
        lambda value: metarl.sweep("two-step", {"network.units": value}),
        lambda value: metarl.sweep("two-step", {"network.units": (4, 8)}, random=value),
    ],
)
def test_a_value_of_a_wrong_type_is_refused(call, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, MetaRLError)) as caught:
        call(value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(Path().iterdir())
