"""sru-repro: the experiments of the SRU and SRU++ papers, end to end."""

__version__ = "0.1.0"
