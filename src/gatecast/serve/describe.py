"""What the OpenAPI description says of bodies and errors, as they are checked by hand."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gatecast.serve.data import FORM, JSON, OCTETS, TEXTS, XLSX

__all__ = ["ERRORS", "FILES", "QUEUED", "TAKES_DATA", "body_of"]

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["problem", "value", "fix"],
            "properties": {
                "problem": {"type": "string"},
                "value": {"type": ["string", "null"]},
                "fix": {"type": ["string", "null"]},
                "rows": {"type": "array", "items": {"type": "integer"}},
            },
        }
    },
}


def _errors(**by_status: str) -> dict[int | str, dict[str, Any]]:
    return {
        int(status[1:]): {
            "description": said,
            "content": {JSON: {"schema": _ERROR}},
        }
        for status, said in by_status.items()
    }


ERRORS = _errors(
    _400="The request is malformed.",
    _401="The token is missing or wrong.",
    _403="The request is from another origin, or for another host.",
    _404="There is no such thing.",
    _405="This is not done here.",
    _409="It does not fit the state of things.",
    _422="It cannot be done with what was said.",
    _503="The server is busy or shutting down; see Retry-After.",
)
TAKES_DATA = ERRORS | _errors(
    _408="The body did not arrive in time.",
    _413="It is larger than this server takes.",
    _415="This type of content is not understood.",
    _429="There are too many jobs; see Retry-After.",
)


_OF_A_JOB = ("job", "end", "events", "table", "sheet", "model", "report", "figures", "gates")
QUEUED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job, which Location names.",
        "links": {
            name: {"operationId": name, "parameters": {"id": "$response.body#/job"}}
            for name in _OF_A_JOB
        },
    }
}


class _Files(dict[str, dict[int | str, dict[str, Any]]]):
    """What is returned by a route that returns a file, by its type."""

    def __missing__(self, kind: str) -> dict[int | str, dict[str, Any]]:
        schema = {"type": "string"} | ({} if kind.startswith("text/") else {"format": "binary"})
        return {200: {"description": "The file.", "content": {kind: {"schema": schema}}}}


FILES = _Files()

_ROW = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    "description": "unique_id, ds, y and covariates; or whatever the columns are called.",
}
_WAYS = {
    "data": {"type": "array", "items": _ROW, "description": "Rows."},
    "csv": {"type": "string", "description": "The text of a CSV file."},
    "xlsx": {
        "type": "string",
        "contentEncoding": "base64",
        "description": "The bytes of an Excel file.",
    },
}


def body_of(kind: type[Any], *others: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that holds data and settings, in every form that is taken."""
    schema = kind.model_json_schema()
    settings = schema["properties"]
    whole = {**schema, "properties": {**_WAYS, **settings}}
    if kind.needs_data:
        whole["oneOf"] = [{"required": [way]} for way in _WAYS]
    forms: list[dict[str, Any]] = [whole, *(other.model_json_schema() for other in others)]
    text = {name: _as_text(one) for name, one in settings.items()}
    form = {
        "type": "object",
        "required": ["file", *schema.get("required", [])],
        "properties": {"file": {"type": "string", "format": "binary"}, **text},
    }
    binary = {"type": "string", "format": "binary"}
    content: dict[str, Any] = {JSON: {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}}
    content |= {name: {"schema": {"type": "string"}} for name in TEXTS}
    content |= {name: {"schema": binary} for name in (XLSX, OCTETS)}
    content[FORM] = {"schema": form}
    return {
        "requestBody": {"required": kind.needs_data, "content": content},
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": f"With a file as the body: {one.get('description', name)}",
                "schema": _as_text(one),
            }
            for name, one in settings.items()
        ],
    }


def _as_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a setting of a form or an address: a list has commas between its parts."""
    kinds = schema.get("anyOf", [schema])
    plain = [one for one in kinds if one.get("type") != "null"]
    if any(one.get("type") == "array" for one in plain):
        return {"type": "string"}
    kept = dict(plain[0]) if len(plain) == 1 else {"type": "string"}
    return {name: x for name, x in kept.items() if name not in ("title", "description")}
