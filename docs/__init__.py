"""Pages about the engine that are generated from it: run `python -m docs.operations` after changing it."""
