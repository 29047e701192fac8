"""Biology or handling."""
