"""What is wrong with data, and what is worth knowing about them."""

from gatecast.doctor.check import Report, check, examine_data, require_sound
from gatecast.doctor.symptoms import diagnose

__all__ = ["Report", "check", "diagnose", "examine_data", "require_sound"]
