"""Used by all: checks, seeds, files, processes, and the policy's interface."""
