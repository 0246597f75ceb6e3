"""The question: presets, tests and variants of every experiment."""
