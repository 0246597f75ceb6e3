"""Published tables: one format, with a source in every row."""

from importlib import resources

import pandas as pd
import pytest

from metarl.analysis.references import (
    SHARED_COLUMNS,
    read_reference,
    reference_value,
)

FILES = sorted(
    (folder.name, file.name.removesuffix(".csv"))
    for folder in resources.files("metarl.analysis").iterdir()
    if (folder / "reference").is_dir()
    for file in (folder / "reference").iterdir()
)


@pytest.mark.parametrize(("folder", "name"), FILES)
def test_every_value_has_a_kind_a_label_and_a_source(folder, name):
    table = read_reference(f"metarl.analysis.{folder}", name)
    assert set(SHARED_COLUMNS) <= set(table.columns)
    if table["value"].isna().any():  # Only a statement in words was published.
        assert set(table.loc[table["value"].isna(), "unit"]) == {"qualitative"}
    assert set(table["kind"]) <= {"animal", "human", "paper", "baseline"}
    assert table[["measure", "label", "study", "source_location"]].notna().all().all()
    assert (table["error"].isna() | table["error_type"].notna()).all()


def test_a_table_cannot_be_spoilt_by_a_caller():
    table = read_reference("metarl.analysis.reversal", "measures")
    table["value"] = 0.0
    again = read_reference("metarl.analysis.reversal", "measures")
    assert (again["value"] > 0).all()


def test_one_value_is_found_by_its_keys():
    table = pd.DataFrame({"lag": [1, 2, 2], "value": [0.5, 0.25, 0.75]})
    assert reference_value(table, lag=1) == 0.5
    assert reference_value(table, lag=9) is None
    with pytest.raises(ValueError, match=r"one published value at \{'lag': 2\}, got 2"):
        reference_value(table, lag=2)
