"""The run's settings: one YAML file, decoded into frozen types that say what is allowed."""

from cfdna_interp.config.load import load_config
from cfdna_interp.config.settings import Config

__all__ = ["Config", "load_config"]
