"""The epigenetic model behind one contract."""
