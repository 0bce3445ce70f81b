"""Write docs/openapi.json, the description of the player API (OpenAPI 3.1): `make openapi`.

Each function of the API describes its own routes, from the very declarations that its requests are validated with. This tool joins
them, says of each route whether it needs a token, and puts the house's one form of a refusal (RFC 9457) in the place of the
framework's own. The same code gives the same bytes.
"""

import argparse
import json
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PATH: Final = ROOT / "docs" / "openapi.json"
OPENAPI_VERSION: Final = "3.1.0"
BEARER: Final = "bearer"
NO_CONTENT: Final = "204"
PROBLEM_TYPE: Final = "application/problem+json"
_FRAMEWORKS: Final = frozenset({"HTTPValidationError", "ValidationError", "ResponseValidationError"})
"""Schemas of answers that no route of ours gives."""

_SCHEMAS: Final = "#/components/schemas/"
_RESPONSES: Final = "#/components/responses/"
_VERBS: Final = ("get", "post", "put", "patch", "delete")
_INFO: Final = {
    "title": "Countroom player API",
    "version": "1",
    "description": "What a front-end calls. Amounts are decimal texts in the wallet's currency, instants ISO 8601 in UTC.",
}
_REFUSALS: Final = {
    400: ("BadRequest", "The body is no JSON, or fields are missing, unknown or not valid; `errors` names them."),
    401: ("Unauthorized", "No access token, or none that is good any more; `code` says which."),
    404: ("NotFound", "Nothing of the caller's is here."),
    413: ("BodyTooLarge", "The body is too large."),
    415: ("UnsupportedMediaType", "The body is not application/json."),
    429: ("TooManyRequests", "Too many requests or guesses; Retry-After says when to come back, where that is known."),
    503: ("TemporarilyUnavailable", "Not possible now. Repeating the same request is safe."),
}
"""Status → name and meaning of the refusals that a route may give because of its form; what else there is, goes by `default`."""

Json = dict[str, Any]


class UndeclaredError(Exception):
    """A route does not say whether it needs a token, or says it wrongly; the message names it."""


@dataclass(frozen=True, slots=True)
class Room:
    """One function of the player API: the name of its handler module, and its app."""

    name: str
    app: Any


def rooms() -> list[Room]:
    """Find the functions of the player API: every handler module with an app of `runtime.http`, by name."""
    # The logger and the metrics of a handler module want names when they are made; nothing is sent anywhere.
    for name in ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"):
        os.environ.setdefault(name, "openapi")
    import handlers  # noqa: PLC0415 - after the environment is made
    from runtime import http  # noqa: PLC0415

    modules = (import_module(f"handlers.{found.name}") for found in pkgutil.iter_modules(handlers.__path__) if not found.ispkg)
    named = [Room(module.__name__.rpartition(".")[2], getattr(module, "app", None)) for module in modules]
    return sorted((room for room in named if isinstance(room.app, http.PlayerApi)), key=lambda room: room.name)


def document(found: list[Room] | None = None) -> Json:
    """Join the descriptions of all functions into one.

    Raises:
        UndeclaredError: when a route does not say whether it needs a token.

    """
    described = {room.name: describe(room) for room in found or rooms()}
    part_names(described)
    paths: Json = {}
    schemas: Json = {}
    for one in described.values():
        for path, operations in one["paths"].items():
            paths.setdefault(path, {}).update(operations)
        schemas |= one["components"]["schemas"]
    kept = {name: schema for name, schema in schemas.items() if name not in _FRAMEWORKS}
    return {
        "openapi": OPENAPI_VERSION,
        "info": _INFO,
        "servers": [{"url": "/"}],
        "paths": {path: _in_order(paths[path]) for path in sorted(paths)},
        "components": {
            "schemas": dict(sorted({**kept, **_problem_schemas()}.items())),
            "responses": dict(sorted(_responses().items())),
            "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def text_of(said: Json) -> str:
    """Write the document as it is kept."""
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def describe(room: Room) -> Json:
    """Describe one function's routes.

    Raises:
        UndeclaredError: when one of them does not say whether it needs a token.

    """
    from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer  # noqa: PLC0415 - not needed to read the document

    schema = room.app.get_openapi_schema(title=room.name, version="1", security_schemes={BEARER: HTTPBearer(bearerFormat="JWT")})
    said: Json = json.loads(schema.model_dump_json(by_alias=True, exclude_none=True))
    said.setdefault("components", {}).setdefault("schemas", {})
    routes = {(route.openapi_path, route.method.lower()): route for route in routes_of(room.app)}
    for path, operations in said["paths"].items():
        for verb, operation in operations.items():
            route = routes[path, verb]
            if route.security is None:
                raise UndeclaredError(f"{room.name}: {verb.upper()} {path} does not declare whether it needs a token (security=…)")
            _complete(operation, route, room.name)
    return dict(_tidy(said))


def routes_of(app: Any) -> Iterator[Any]:
    """Yield the routes of an app as the framework holds them."""
    yield from app._static_routes  # noqa: SLF001 - the framework has no public way to ask
    yield from app._dynamic_routes  # noqa: SLF001


def _complete(operation: Json, route: Any, room: str) -> None:
    told = " ".join((route.func.__doc__ or "").split("\n\n", 1)[0].split())
    operation["summary"] = told.rstrip(".") or operation["summary"]
    operation["operationId"] = f"{room}.{route.func.__name__}"
    operation["tags"] = [room]
    operation["security"] = route.security
    succeeds = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    for answer in (answer for status, answer in succeeds.items() if status == NO_CONTENT):
        answer.pop(
            "content", None
        )  # the framework describes the type that a function returns; a 204 has no body (RFC 9110 §15.3.5)
    refused = {str(status): {"$ref": f"{_RESPONSES}{_REFUSALS[status][0]}"} for status in _refusals(operation)}
    operation["responses"] = {**succeeds, **refused, "default": {"$ref": f"{_RESPONSES}Problem"}}


def _refusals(operation: Mapping[str, Any]) -> list[int]:
    takes_body = "requestBody" in operation
    parameters = operation.get("parameters", [])
    applies = {
        400: takes_body or bool(parameters),
        401: bool(operation["security"]),
        404: any(one["in"] == "path" for one in parameters),
        413: takes_body,
        415: takes_body,
    }
    return [status for status in _REFUSALS if applies.get(status, True)]


def _responses() -> Json:
    content = {PROBLEM_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    named = {name: {"description": told, "content": content} for name, told in _REFUSALS.values()}
    return {**named, "Problem": {"description": "Any other refusal; `code` says which.", "content": content}}


def _problem_schemas() -> Json:
    from runtime.problems import Code  # noqa: PLC0415 - not needed to read the document

    text = {"type": "string"}
    error = {
        "type": "object",
        "description": "A field by its path, and what is wrong with it. Never the value that was sent.",
        "required": ["field", "message"],
        "properties": {"field": text, "message": text},
    }
    problem = {
        "type": "object",
        "description": "Why a request was refused (RFC 9457). Clients decide by `code`, which is stable; people read the rest.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": {"type": "string", "enum": sorted(code.value for code in Code)},
            "request_id": text,
            "errors": {"type": "array", "items": {"$ref": f"{_SCHEMAS}FieldError"}},
        },
    }
    return {"FieldError": error, "Problem": problem}


def part_names(described: dict[str, Json]) -> None:
    """Rename, in place, schemas that two functions call the same and mean differently: `SessionView` becomes `GamesSessionView`.

    A schema that refers to a renamed one differs from its namesake from then on, so it goes round until nothing does.
    """
    names = {name for one in described.values() for name in one["components"]["schemas"]}
    for _ in names:  # a name is parted once at most
        clashing = _clashing(described) - _FRAMEWORKS
        if not clashing:
            return
        for room, one in described.items():
            own = {name: f"{room.title().replace('_', '')}{name}" for name in clashing & one["components"]["schemas"].keys()}
            one["components"]["schemas"] = {own.get(n, n): schema for n, schema in one["components"]["schemas"].items()}
            described[room] = _referring(one, own)


def _clashing(described: Mapping[str, Json]) -> set[str]:
    meanings: dict[str, set[str]] = {}
    for one in described.values():
        for name, schema in one["components"]["schemas"].items():
            meanings.setdefault(name, set()).add(json.dumps(schema, sort_keys=True))
    return {name for name, several in meanings.items() if len(several) > 1}


def _referring(said: Any, names: Mapping[str, str]) -> Any:
    """Copy a piece of a document with its references to `names` changed to their new ones."""
    if isinstance(said, list):
        return [_referring(value, names) for value in said]
    if not isinstance(said, dict):
        return said
    changed = {key: _referring(value, names) for key, value in said.items()}
    target = str(said.get("$ref", "")).removeprefix(_SCHEMAS)
    return changed | ({"$ref": _SCHEMAS + names[target]} if target in names else {})


def _in_order(operations: Mapping[str, Any]) -> Json:
    return {verb: operations[verb] for verb in _VERBS if verb in operations}


def _tidy(said: Any) -> Any:
    """Write whole numbers as such: a bound of 100 comes as 100.0."""
    if isinstance(said, dict):
        return {key: _tidy(value) for key, value in said.items()}
    if isinstance(said, list):
        return [_tidy(value) for value in said]
    return int(said) if isinstance(said, float) and said.is_integer() else said


def main(arguments: list[str] | None = None) -> int:
    """Write the document; 0 done, 1 a route is not declared as it must be."""
    argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__).parse_args(arguments)
    try:
        said = document()
    except UndeclaredError as error:
        print(error, file=sys.stderr)
        return 1
    PATH.write_text(text_of(said), encoding="utf-8")
    print(f"{PATH.relative_to(ROOT)}: {sum(len(operations) for operations in said['paths'].values())} routes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
