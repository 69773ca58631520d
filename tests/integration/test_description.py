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
    for name in DOCUMENT["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in references, f"{name} is not used"


def test_examples_are_what_they_are_examples_of():
    seen = 0
    for path, _, operation in operations():
        for response in operation["responses"].values():
            for media in resolved(response).get("content", {}).values():
                for example in media.get("examples", {}).values():
                    jsonschema.Draft202012Validator(media["schema"], resolver=RESOLVER).validate(example["value"])
                    seen += 1
    assert seen > 3


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
