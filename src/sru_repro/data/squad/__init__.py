"""SQuAD and what the document reader is given of it: files, tokens, word vectors, batches."""
