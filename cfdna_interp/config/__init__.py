"""The run's settings: one YAML file, checked against a schema, as frozen dataclasses."""

from cfdna_interp.config.load import load_config
from cfdna_interp.config.settings import Config

__all__ = ["Config", "load_config"]
