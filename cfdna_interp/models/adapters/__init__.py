"""Adapters that give foreign models the interface of an encoder."""
