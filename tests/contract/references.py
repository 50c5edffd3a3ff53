"""
Where Instantly's own OpenAPI files and recorded answers lie. They are not ours to publish, so their tests may skip.

`INSTANTLY_REFERENCES` names the folder; by default it is ``../shared/instantly``, seen from the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "instantly"
_FOLDER = Path(os.environ.get("INSTANTLY_REFERENCES", _BESIDE_THE_CHECKOUT))

#: The operations that a pipeline needs.
OPENAPI_OF_A_PIPELINE = _FOLDER / "official-openapi-pipeline.json"
#: The operations that a launch needs.
OPENAPI_OF_A_LAUNCH = _FOLDER / "official-openapi-subset.json"
#: Answers of the live service, a file for each call.
RECORDED_ANSWERS = sorted((_FOLDER / "live").glob("recorded-*.json"))
WHY_NOT = "Instantly's own files are not part of the project: INSTANTLY_REFERENCES names no folder that has them"
