"""The contract agrees with Instantly's own OpenAPI file, where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from airflow_provider_instantly.sandbox.contract import contract
from tests.contract.references import OPENAPI_OF_A_PIPELINE, WHY_NOT

pytestmark = pytest.mark.skipif(not OPENAPI_OF_A_PIPELINE.exists(), reason=WHY_NOT)

OPERATIONS = [(path, method) for path, methods in contract()["paths"].items() for method in methods]
#: A header that Instantly documents elsewhere than in this file.
NOT_IN_THE_FILE = {("header", "x-as-workspace")}
#: What we must ask for whenever Instantly does; we may ask for more.
CONSTRAINTS = ("pattern", "format", "minimum", "maximum", "minItems", "maxItems", "minProperties")

#: Values that their file does not have, but their service: a lead's status in a list.
SEEN_LIVE = {"answer.status": {0}, "answer.items[].status": {0}}

Document = Mapping[str, Any]


@pytest.fixture(scope="module")
def official() -> Document:
    document: Document = json.loads(OPENAPI_OF_A_PIPELINE.read_text("utf-8"))
    return document


def resolved(document: Document, node: Document) -> Document:
    while "$ref" in node:
        found: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def types(schema: Document) -> set[str]:
    given = schema.get("type", [])
    return {given} if isinstance(given, str) else set(given)


def differences(ours_in: Document, ours: Document, theirs_in: Document, theirs: Document, where: str) -> Iterator[str]:
    """Where two schemas differ in types, fields, enums or constraints."""
    ours, theirs = resolved(ours_in, ours), resolved(theirs_in, theirs)
    if types(ours) != types(theirs):
        yield f"{where}: type {types(ours)}, theirs {types(theirs)}"
    my_values, their_values = (set(schema.get("enum", [])) - {None} for schema in (ours, theirs))
    if not their_values <= my_values <= their_values | SEEN_LIVE.get(where, set()):
        yield f"{where}: enum {ours.get('enum')}, theirs {theirs.get('enum')}"
    for name in CONSTRAINTS:
        if name in theirs and ours.get(name) != theirs[name]:
            yield f"{where}: {name} {ours.get(name)}, theirs {theirs[name]}"
    # Their file also has a ``required`` beside an array, where it means nothing.
    if "array" not in types(ours) and set(ours.get("required", [])) != set(theirs.get("required", [])):
        yield f"{where}: required {ours.get('required')}, theirs {theirs.get('required')}"
    ours_fields, their_fields = ours.get("properties", {}), theirs.get("properties", {})
    if set(ours_fields) != set(their_fields):
        yield f"{where}: fields differ by {set(ours_fields) ^ set(their_fields)}"
    for name in ours_fields.keys() & their_fields.keys():
        yield from differences(ours_in, ours_fields[name], theirs_in, their_fields[name], f"{where}.{name}")
    if ("items" in ours) != ("items" in theirs):
        yield f"{where}: only one of us says what its items are"
    elif "items" in ours:
        yield from differences(ours_in, ours["items"], theirs_in, theirs["items"], f"{where}[]")


def body(part: Document) -> Document:
    schema: Document = part["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_parameters(official: Document, path: str, method: str) -> None:
    ours = contract()

    def parameters(document: Document) -> dict[tuple[str, str], Document]:
        listed = document["paths"][path][method].get("parameters", [])
        found = [resolved(document, each) for each in listed]
        return {(each["in"], each["name"]): each["schema"] for each in found}

    mine, theirs = parameters(ours), parameters(official)
    assert set(mine) - NOT_IN_THE_FILE == set(theirs)
    found = [
        each for key, schema in theirs.items() for each in differences(ours, mine[key], official, schema, str(key))
    ]
    assert found == []


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_request_body(official: Document, path: str, method: str) -> None:
    ours = contract()
    mine, theirs = (document["paths"][path][method].get("requestBody") for document in (ours, official))
    assert (mine is None) == (theirs is None)
    if mine is not None:
        assert mine["required"] == theirs.get("required", False) or path.endswith("{id}")
        assert list(differences(ours, body(mine), official, body(theirs), "body")) == []
        closed = resolved(ours, body(mine)).get("additionalProperties")
        assert closed == body(theirs).get("additionalProperties")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers(official: Document, path: str, method: str) -> None:
    ours = contract()
    mine, theirs = (document["paths"][path][method]["responses"] for document in (ours, official))
    assert set(theirs) <= set(mine)
    assert list(differences(ours, body(mine["200"]), official, body(theirs["200"]), "answer")) == []
    for status in set(theirs) - {"200"}:
        schema = body(resolved(ours, mine[status]))
        variants = [resolved(ours, each) for each in schema.get("anyOf", [schema])]
        wanted = body(theirs[status]).get("properties", {})
        assert any(
            all(
                types(each["properties"][name]) == types(field)
                and set(field.get("enum", [])) <= set(each["properties"][name].get("enum", []))
                for name, field in wanted.items()
            )
            for each in variants
        ), status


def test_scopes(official: Document) -> None:
    for path, method in OPERATIONS:
        operation = official["paths"][path][method]
        described = operation["description"]
        if "following scopes" in described:
            assert f"`{contract()['paths'][path][method]['x-scope']}`" in described, (path, method)


def test_no_sentence_is_copied(official: Document) -> None:
    def sentences(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():
                if name in ("description", "title", "summary") and isinstance(value, str):
                    yield value.strip()
                else:
                    yield from sentences(value)
        elif isinstance(node, list):
            for value in node:
                yield from sentences(value)

    assert set(sentences(contract())) & set(sentences(official)) == set()
