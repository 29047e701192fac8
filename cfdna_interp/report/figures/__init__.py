"""Figures of the report: pure functions from results to plotly figures, a file per topic."""
