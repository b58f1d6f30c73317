"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A slow machine is no failure: no example has a time limit.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
