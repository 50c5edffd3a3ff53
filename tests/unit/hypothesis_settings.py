"""How hypothesis runs here."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

#: A machine that does other things too is no reason to fail.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
