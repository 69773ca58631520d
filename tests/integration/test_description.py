"""The API's description is whole, and is true: see description.py for the answers."""
import re

import jsonschema
import pytest
import requests
import yaml
from description import DOCUMENT, RESOLVER, TOP, check_answer, resolved

METHODS = ("get", "post", "put", "delete", "patch")


def shape(path):
    """A path without its parameters' names."""
    return re.sub(r"\{\w+\}", "{}", path)


def operations():
    return [(path, method, item[method]) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item]


def test_every_route_is_described_and_nothing_else():
    table = re.findall(r"\{REQUEST_(\w+),\s*\"([^\"]+)\"", (TOP / "fcgi" / "router.c").read_text())
    assert len(table) > 10
    routes = {(method.lower(), shape(path)) for method, path in table}
    described = {(method, shape(path)) for path, method, _ in operations()}
    assert described - routes == set()
    assert routes - described == set()


def test_operations_are_complete():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    for path, method, operation in operations():
        assert operation["summary"] and operation["tags"], path
        wanted = set(re.findall(r"\{(\w+)\}", path))
        given = [resolved(p) for p in DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", [])]
        assert {p["name"] for p in given if p["in"] == "path"} == wanted, path
        assert "default" in operation["responses"] and "503" in operation["responses"], (method, path)


def test_every_reference_leads_somewhere():
    text = yaml.safe_dump(DOCUMENT)
    references = set(re.findall(r"\$ref: '?(#[^'\n]+)", text))
    assert references
    for reference in references:
        resolved({"$ref": reference})
    for kind, components in DOCUMENT["components"].items():
        for name in components:
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in references, f"{name} is not used"


def schemas(node, place="#"):
    """Every schema of the document, with its place, those within schemas too."""
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from schemas(item, f"{place}/{i}")
    elif isinstance(node, dict):
        for key, value in node.items():
            below = f"{place}/{key}"
            if key in ("schema", "items", "not", "if", "then", "else", "additionalProperties") and isinstance(value, dict):
                yield below, value
            elif key in ("properties", "schemas"):
                yield from ((f"{below}/{name}", schema) for name, schema in value.items())
            elif key in ("allOf", "anyOf", "oneOf"):
                yield from ((f"{below}/{i}", schema) for i, schema in enumerate(value))
            if key not in ("example", "examples", "value"):
                yield from schemas(value, below)


def test_schemas_say_what_they_mean():
    """A comma in a text without quotes makes a key of its rest."""
    keywords = set(jsonschema.Draft202012Validator(True).VALIDATORS) | {"description", "default", "if", "then", "else", "examples"}
    found = list(schemas(DOCUMENT))
    assert len(found) > 200
    for place, schema in found:
        assert schema.keys() <= keywords, (place, schema.keys() - keywords)
        jsonschema.Draft202012Validator.check_schema(schema)


def test_who_may_ask_is_said_of_every_operation():
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert DOCUMENT["security"] == []
    for path, method, operation in operations():
        for need in operation.get("security", []):
            assert need.keys() <= schemes.keys(), (method, path)


def answers():
    """Every answer that has a body: where, status, type, content."""
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            for kind, media in resolved(response).get("content", {}).items():
                yield f"{method} {path} {status}", kind, media


def test_every_answer_in_json_has_an_example_that_is_one():
    for place, kind, media in answers():
        examples = media.get("examples", {})
        assert examples or "json" not in kind or place == "get /readyz 503", place
        for example in examples.values():
            jsonschema.Draft202012Validator(media["schema"], resolver=RESOLVER).validate(resolved(example)["value"])


@pytest.mark.parametrize("change", [
    {"status": 418}, {"headers": {}}, {"content": b'[{"user_id": "7"}]'}, {"content": b"no JSON"},
    {"content": b'[{"user_id": "7", "score": 1, "name": "Ann"}]'}])
def test_an_answer_that_is_not_described_is_noticed(change):
    answer = requests.Response()
    answer.status_code = change.get("status", 200)
    answer.headers.update(change.get("headers", {"X-Request-Id": "1", "Content-Type": "application/json"}))
    answer._content = change.get("content", b'[{"user_id": "7", "score": 1.0}]')
    if change.get("status") == 418:
        answer._content = b'{"detail": "no problem"}'
    with pytest.raises((AssertionError, ValueError, jsonschema.ValidationError)):
        check_answer("GET", "/leaderboards/top_ten/exrps", answer)


def test_an_answer_that_is_described_passes():
    answer = requests.Response()
    answer.status_code = 200
    answer.headers.update({"X-Request-Id": "1", "Content-Type": "application/json"})
    answer._content = b'[{"user_id": "7", "score": 1.0}]'
    check_answer("GET", "/leaderboards/top_ten/exrps", answer)
