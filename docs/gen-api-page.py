"""The API's description as a page: gen-api-page.py OPENAPI.YAML writes HTML to standard output.

Plain HTML, made when varcade is built, so that it can be read, searched and printed without a script.
"""
import html
import json
import re
import sys

import yaml

METHODS = ("get", "post", "put", "delete")


def text(value):
    """A description: `code` is marked, all else is text."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(str(value or "").strip()))


def name_of(reference):
    return reference.rsplit("/", 1)[1]


class Page:
    def __init__(self, document):
        self.document = document

    def resolved(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def kind(self, schema):
        """A schema in a few words, with a link where it has a name."""
        if "$ref" in schema:
            name = name_of(schema["$ref"])
            return f'<a href="#{name}">{name}</a>'
        if "const" in schema:
            return f"<code>{html.escape(json.dumps(schema['const']))}</code>"
        if "enum" in schema:
            return " or ".join(f"<code>{html.escape(str(value))}</code>" for value in schema["enum"])
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return " or ".join(self.kind(one) for one in schema[word])
        if schema.get("type") == "array":
            return f"array of {self.kind(schema.get('items', {}))}"
        if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self.kind(schema['additionalProperties'])}"
        if schema.get("properties") and schema.get("type") == "object":
            return "object: " + ", ".join(f"<code>{html.escape(name)}</code>" for name in schema["properties"])
        kinds = schema.get("type", "any JSON")
        return " or ".join(kinds) if isinstance(kinds, list) else kinds

    def limits(self, schema):
        words = {"minimum": "at least", "maximum": "at most", "maxItems": "at most", "default": "default"}
        found = [f"{words[key]} {schema[key]}" for key in words if key in schema]
        return f" ({', '.join(found)})" if found else ""

    @staticmethod
    def table(headings, rows):
        if not rows:
            return ""
        head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f'<div class="card scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'

    def examples(self, media):
        return "".join(self.example(self.resolved(example)["value"]) for example in media.get("examples", {}).values())

    @staticmethod
    def example(value):
        return f"<pre tabindex=\"0\">{html.escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"

    def parameters(self, item, operation):
        rows = []
        for parameter in item.get("parameters", []) + operation.get("parameters", []):
            parameter = self.resolved(parameter)
            schema = self.resolved(parameter["schema"])
            rows.append((f"<code>{html.escape(parameter['name'])}</code>", parameter["in"],
                         self.kind(parameter["schema"]) + self.limits(schema), text(parameter.get("description"))))
        return self.table(("Parameter", "in", "is", "means"), rows)

    def body(self, operation):
        if "requestBody" not in operation:
            return ""
        body = self.resolved(operation["requestBody"])
        rows = [(f"<code>{kind}</code>", self.kind(media["schema"]), text(media["schema"].get("description")))
                for kind, media in body["content"].items()]
        note = f"<p>{text(body['description'])}</p>" if body.get("description") else ""
        return note + self.table(("Body", "is", "means"), rows) + "".join(map(self.examples, body["content"].values()))

    def answers(self, operation):
        rows, examples = [], ""
        for status, response in operation["responses"].items():
            response = self.resolved(response)
            kinds = "<br>".join(f"<code>{kind}</code> {self.kind(media['schema'])}"
                                for kind, media in response.get("content", {}).items())
            headers = [name for name in response.get("headers", {}) if name != "X-Request-Id"]
            note = text(response["description"]) + (f"<br>with {', '.join(headers)}" if headers else "")
            rows.append(("else" if status == "default" else status, kinds, note))
            if status[0] == "2":  # errors all look as Problem does
                examples += "".join(self.examples(media) for media in response.get("content", {}).values())
        return self.table(("Answer", "is", "means"), rows) + examples

    def operation(self, path, method, item):
        operation = item[method]
        needs = " ".join(name for need in operation.get("security", []) for name in need)
        badge = f' <small>{html.escape(needs)}</small>' if needs else ""
        return (f'<section id="{operation["operationId"]}"><h3>{text(operation["summary"])}</h3>'
                f"<p><code><strong>{method.upper()}</strong> {html.escape(path)}</code>{badge}</p>"
                f"<p>{text(operation.get('description'))}</p>{self.parameters(item, operation)}"
                f"{self.body(operation)}{self.answers(operation)}</section>")

    def operations(self, tag):
        return [(path, method, item) for path, item in self.document["paths"].items()
                for method in METHODS if method in item and tag["name"] in item[method]["tags"]]

    def schema(self, name, schema):
        rows = [(f"<code>{html.escape(field)}</code>", self.kind(inner) + self.limits(inner),
                 text(inner.get("description")) or ("" if field in schema.get("required", []) else "may be missing"))
                for field, inner in schema.get("properties", {}).items()]
        plain = "" if rows else f"<p>{self.kind(schema)}{self.limits(schema)}</p>"
        return (f'<section id="{name}"><h3>{name}</h3><p>{text(schema.get("description"))}</p>{plain}'
                f"{self.table(('Field', 'is', 'means'), rows)}{''.join(map(self.example, schema.get('examples', [])))}</section>")

    def contents(self):
        lists = ""
        for tag in self.document["tags"]:
            links = "".join(f'<li><a href="#{item[method]["operationId"]}">{text(item[method]["summary"])}</a></li>'
                            for _, method, item in self.operations(tag))
            lists += f"<h2>{text(tag['description'])}</h2><ul>{links}</ul>"
        return lists

    def whole(self):
        info, parts = self.document["info"], self.document["components"]
        sections = "".join(f"<h2>{text(tag['description'])}</h2>" + "".join(self.operation(*one) for one in self.operations(tag))
                           for tag in self.document["tags"])
        schemes = self.table(("Who asks", "how"), [(f"<code>{name}</code>", text(scheme["description"]))
                                                for name, scheme in parts["securitySchemes"].items()])
        schemas = "".join(self.schema(*pair) for pair in parts["schemas"].items())
        title = html.escape(f"{info['title']}: HTTP API")
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body class="api">
<a class="skip" href="#main">Skip to the content</a>
<header><p class="brand"><img src="/icon.svg" alt="" width="28" height="28"><a href="/">Leaderboards</a></p></header>
<main id="main" tabindex="-1">
<h1>{title}</h1>
<p>{text(info['summary'])}. {text(info['description'])} For programs: <a href="/openapi.yaml">openapi.yaml</a>.</p>
<nav aria-label="Contents">{self.contents()}</nav>
{schemes}
{sections}
<h2>What is in bodies and answers</h2>
{schemas}
</main>
</body>
</html>"""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        print(Page(yaml.safe_load(file)).whole())


main()
