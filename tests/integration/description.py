"""www/openapi.yaml as a judge: every answer that a test gets over HTTP is held against it.

Importing stack.py puts judge() between the tests and what they asked for, whichever way they ask.
"""
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import requests
import yaml

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = yaml.safe_load((TOP / "www" / "openapi.yaml").read_text(encoding="utf-8"))
RESOLVER = jsonschema.RefResolver("", DOCUMENT)

# What only an operation itself answers, so that it has to name it; the others can come from whatever is in front of it.
OWN = ("401", "403", "409", "422")


def resolved(node):
    """What a $ref stands for."""
    while "$ref" in node:
        node = RESOLVER.resolve(node["$ref"])[1]
    return node


def pattern(path):
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part)
                              for part in re.split(r"(\{\w+\})", path)))


# The path with fewer parameters comes first: top_ten is no product.
PATHS = sorted(((pattern(path), path) for path in DOCUMENT["paths"]), key=lambda pair: pair[1].count("{"))


def operation(method, path):
    """The operation that a request is, or None."""
    item = next((DOCUMENT["paths"][name] for shape, name in PATHS if shape.fullmatch(path)), None)
    return item and item.get("get" if method == "HEAD" else method.lower())


def check_body(media, answer):
    schema = media["schema"]
    value = answer.text if schema.get("type") == "string" else json.loads(answer.content)
    jsonschema.Draft202012Validator(schema, resolver=RESOLVER).validate(value)


def check_headers(response, answer):
    for name, header in response.get("headers", {}).items():
        header = resolved(header)
        if name not in answer.headers:
            assert not header.get("required"), f"{name} is missing"
            continue
        text = answer.headers[name]
        value = int(text) if header["schema"].get("type") == "integer" else text
        jsonschema.Draft202012Validator(header["schema"], resolver=RESOLVER).validate(value)


def check_answer(method, path, answer):
    """Raise where the answer is not one that the document describes."""
    described = operation(method, path)
    if described is None:
        # No operation: a page, a preflight, or a mistake that is told as every other one.
        if answer.status_code >= 400 and method != "HEAD":
            check_body(resolved(DOCUMENT["components"]["responses"]["Refused"])["content"]["application/problem+json"],
                       answer)
        return
    responses = described["responses"]
    status = str(answer.status_code)
    assert status in responses or answer.status_code >= 400 and status not in OWN, f"{status} is not described"
    response = resolved(responses.get(status, responses["default"]))
    check_headers(response, answer)
    assert "X-Request-Id" in answer.headers
    if method == "HEAD" or "content" not in response:
        assert answer.content == b"", answer.content
        return
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    assert kind in response["content"], f"{status} as {kind} is not described"
    check_body(response["content"][kind], answer)


def judge():
    """Hold whatever requests answers from now on against the document."""
    send = requests.Session.send

    def judged(session, request, **settings):
        answer = send(session, request, **settings)
        # A game server of a test's own, and the worker's page, are somebody else.
        if "X-Request-Id" in answer.headers and answer.headers.get("Server", "").startswith("nginx"):
            try:
                check_answer(request.method, urlsplit(request.url).path, answer)
            except (AssertionError, ValueError, jsonschema.ValidationError) as error:
                raise AssertionError(f"{request.method} {request.url}: {answer.status_code} {answer.text[:400]}\n"
                                     f"is not as www/openapi.yaml has it: {error}") from error
        return answer

    requests.Session.send = judged
