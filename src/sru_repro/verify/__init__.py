"""Checks of the recurrences and products: the same cases and rules for the bench, the GPU check and the tests.

`draw.py` draws a `Call` (`call.py`) from a cell, a size, options and a seed; `grid.py` says which ones. `compare.py`
holds what a back end gives for them to the rules of `tolerance.py`, against the plain loop in float64.
"""
