"""Where the agent of a driver listens, from the file that it leaves."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_enel.domain import AgentAddress


class _PortFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    host: str = Field(min_length=1, max_length=255)
    port: int = Field(ge=1, le=65535)


def read_address(port_file: Path) -> AgentAddress | None:
    """The address in a port file, None while there is none that can be used."""
    try:
        found = _PortFile.model_validate_json(port_file.read_bytes()[:4096])
    except (OSError, ValidationError):
        return None
    return AgentAddress(found.host, found.port)
