"""What a person sees while jobs run: a bar for each, or one line for them all."""

import logging
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tqdm import tqdm

log = logging.getLogger(__name__)

EARLY = 0.1
"""Part of a job that must be done before its pace says how long it takes."""


class Display(Protocol):
    """Is told what happens to jobs, by their names."""

    def __enter__(self) -> "Display":
        """Show it."""
        ...

    def __exit__(self, *error: object) -> None:
        """Leave the screen in order."""
        ...

    def begin(self, name: str) -> None:
        """A job has started."""
        ...

    def move(self, name: str, progress: float) -> None:
        """A running job is so far, in [0, 1]."""
        ...

    def end(self, name: str, failure: str) -> None:
        """A job is over; `failure` says why it failed, or is empty."""
        ...


class Bars:
    """A progress bar for each job, where there is a terminal."""

    def __init__(self, names: Iterable[str], *, show: bool = True) -> None:
        """Bars for all jobs, in their order."""
        names = list(names)
        hide = not (show and sys.stderr.isatty())
        width = max(map(len, names), default=0)
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
        self.bars = {
            name: tqdm(desc=name.ljust(width), total=1.0, bar_format=form, disable=hide)
            for name in names
        }

    def __enter__(self) -> "Bars":
        """They stand already."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the bars on the screen."""
        for bar in self.bars.values():
            bar.close()

    def begin(self, name: str) -> None:
        """Its clock starts."""
        self.bars[name].reset()

    def move(self, name: str, progress: float) -> None:
        """Draw it so far."""
        bar = self.bars[name]
        bar.update(progress - bar.n)

    def end(self, name: str, failure: str) -> None:
        """A bar stays as it was last."""


class Overall:
    """One bar for many jobs, with what runs and about how long it will still take.

    Jobs named alike but for their last word are of one kind, and take about as long.
    Without a terminal each end of a job is a line of the log.
    """

    def __init__(
        self, sizes: Mapping[str, float], workers: int, *, show: bool = True
    ) -> None:
        """Nothing is known yet.

        Args:
            sizes: job -> how large it is beside the others, above 0, in any unit: what
                its duration is guessed from until one of its kind is done.
            workers: jobs that run at once.
            show: whether to say anything at all.
        """
        self.sizes, self.workers, self.show = dict(sizes), workers, show
        self.running: dict[str, tuple[float, float]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.waiting = list(sizes)
        self.terminal = show and sys.stderr.isatty()
        form = "{percentage:3.0f}%|{bar:20}| {elapsed} {desc}"
        self.bar = tqdm(total=1.0, bar_format=form, disable=not self.terminal)

    def __enter__(self) -> "Overall":
        """The bar stands already."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the bar on the screen."""
        self.bar.close()

    def begin(self, name: str) -> None:
        """Its clock starts."""
        self.waiting.remove(name)
        self.running[name] = (time.monotonic(), 0.0)
        self._draw()

    def move(self, name: str, progress: float) -> None:
        """Draw it so far."""
        self.running[name] = (self.running[name][0], progress)
        self._draw()

    def end(self, name: str, failure: str) -> None:
        """Learn from it how long its kind takes."""
        began, _ = self.running.pop(name)
        if not failure:
            self.seconds.setdefault(kind(name), []).append(time.monotonic() - began)
        self._draw()
        if failure and self.terminal:
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
        """About how long until all jobs are done; None while nothing is known."""
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
        """Kind -> how long its jobs took, or will at the pace of those that run."""
        known = {name: [*seconds] for name, seconds in self.seconds.items()}
        for name, (began, progress) in self.running.items():
            if whole := self._pace(time.monotonic() - began, progress):
                known.setdefault(kind(name), []).append(whole)
        return known

    @staticmethod
    def _pace(elapsed: float, progress: float) -> float:
        """How long the whole job takes at this pace; 0 while it is too early to say."""
        return elapsed / progress if progress > EARLY else 0.0

    def _duration(self, name: str, known: Mapping[str, Sequence[float]]) -> float:
        """Mean of its kind; else its size, at the rate of what is known."""
        if seconds := known.get(kind(name)):
            return sum(seconds) / len(seconds)
        of_kind = {kind(name): size for name, size in self.sizes.items()}
        size = sum(of_kind[each] * len(seconds) for each, seconds in known.items())
        return self.sizes[name] * sum(map(sum, known.values())) / size

    def _draw(self) -> None:
        if not self.terminal:
            return
        done = 1.0 - self._unfinished() / max(sum(self.sizes.values()), 1e-9)
        told = f"{self._left()}: {', '.join(self.running)}"
        self.bar.set_description_str(told, refresh=False)
        self.bar.update(max(done - self.bar.n, 0.0))
        self.bar.refresh()

    def _left(self) -> str:
        seconds = self.seconds_left()
        return "just begun" if seconds is None else f"{minutes(seconds)} left"

    def _unfinished(self) -> float:
        """Size of what is not done."""
        waiting = sum(self.sizes[name] for name in self.waiting)
        return waiting + sum(
            self.sizes[name] * (1.0 - progress)
            for name, (_, progress) in self.running.items()
        )


def kind(name: str) -> str:
    """What jobs are that differ in a number only."""
    words, _, last = name.rpartition(" ")
    return words if last.isdigit() else name


def minutes(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
