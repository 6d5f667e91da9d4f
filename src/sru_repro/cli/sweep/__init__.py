"""Sweeps: `sru-repro train -m`, from its grid or search to members that run by a launcher, and their outcomes."""
