"""The search for good settings, `sru-repro train -m search=sst`: Optuna draws the members of a sweep.

The published Hydra plugin for Optuna (hydra-optuna-sweeper 1.2) pins optuna<3, ends no trial early and cannot go on
with a study. So this one, a few files, drives Optuna's own interface, ask and tell:

    settings.py   hydra.sweeper.*
    space.py      what is drawn: interval(), range(), choice() of YAML and command line
    plan.py       what is checked before anything runs
    trials.py     the study: draws trials, goes on with those that were left running, is told what came of them
    drive.py      hands them to the sweep's launcher as members, and counts what came of them
"""
