"""Whole runs of many subjects: train, evaluate, variants, reproduce."""
