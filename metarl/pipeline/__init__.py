"""Whole runs over many subjects: train, evaluate, reproduce, ablate."""
