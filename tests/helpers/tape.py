"""Recorded random numbers: those of one environment are replayed in another."""

import numpy as np


class Tape:
    """Generator that records its samples, or returns given blocks."""

    def __init__(self, seed=None, blocks=()):
        self.source, self.blocks = np.random.default_rng(seed), list(blocks)
        self.samples = []

    def random(self, size, dtype):
        block = self.blocks.pop(0) if self.blocks else self.source.random(size, dtype)
        assert (block.shape, block.dtype) == (size, dtype)
        self.samples.append(block)
        return block

    def of_env(self, env_index):
        """A tape of the samples of one environment."""
        return Tape(blocks=[block[[env_index]] for block in self.samples])
