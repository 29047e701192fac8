"""Contents and shape of the embeddings: probes, sparse features, the length curve."""
