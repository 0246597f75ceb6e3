"""Published results of animals, people and the paper's networks, as they ship."""

from functools import cache
from importlib import resources

import pandas as pd


@cache
def packaged(name: str) -> pd.DataFrame:
    """A CSV of the reference folder; each row says its study and where in it."""
    folder = resources.files("metarl.analysis") / "reference"
    with (folder / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
