"""Data sets: found or fetched, checked, turned into numbers, cut into batches.

    store      what all share: fetching, the cache, word vectors, vocabularies, random streams
    text       texts for language models; a corpus is a file in text/corpora
    sentences  sentences to classify; a cross-validated set is a file in sentences/sets
    squad      questions on passages
    batches    the order in which a trainer visits batches
    pack       what a machine without a network needs of them

Tensor names end in their axes: L time, B batch, V vocabulary, D features.
"""
