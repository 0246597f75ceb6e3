"""Write `docs/results/published` and fill the page on the published settings.

    python scripts/published_settings.py runs/published \
        --arm two-step paper-tf runs/tf --arm inferred-value "value weight .5" runs/half

The folder is that of `metarl reproduce --preset paper`; further arms are runs of one of
its tasks. Runs that are not trained to their end are left out, and named. Tasks of
earlier calls that have no run in this one keep their results.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from scorecard_table import COLUMNS, NUMBERS, rounded

import metarl
from metarl.analysis.acquisition_plots import plot_shares
from metarl.analysis.plotting import legend_below
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.files import write_table_as_csv
from metarl.envs.registry import NAMES
from metarl.experiments.spec import preset
from metarl.reports.figure_files import save_figure
from metarl.reports.figures import read_effects
from metarl.runs.config import to_plain
from metarl.runs.folder import Run

DOCS = Path(__file__).resolve().parents[1] / "docs"
MAIN = "paper"
"""Name of the arm with the published settings."""
PANEL, COLUMN_COUNT = (4.4, 4.0), 3
"""Width and height of a panel in inches, and panels per row."""
TABLES = ("runs", "learned", "shares", "comparison", "effects")
"""Names of the tables."""
Arms = dict[str, dict[str, Run]]
"""Task -> arm -> run."""


def read_arms(folder: Path, more: Iterable[tuple[str, str, str]]) -> Arms:
    """Return the finished runs by task and arm; name the others."""
    own = ((task, MAIN, str(folder / task)) for task in NAMES)
    named = [each for each in own if (Path(each[2]) / "config.json").exists()]
    arms: Arms = {}
    for task, arm, path in [*named, *more]:
        run = metarl.load_run(path)
        if run.config.task != task:
            raise MetaRLError(f"{path} is of {run.config.task}, not of {task}")
        left = sum(not subject.finished for subject in run.subjects)
        if left:
            untrained = f"{left} of {run.config.subjects} networks are not trained"
            print(f"left out: {path}, {untrained}", file=sys.stderr)
        else:
            arms.setdefault(task, {})[arm] = run
    return arms


def run_row(task: str, arm: str, run: Run) -> dict[str, Any]:
    """Describe a run, with its settings that differ from the published ones."""
    config, published = run.config, to_plain(preset(task, MAIN))
    return {
        "task": task,
        "arm": arm,
        "preset": config.preset,
        "differs": ", ".join(differences(published, to_plain(config))),
        "networks": config.subjects,
        "seed": config.seed,
        "steps": config.training.steps,
    }


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Settings of the second configuration that differ, as NAME VALUE."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [k for k in now if name or k not in ("preset", "subjects", "seed")]
        parts = [differences(before.get(k), now[k], f"{name}.{k}") for k in keys]
        return [each for part in parts for each in part]
    return [] if before == now else [f"{name.lstrip('.')} {now}"]


def effect_rows(task: str, arm: str, run: Run) -> pd.DataFrame:
    """Effects of an analysed run, rounded; none if it is not analysed."""
    if not run.effects_path.exists():
        print(f"no effects: {run.path} is not analysed", file=sys.stderr)
        return pd.DataFrame()
    card = pd.DataFrame(read_effects(run.effects_path, f"metarl analyze {run.path}"))
    card = card.assign(**{name: card[name].map(rounded) for name in NUMBERS})
    return card[list(COLUMNS)].assign(experiment=task, arm=arm)


def read_acquisition(
    arms: Arms, work: Path, episodes: int, workers: int | None
) -> dict[str, pd.DataFrame]:
    """Return the tables of `metarl acquisition` of all tasks, with a column task."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for task, runs in arms.items():
        folders = {arm: run.path for arm, run in runs.items()}
        try:
            out = metarl.acquisition(
                folders, work / task, episodes=episodes, workers=workers
            )
        except MetaRLError as error:
            print(f"no time of learning: {error}", file=sys.stderr)
            continue
        if out.failures:
            raise MetaRLError(f"{task}: {out.failures}")
        for name in ("learned", "shares", "comparison"):
            if (out.path / f"{name}.csv").exists():
                table = pd.read_csv(out.path / f"{name}.csv")
                tables.setdefault(name, []).append(table.assign(task=task))
    return {name: pd.concat(parts) for name, parts in tables.items()}


def draw(shares: pd.DataFrame) -> Figure:
    """Draw the share of networks that have learned: a panel a task."""
    tasks = list(dict.fromkeys(shares["task"]))
    columns = min(COLUMN_COUNT, len(tasks))
    rows = -(-len(tasks) // columns)
    with figure_style():
        size = (PANEL[0] * columns, PANEL[1] * rows)
        figure = Figure(figsize=size, layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for ax in grid:
            ax.set_axis_off()
        for task, ax in zip(tasks, grid, strict=False):
            ax.set_axis_on()
            plot_shares(shares[shares["task"] == task], ax)
            ax.set(title=task, ylabel="Share that has learned")
            legend_below(ax)
    return figure


def with_earlier(
    folder: Path, tables: Mapping[str, pd.DataFrame], tasks: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """Return the tables with the earlier rows of other tasks, in the registry's order.

    Args:
        folder: of the earlier tables.
        tables: the new ones.
        tasks: those of the new ones.
    """
    both = {}
    for name in TABLES:
        new, path = tables.get(name, pd.DataFrame()), folder / f"{name}.csv"
        old = pd.read_csv(path, keep_default_na=False) if path.exists() else new[:0]
        of = "experiment" if name == "effects" else "task"
        if len(old):
            old = old[~old[of].isin(list(tasks))]
        parts = [part for part in (old, new) if len(part)]
        if parts:
            table = pd.concat(parts).reset_index(drop=True)
            order = table[of].map(NAMES.index).sort_values(kind="stable").index
            both[name] = table.loc[order]
    return both


def write_results(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the tables and the figure, in the place of earlier ones."""
    for path in folder.glob("*.*"):
        path.unlink()
    for name, table in tables.items():
        write_table_as_csv(folder / f"{name}.csv", table.reset_index(drop=True))
    if "shares" in tables:
        save_figure(draw(tables["shares"]), folder / "figure")
        (folder / "figure.pdf").unlink()


def main() -> None:
    """Read the runs, write the tables and the figure, and fill the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    names = ("TASK", "NAME", "RUN")
    parser.add_argument("--arm", nargs=3, metavar=names, action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/published-acquisition"))
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    arms = read_arms(options.folder, options.arm)
    each = [
        (task, arm, run) for task, runs in arms.items() for arm, run in runs.items()
    ]
    tables = read_acquisition(arms, options.work, options.episodes, options.workers)
    tables["runs"] = pd.DataFrame([run_row(*one) for one in each])
    effects = [effect_rows(*one) for one in each]
    tables["effects"] = pd.concat(effects)[["arm", *COLUMNS]]
    folder = DOCS / "results" / "published"
    write_results(folder, with_earlier(folder, tables, arms))
    sys.path.insert(0, str(DOCS))
    importlib.import_module("generators.published").fill_page()


if __name__ == "__main__":
    main()
