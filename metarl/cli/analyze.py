"""metarl analyze."""

from dataclasses import dataclass

from metarl.cli.options import CRASHED, MISSED, RunFolder, TrustTask, parse


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions:
    """Compare an evaluated run with the paper and animals, and score its effects."""

    run: RunFolder
    """Folder of the run."""
    trust_task: TrustTask = False
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""


def main(words: list[str]) -> int:
    """Analyse an evaluated run: metarl analyze RUN."""
    options = parse(AnalyzeOptions, "analyze", words)
    from metarl.reports.figures import analyze as analyze_run
    from metarl.reports.figures import passed
    from metarl.runs.folder import incomplete_lines, load_run

    run = load_run(options.run, trust_task=options.trust_task)
    paths = analyze_run(run)
    print(paths["result"].read_text(encoding="utf-8"))
    for name, path in paths.items():
        print(f"{name}: {path}")
    # The analysis has logged them.
    if incomplete_lines(run):
        return CRASHED
    return MISSED if options.require_pass and not passed(paths["effects"]) else 0
