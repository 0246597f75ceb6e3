"""The question: presets, tests and variants of every experiment, one file each."""
