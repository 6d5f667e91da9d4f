"""What a configuration says beside the run: settings in which two runs may differ and be the same run all the same."""

BESIDE = frozenset(
    {
        *("data_dir", "logger", "paper", "row"),  # where the data lie, who watched, what it is called
        *("sweep", "search", "trainer.profiler"),
        *(
            "callbacks.rich_progress",
            "callbacks.model_summary",
            "callbacks.lr_monitor",
        ),  # what is shown of it
    }
)
"""Keys that do not change a run. Of a preset (`search`) what it sets counts, under the keys that it sets."""


def beside(key: str) -> bool:
    """Whether a dotted key is one of these or lies below one: `logger.name`, `callbacks.rich_progress.show`."""
    parts = key.split(".")
    return any(".".join(parts[:end]) in BESIDE for end in range(1, len(parts) + 1))
