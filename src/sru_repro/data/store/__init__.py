"""What all data sets share: fetching and checking files, the cache of prepared data, vocabularies and word vectors."""
