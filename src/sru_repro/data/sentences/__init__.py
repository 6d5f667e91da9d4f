"""Sentences to classify: the Stanford Sentiment Treebank, and the cross-validated sets of the SRU paper's Table 1."""
