"""Texts for language models: corpora, symbols, numbers in three splits, parallel streams of them."""
