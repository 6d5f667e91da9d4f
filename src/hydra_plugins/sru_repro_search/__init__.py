"""The suite's plugin for Hydra: `hydra/sweeper=optuna`."""
