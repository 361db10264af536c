"""The built-in service `workflow`: flows, the profiles that they run with, and the events that start them."""

from __future__ import annotations

from typing import Any

from sequoia.sandbox.describe import F, Link, describe_resource, describe_service
from sequoia.sandbox.describe_routes import root_routes

__all__ = ["workflow_descriptor"]

_TITLE = F("title", "string", "The title", "with", {"sort": True}, prefix=True)


def _profiles() -> dict[str, Any]:
    fields = (
        _TITLE,
        F("description", "text", "What the profile is for"),
        F("type", "string", "What the profile settles", "with", {"required": True, "countable": True}),
        F("properties", "map", "The settings", flags={"max": 100}),
        F("active", "boolean", "Whether flows may use it", "with", {"default": True}),
    )
    links = (Link("flows", "flows", "withProfileRef", "ref title profileRef", "The flows that use the profile"),)
    return describe_resource("workflow", "profiles", "profile", "Settings for flows", fields, links)


def _flows() -> dict[str, Any]:
    steps = (
        F("name", "name", "The name of the step", flags={"required": True}),
        F("service", "name", "The service that does it"),
        F("timeout", "duration", "How long it may take"),
    )
    fields = (
        _TITLE,
        F("description", "text", "What the flow does"),
        F("profileRef", "ref", "The profile it runs with", "with"),
        F("steps", "", "What is done, in order", flags={"array": {"min": 1, "max": 50}}, fields=steps),
        F("priority", "percentage", "How urgent it is", "with", {"sort": True}),
        F("active", "boolean", "Whether it may be started", "with", {"default": True}),
    )
    links = (
        Link("profile", "profiles", "profileRef", "ref title type", "The profile it runs with"),
        Link("events", "events", "withFlowRef", "ref type flowRef occurredAt", "What started the flow"),
    )
    return describe_resource("workflow", "flows", "flow", "A sequence of steps", fields, links)


def _events() -> dict[str, Any]:
    kinds = {"started": [], "progressed": [], "completed": ["finished"], "failed": []}
    fields = (
        F("type", "string", "What happened", "with", {"required": True, "countable": True}, allowed=kinds),
        F("flowRef", "ref", "The flow it happened to", "with", {"required": True}),
        F("occurredAt", "timestamp", "When it happened", "with", {"sort": True}),
        F("message", "text", "What there is to say about it"),
        F("properties", "map", "Details", flags={"max": 100}),
    )
    links = (Link("flow", "flows", "flowRef", "ref title profileRef", "The flow it happened to"),)
    return describe_resource(
        "workflow", "events", "event", "Something that happened to a flow", fields, links, text=("message",)
    )


def _param(name: str, type_: str, description: str) -> dict[str, Any]:
    return {"name": name, "type": type_, "required": True, "description": description}


def _route(name: str, path: str, notes: list[str], params: list[dict[str, Any]]) -> dict[str, Any]:
    """A way to ask how far an execution is."""
    return {
        "name": name,
        "title": "Progress of an execution",
        "group": "executions",
        "path": path,
        "method": "GET",
        "description": "Tells how far the execution of a flow has come",
        "notes": notes,
        "tags": ["api"],
        "actions": ["workflow:executions:read"],
        "stability": "stable",
        "auth": {"strategies": ["bearer"], "mode": "required"},
        "inputs": {"params": params, "query": [], "payload": [], "headers": []},
        "responses": [],
    }


def workflow_descriptor() -> dict[str, Any]:
    """The descriptor of the service `workflow`, made anew with each call."""
    ref = [_param("flowExecutionRef", "ref", "The execution")]
    parts = [_param("owner", "name", "The owner of the execution"), _param("ref", "name", "The name of the execution")]
    routes = (
        _route("flowExecutionProgress", "/flow-execution-progress/{flowExecutionRef}", [], ref),
        _route("executionProgress", "/execution-progress/{owner}:{ref}", ["The older form"], parts),
        *root_routes(),
    )
    resources = (_events(), _flows(), _profiles())
    return describe_service("workflow", "Workflow", "Runs flows of work over the catalogue", resources, routes)
