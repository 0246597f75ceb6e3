"""Rest after learning: sensors, noise, and replay of one source or another.

Eight objects stand in two rows of four. A rule orders them; they were seen in another
order. A movie replays what was seen; imagination replays what the rule, learned from
other objects, says of these. The two differ in the chances of what follows what, which
the replay is drawn from, and in nothing else.

Source: after Liu, Dolan, Kurth-Nelson & Behrens 2019, Cell 178:640; sensors and noise
as in the simulation of Liu et al. 2021, eLife 10:e66917.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from metarl.studies.hippocampus.sequenceness import Array

OBJECTS, ROW = 8, 4
"""Objects, and how many stand in a row."""
SAMPLE_MS = 10
"""Time between samples, in ms."""
SHOWN = 18
"""Noisy pictures of each object that the decoder learns from."""
RIDGE = 10.0
"""Penalty on the decoder's weights."""


@dataclass(frozen=True, kw_only=True)
class RestParams:
    """What a subject's rest is like."""

    sensors: int = 64
    """Sensors."""
    samples: int = 12_000
    """Length of rest, 10 ms each: two minutes."""
    event_rate: float = 0.05
    """Replays begun a sample; published simulations have 0.33, of two objects each."""
    lag: int = 4
    """From one object to the next, in samples."""
    memory: float = 0.95
    """Share of the noise that is left a sample later."""


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What a subject learned, as chances of what follows what among new objects."""

    rule: Array
    """(8, 8) by the rule, learned from other objects and applied to these."""
    seen: Array
    """(8, 8) as they were shown."""


def learned_transitions(walks: Sequence[Sequence[int]], states: int) -> Array:
    """(S, S) how often each state was followed by each, as a share; 0 after a last one.

    Args:
        walks: orders that were experienced.
        states: S.
    """
    counts = np.zeros((states, states))
    for walk in walks:
        np.add.at(counts, (walk[:-1], walk[1:]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, totals, out=counts, where=totals > 0))


def new_objects(generator: np.random.Generator) -> Trajectory:
    """The rule learned from objects in order, and new objects seen out of order.

    Each new object is told its place (row, position); no two that the rule puts side by
    side are shown one after the other.
    """
    places = np.arange(OBJECTS).reshape(-1, ROW)
    by_place = learned_transitions(places.tolist(), OBJECTS)
    place_of = generator.permutation(OBJECTS)
    rule = by_place[np.ix_(place_of, place_of)]
    while True:
        shown = generator.permutation(OBJECTS).reshape(-1, ROW)
        seen = learned_transitions(shown.tolist(), OBJECTS)
        if not (seen * (rule + rule.T)).any():
            return Trajectory(rule=rule, seen=seen)


def replayed(source: Array, first: int, generator: np.random.Generator) -> list[int]:
    """One replay: from a first state on, as the source has it, until nothing follows.

    Args:
        source: (S, S) chances of what follows what.
        first: where it begins.
        generator: of chance.
    """
    told = [first]
    while source[told[-1]].any() and len(told) < ROW:
        told.append(int(generator.choice(len(source), p=source[told[-1]])))
    return told


@dataclass(frozen=True, kw_only=True)
class Brain:
    """What objects look like on a subject's sensors, and a decoder that tells them."""

    patterns: Array
    """(8, sensors) activity of each object."""
    mixing: Array
    """(sensors, sensors) how sensors share noise."""
    decoder: Array
    """(sensors, 8) weights from sensors to evidence for each object."""


def new_brain(generator: np.random.Generator, params: RestParams) -> Brain:
    """A subject whose decoder learned from noisy pictures, and from none.

    Departs: the decoder is a ridge regression; published, a sparse logistic one.
    """
    count = params.sensors
    patterns = generator.standard_normal(count) + generator.standard_normal(
        (OBJECTS, count)
    )
    shown = np.repeat(np.arange(OBJECTS), SHOWN)
    pictures = np.concatenate([patterns[shown], np.zeros((len(shown), count))])
    pictures += 4 * generator.standard_normal(pictures.shape)
    labels = np.concatenate([np.eye(OBJECTS)[shown], np.zeros((len(shown), OBJECTS))])
    pictures -= pictures.mean(axis=0)
    square = pictures.T @ pictures + RIDGE * np.eye(count)
    decoder = np.linalg.solve(square, pictures.T @ (labels - labels.mean(axis=0)))
    mixing = generator.standard_normal((count, count)) / np.sqrt(count)
    return Brain(patterns=patterns, mixing=mixing, decoder=decoder)


def rest(
    brain: Brain,
    source: Array | None,
    params: RestParams,
    *,
    noise: np.random.Generator,
    replays: np.random.Generator,
) -> Array:
    """(samples, 8) evidence for each object while a subject rests.

    Args:
        brain: the subject's.
        source: (8, 8) chances that replay is drawn from; None for no replay.
        params: how long, how often.
        noise: of the sensors.
        replays: of when they begin, and how they go on.
    """
    fresh = noise.standard_normal((params.samples, params.sensors)) @ brain.mixing
    sensors = lfilter([params.memory], [1, -params.memory], fresh, axis=0)
    if source is not None:
        for when, state in _events(source, params, replays):
            sensors[when] += brain.patterns[state]
    return np.asarray(sensors @ brain.decoder)


def _events(
    source: Array, params: RestParams, generator: np.random.Generator
) -> list[tuple[int, int]]:
    """Sample and object of everything that is replayed."""
    last = params.samples - ROW * params.lag
    count = round(params.event_rate * params.samples)
    begins = generator.integers(0, last, count)
    firsts = generator.integers(0, OBJECTS, count)
    return [
        (int(begin) + params.lag * place, state)
        for begin, first in zip(begins, firsts, strict=True)
        for place, state in enumerate(replayed(source, int(first), generator))
    ]
