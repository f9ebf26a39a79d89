"""Settings for reading domain dataclasses from JSON with pydantic.

pydantic picks the dictionary up by its attribute name when a dataclass crosses the wire
(``TypeAdapter(Run)``); the domain itself needs no pydantic for that.
"""

from typing import Any, Final

STRICT: Final[dict[str, Any]] = {"strict": True, "allow_inf_nan": False, "extra": "forbid"}
"""No coercion, no NaN or infinity, no unknown field."""
