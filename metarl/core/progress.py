"""Progress displays of jobs: a bar for each, or one line for all."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tqdm import tqdm

log = logging.getLogger(__name__)

EARLY = 0.1
"""Fraction of a job that must be done before its duration is estimated from it."""


class Display(Protocol):
    """Display of the progress of jobs, by name."""

    def __enter__(self) -> "Display":
        """Show the display."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close the display."""
        ...

    def begin(self, name: str) -> None:
        """Show that a job has started."""
        ...

    def move(self, name: str, progress: float) -> None:
        """Show the progress of a running job, in [0, 1]."""
        ...

    def end(self, name: str, failure: str) -> None:
        """Show the end of a job; `failure` is the reason of a failure, or empty."""
        ...


QUARTERS = 4
"""Lines of a job's progress where there is no terminal."""


class Bars:
    """Progress bar for each job; without a terminal, a line of the log per quarter."""

    def __init__(self, names: Iterable[str], *, show: bool = True) -> None:
        """Create the bars of all jobs, in their order."""
        names = list(names)
        terminal = sys.stderr.isatty()
        hide = not (show and terminal)
        self.logs = show and not terminal
        self.quarters = dict.fromkeys(names, 0)
        """Quarters of each job that are done and logged."""
        width = max(map(len, names), default=0)
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
        self.bars = {
            name: tqdm(desc=name.ljust(width), total=1.0, bar_format=form, disable=hide)
            for name in names
        }

    def __enter__(self) -> "Bars":
        """Return the display; the bars exist already."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the bars; they remain on the screen."""
        for bar in self.bars.values():
            bar.close()

    def begin(self, name: str) -> None:
        """Start the clock of the job."""
        self.bars[name].reset()

    def move(self, name: str, progress: float) -> None:
        """Draw the progress of the job."""
        bar = self.bars[name]
        bar.update(progress - bar.n)
        quarter = int(QUARTERS * progress)
        if self.logs and quarter > self.quarters[name]:
            self.quarters[name] = quarter
            log.info("%s: %.0f %%", name, 100 * quarter / QUARTERS)

    def end(self, name: str, failure: str) -> None:
        """Leave the bar as it is."""


class Overall:
    """One bar for many jobs, with the running jobs and an estimate of the time left.

    Jobs with names that differ only in a final number are of one kind, and assumed to
    take equally long. Without a terminal, each end of a job is a line of the log.
    """

    def __init__(
        self, sizes: Mapping[str, float], workers: int, *, show: bool = True
    ) -> None:
        """Start with all jobs waiting.

        Args:
            sizes: job -> relative size, above 0, in any unit, for the estimate of its
                duration until a job of its kind is done.
            workers: number of jobs that run in parallel.
            show: whether to show anything.
        """
        self.sizes, self.workers, self.show = dict(sizes), workers, show
        self.running: dict[str, tuple[float, float]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.waiting = list(sizes)
        self.terminal = show and sys.stderr.isatty()
        form = "{percentage:3.0f}%|{bar:20}| {elapsed} {desc}"
        self.bar = tqdm(total=1.0, bar_format=form, disable=not self.terminal)

    def __enter__(self) -> "Overall":
        """Return the display; the bar exists already."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the bar; it remains on the screen."""
        self.bar.close()

    def begin(self, name: str) -> None:
        """Start the clock of the job."""
        self.waiting.remove(name)
        self.running[name] = (time.monotonic(), 0.0)
        self._draw()

    def move(self, name: str, progress: float) -> None:
        """Draw the progress of the job."""
        self.running[name] = (self.running[name][0], progress)
        self._draw()

    def end(self, name: str, failure: str) -> None:
        """Record the duration of the job for its kind."""
        began, _ = self.running.pop(name)
        if not failure:
            self.seconds.setdefault(kind(name), []).append(time.monotonic() - began)
        self._draw()
        if failure and self.terminal:
            # A terminal may be closed while the jobs go on, as the bar allows.
            with contextlib.suppress(OSError):
                self.bar.write(f"{name} failed: {failure}", file=sys.stderr)
        if self.show and not self.terminal:
            over = len(self.sizes) - len(self.waiting) - len(self.running)
            how = f"failed: {failure}" if failure else "done"
            log.info(
                "%d of %d: %s %s; %s",
                over,
                len(self.sizes),
                name,
                how,
                self._left(),
            )

    def seconds_left(self) -> float | None:
        """Estimated seconds until all jobs are done; None without any estimate."""
        known = self._known()
        if not known:
            return None
        now = time.monotonic()
        left = sum(self._duration(name, known) for name in self.waiting)
        for name, (began, progress) in self.running.items():
            whole = self._pace(now - began, progress) or self._duration(name, known)
            left += max(whole - (now - began), 0.0)
        return left / self.workers

    def _known(self) -> dict[str, list[float]]:
        """Kind -> durations of its jobs, finished or estimated from their pace."""
        known = {name: [*seconds] for name, seconds in self.seconds.items()}
        for name, (began, progress) in self.running.items():
            if whole := self._pace(time.monotonic() - began, progress):
                known.setdefault(kind(name), []).append(whole)
        return known

    @staticmethod
    def _pace(elapsed: float, progress: float) -> float:
        """Estimated duration of a job at its present pace; 0 if it is too early."""
        return elapsed / progress if progress > EARLY else 0.0

    def _duration(self, name: str, known: Mapping[str, Sequence[float]]) -> float:
        """Mean duration of its kind; else from its size, relative to known kinds."""
        if seconds := known.get(kind(name)):
            return sum(seconds) / len(seconds)
        of_kind = {kind(name): size for name, size in self.sizes.items()}
        size = sum(of_kind[each] * len(seconds) for each, seconds in known.items())
        return self.sizes[name] * sum(map(sum, known.values())) / size

    def _draw(self) -> None:
        if not self.terminal:
            return
        done = 1.0 - self._unfinished() / max(sum(self.sizes.values()), 1e-9)
        text = f"{self._left()}: {', '.join(self.running)}"
        self.bar.set_description_str(text, refresh=False)
        self.bar.update(max(done - self.bar.n, 0.0))
        self.bar.refresh()

    def _left(self) -> str:
        seconds = self.seconds_left()
        return "just started" if seconds is None else f"{minutes(seconds)} left"

    def _unfinished(self) -> float:
        """Total size of the unfinished parts of all jobs."""
        waiting = sum(self.sizes[name] for name in self.waiting)
        return waiting + sum(
            self.sizes[name] * (1.0 - progress)
            for name, (_, progress) in self.running.items()
        )


def kind(name: str) -> str:
    """Kind of a job: its name without a final number."""
    words, _, last = name.rpartition(" ")
    return words if last.isdigit() else name


def minutes(seconds: float) -> str:
    """Format a duration."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def ago(seconds: float) -> str:
    """Format the time since an event."""
    return f"{minutes(max(seconds, 0.0)).removeprefix('about ')} ago"
