"""Interventions that neutralise feature groups in a bag: swap, reweight and edit."""
