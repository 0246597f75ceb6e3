"""Independent random streams: one for each subject and purpose, from one root seed.

With `seed + i`, runs with successive seeds would share streams, and
`SeedSequence([root, *path])` pads with zeros, so that [1] and [1, 0] are one stream.
Spawn keys have neither fault.
"""

from typing import Literal, get_args

import numpy as np

Purpose = Literal[
    "weights",
    "training",
    "evaluation",
    "preview",
    "baselines",
    "problems",
    "interventions",
    "study",
    "rule",
    "replay",
    "sweep",
]
"""Purpose of a random stream. The position of a purpose is its spawn key, so new ones
are appended and none is moved."""


def stream_seed(root: int, subject: int, purpose: Purpose, *path: int) -> int:
    """Return a 63-bit seed for one subject and purpose, independent of all others.

    torch's generator on a CPU uses the low 32 bits: among 1,000 subjects with 5 streams
    each, two streams are equal with a probability of about 1 in 300.

    Args:
        root: seed of the run, >= 0.
        subject: number of the subject, >= 0.
        purpose: purpose of the stream.
        path: further branches, such as the number of a batch.
    """
    key = (subject, get_args(Purpose).index(purpose), *path)
    state = np.random.SeedSequence(root, spawn_key=key).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
