"""What the embeddings hold and in which shape: probes, sparse features, the length curve."""
