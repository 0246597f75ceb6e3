"""Whole runs over many subjects: train, evaluate, variants, reproduce."""
