"""Events that resume a task: one that fits the wait for one campaign, and all that no task may believe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CAMPAIGN_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5e"
OTHER_ID = "00000000-0000-4000-8000-000000000000"
GOOD: dict[str, Any] = {
    "campaign_id": CAMPAIGN_ID,
    "verdict": "reached",
    "status": 1,
    "title": "Spring",
    "reason": "",
}
BAD_EVENTS: Mapping[str, Any] = {
    "none": None,
    "a text": "reached",
    "a list": [GOOD],
    "empty": {},
    "no campaigns": {"campaigns": []},
    "campaigns that are nothing": {"campaigns": None},
    "campaigns that are no list": {"campaigns": GOOD},
    "an entry that is no object": {"campaigns": ["reached"]},
    "another campaign": {"campaigns": [{**GOOD, "campaign_id": OTHER_ID}]},
    "one campaign too many": {"campaigns": [GOOD, {**GOOD, "campaign_id": OTHER_ID}]},
    "the campaign twice": {"campaigns": [GOOD, GOOD]},
    "no id": {"campaigns": [{**GOOD, "campaign_id": None}]},
    "undecided": {"campaigns": [{**GOOD, "verdict": "waiting"}]},
    "an unknown verdict": {"campaigns": [{**GOOD, "verdict": "fine"}]},
    "no verdict": {"campaigns": [{key: value for key, value in GOOD.items() if key != "verdict"}]},
    "Draft taken for reached": {"campaigns": [{**GOOD, "status": 0}]},
    "Paused taken for reached": {"campaigns": [{**GOOD, "status": 2}]},
    "a stop taken for reached": {"campaigns": [{**GOOD, "status": -2}]},
    "an unknown status taken for reached": {"campaigns": [{**GOOD, "status": 7}]},
    "no status": {"campaigns": [{**GOOD, "status": None}]},
    "True for a status": {"campaigns": [{**GOOD, "status": True}]},
    "a text for a status": {"campaigns": [{**GOOD, "status": "1"}]},
    "a number for a title": {"campaigns": [{**GOOD, "title": 1}]},
    "the event of another trigger": {"status": "success", "message": "done"},
}
