"""People, organisations, roles × region, sessions, consent and audit."""

from carbon_platform.identity.rules import Actor

__all__ = ["Actor"]
