"""REST APIs: what SAM writes into an OpenAPI body besides methods, and what API Gateway does to the
answers of functions (Amazon API Gateway Developer Guide, "Important notes")."""

import contextvars
import functools
import importlib


REQUEST_ID = contextvars.ContextVar("request_id", default="")


def shaped(answer):
    """A function's answer as it leaves the gateway: under the request's id, one header renamed."""
    status, headers, body = answer
    renamed = {"www-authenticate": "x-amzn-Remapped-WWW-Authenticate"}
    headers = {renamed.get(name.lower(), name): value for name, value in headers.items()}
    return status, {**headers, "x-amzn-requestid": REQUEST_ID.get()}, body


def fill():
    """Import the two extensions from OpenAPI bodies; shape functions' answers as AWS does."""
    gateway = importlib.import_module("ministack.services.apigateway_v1")
    import_api, import_operation = gateway._import_rest_api, gateway._import_operation

    @functools.wraps(import_api)
    def import_rest_api(spec, base_data=None):
        api = import_api(spec, base_data)
        for kind, response in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
            gateway._put_gateway_response(api, kind, response)
        return api

    @functools.wraps(import_operation)
    def import_one(api, resource, method, operation, *rest, **named):
        import_operation(api, resource, method, operation, *rest, **named)
        written = (operation or {}).get("x-amazon-apigateway-integration") or {}
        for pattern, response in (written.get("responses") or {}).items():
            selection = "" if pattern == "default" else pattern
            gateway._put_integration_response(
                api, resource, method, str(response.get("statusCode", 200)),
                {**response, "selectionPattern": selection},
            )

    invoke, build = gateway._invoke_lambda_proxy_v1, gateway._build_lambda_event_v1

    @functools.wraps(build)
    def build_and_note(*arguments, **named):
        event = build(*arguments, **named)
        REQUEST_ID.set(event["requestContext"]["requestId"])
        return event

    @functools.wraps(invoke)
    async def invoke_and_shape(*arguments, **named):
        answer = await invoke(*arguments, **named)
        # A function that failed: one of API Gateway's own errors, in the shape the API gives them.
        if isinstance(answer, tuple) and answer[0] == 502:
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        return shaped(answer) if isinstance(answer, tuple) else answer

    gateway._invoke_lambda_proxy_v1 = invoke_and_shape
    gateway._build_lambda_event_v1 = build_and_note
    gateway._import_rest_api, gateway._import_operation = import_rest_api, import_one
