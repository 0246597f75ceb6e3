"""Files of a study: the results of each seed, and the tables and figures of all."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from metarl.analysis.style import figure_style
from metarl.core.files import read_json, whole_file, write_json, write_table
from metarl.core.parallel import Reporter
from metarl.studies.spec import Condition, Results, Study


def run_seed(condition: Condition, seed: int, path: Path, reporter: Reporter) -> None:
    """Compute the results of one seed, and write them with their processor time.

    Args:
        condition: of a study.
        seed: root of its random streams.
        path: the JSON file to write.
        reporter: receives the progress; asked whether to stop.
    """
    began = time.process_time()
    results = condition(seed, reporter)
    seconds = time.process_time() - began
    write_json(path, {"results": results, "seconds": seconds}, seal=True)


def read_seeds(paths: Mapping[str, Sequence[Path]]) -> Results | None:
    """Results of all seeds of a study; None if a file is missing.

    Args:
        paths: condition -> files of its seeds, in order.
    """
    if not all(path.exists() for files in paths.values() for path in files):
        return None
    read = {name: [read_json(path) for path in files] for name, files in paths.items()}
    return Results(
        seeds={
            name: [each["results"] for each in seeds] for name, seeds in read.items()
        },
        seconds={
            name: [each["seconds"] for each in seeds] for name, seeds in read.items()
        },
    )


def write_results(study: Study, results: Results, folder: Path) -> pd.DataFrame:
    """Write a study's tables as CSV and its figures as PNG.

    Args:
        study: that the results are of.
        results: of all seeds.
        folder: created if it does not exist.

    Returns:
        The study's main table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = study.tables(results)
    for title, table in tables.items():
        write_table(folder / f"{title}.csv", table)
    with figure_style(math=True):
        for title, figure in study.figures(results).items():
            with whole_file(folder / f"{title}.png") as temporary:
                figure.savefig(temporary, format="png")
            plt.close(figure)
    return next(iter(tables.values()))
