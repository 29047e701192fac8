"""The run's settings: one YAML file, checked against a schema, as frozen dataclasses."""

from cfdna_interp.config.settings import Config, load_config

__all__ = ["Config", "load_config"]
