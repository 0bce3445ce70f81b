"""What an API writes down about each request: enough to find a failure, nothing about a person."""

import json

# No address, no path (it carries ids), no query, no header: the request id leads to the function's log, the route says what.
_COMMON = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "status": "$context.status",
    "protocol": "$context.protocol",
    "response_bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_latency_ms": "$context.integrationLatency",
}

REST_FORMAT = json.dumps(
    {
        **_COMMON,
        "route": "$context.resourcePath",
        "error": "$context.error.responseType",
        "firewall": "$context.waf.status",
        "trace_id": "$context.xrayTraceId",
    }
)
HTTP_FORMAT = json.dumps({**_COMMON, "route": "$context.routeKey", "integration_error": "$context.integrationErrorMessage"})
