"""The project's own contract with the Instantly API V2: what is asked, what is answered, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match

from airflow_provider_instantly.sandbox.answers import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMATS = FormatChecker(formats=("date", "email"))
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@_FORMATS.checks("uuid")
def is_uuid(value: object) -> bool:
    """Whether the value is a UUID in its usual text form."""
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


@cache
def contract() -> dict[str, Any]:
    """The contract as an OpenAPI 3.1 document."""
    text = resources.files(__package__).joinpath("contract.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    What a reference within the contract stands for; any other node is itself.

    :param node: a part of the document.
    """
    while "$ref" in node:
        found: Any = contract()
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def validator(of: Mapping[str, Any]) -> Draft202012Validator:
    """
    What checks a value against a schema of the contract.

    :param of: the schema, which may refer to others of the contract.
    """
    return Draft202012Validator({**of, "components": contract()["components"]}, format_checker=_FORMATS)


@dataclass(frozen=True)
class Operation:
    """
    One operation of the contract.

    :param id: its name, such as ``activateCampaign``.
    :param method: its HTTP method, in upper case.
    :param path: its path, with parameters in braces.
    :param scope: the scope that it needs.
    :param parameters: what checks its path and query parameters, as (where, name, schema, check).
    :param body: what checks its JSON body, or None if it takes none.
    :param body_required: whether it needs one.
    """

    id: str
    method: str
    path: str
    scope: str
    parameters: tuple[tuple[str, str, Mapping[str, Any], Draft202012Validator], ...]
    body: Draft202012Validator | None
    body_required: bool

    def check_parameters(self, path: Mapping[str, str], query: Mapping[str, list[str]]) -> dict[str, Any]:
        """
        The request's parameters in their own types.

        :param path: the path parameters.
        :param query: the values of each query parameter.
        :raises RefusedError: 400 if one does not fit.
        """
        values: dict[str, Any] = {}
        for where, name, of, check in self.parameters:
            given = [path[name]] if where == "path" else query.get(name, [])
            if given:
                values[name] = given if of["type"] == "array" else _coerced(given[-1], of["type"])
                _check(check, values[name], f"{'params' if where == 'path' else 'querystring'}/{name}")
        return values

    def check_body(self, body: Any) -> None:
        """
        Check a decoded body; null is one.

        :raises RefusedError: 400 if it does not fit.
        """
        if self.body is not None:
            _check(self.body, body, "body")


@cache
def operations() -> tuple[Operation, ...]:
    """All operations, those with a fixed path before those with a parameter in its place."""
    found = [
        _operation(path, method, document)
        for path, methods in contract()["paths"].items()
        for method, document in methods.items()
    ]
    return tuple(sorted(found, key=lambda operation: "{" in operation.path))


def _operation(path: str, method: str, document: Mapping[str, Any]) -> Operation:
    parameters = [
        {**parameter, "schema": resolved(parameter["schema"])}
        for parameter in map(resolved, document["parameters"])
        if parameter["in"] != "header"
    ]
    body = document.get("requestBody")
    return Operation(
        id=document["operationId"],
        method=method.upper(),
        path=path,
        scope=document["x-scope"],
        parameters=tuple((each["in"], each["name"], each["schema"], validator(each["schema"])) for each in parameters),
        body=None if body is None else validator(body["content"]["application/json"]["schema"]),
        body_required=body is not None and body["required"],
    )


def _coerced(text: str, kind: str) -> Any:
    """A query parameter in its own type; text that does not fit stays text, and is refused by the check."""
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _check(check: Draft202012Validator, value: Any, where: str) -> None:
    error = best_match(check.iter_errors(value))
    if error is not None:
        place = "/".join([where, *map(str, error.absolute_path)])
        raise RefusedError(400, f"{place} {_complaint(error)}")


def _complaint(error: ValidationError) -> str:
    """What is wrong, in the words of the validator behind the real API."""
    limit: Any = error.validator_value
    given: Any = error.instance
    if error.validator == "required":
        missing = next(name for name in limit if name not in given)
        return f"must have required property '{missing}'"
    if error.validator == "type":
        return f"must be {','.join(limit) if isinstance(limit, list) else limit}"
    return {
        "format": f'must match format "{limit}"',
        "enum": "must be equal to one of the allowed values",
        "additionalProperties": "must NOT have additional properties",
        "minItems": f"must NOT have fewer than {limit} items",
        "maxItems": f"must NOT have more than {limit} items",
        "minProperties": f"must NOT have fewer than {limit} properties",
        "minimum": f"must be >= {limit}",
        "maximum": f"must be <= {limit}",
        "pattern": f'must match pattern "{limit}"',
        "oneOf": "must match exactly one schema in oneOf",
    }.get(str(error.validator), "is invalid")
