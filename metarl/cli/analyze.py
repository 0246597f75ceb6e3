"""metarl analyze."""

import json
from dataclasses import dataclass

from metarl.cli.options import (
    CRASHED,
    MISSED,
    RunFolder,
    TrustTask,
    bad_input,
    parse,
)
from metarl.reports.figure_format import FigureFormat, StyleName, listed, millimetres


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions:
    """Compare an evaluated run with the paper and animals, and score its effects."""

    run: RunFolder
    """Folder of the run."""
    trust_task: TrustTask = False
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""
    json: bool = False
    """Print the effects, and the paths of all files, as JSON."""
    style: StyleName = "screen"
    """Draw a further figure for this purpose: paper, with letters of 7 to 8 points, or
    slide."""
    width: str = ""
    """Width of the further figure, as 89mm or 183mm; default: that of its style, 183 mm
    for a paper."""
    panel: str = ""
    """Letters of its panels, in the order in which they are drawn, as a,c; default:
    all."""
    format: str = "png,pdf"
    """Kinds of its files: png, pdf, svg."""


def main(words: list[str]) -> int:
    """Analyse an evaluated run: metarl analyze RUN."""
    options = parse(AnalyzeOptions, "analyze", words)
    from metarl.reports.figures import analyze as analyze_run
    from metarl.reports.figures import check_panels, passed
    from metarl.runs.folder import incomplete_lines, load_run

    with bad_input():
        form = FigureFormat(
            style=options.style,
            width=millimetres(options.width) if options.width else None,
            panels=listed(options.panel),
            formats=listed(options.format),
        )
        run = load_run(options.run, trust_task=options.trust_task)
        check_panels(run, form)
    paths = analyze_run(run, form)
    if options.json:
        effects = json.loads(paths["effects"].read_text(encoding="utf-8"))
        files = {name: str(path) for name, path in paths.items()}
        print(json.dumps({"files": files, "effects": effects}, indent=1))
    else:
        print(paths["result"].read_text(encoding="utf-8"))
        for name, path in paths.items():
            print(f"{name}: {path}")
    # The analysis has logged them.
    if incomplete_lines(run):
        return CRASHED
    return MISSED if options.require_pass and not passed(paths["effects"]) else 0
