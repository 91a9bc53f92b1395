"""Checks a deployment of the vault from outside, without any credentials.

    smoke.py --endpoint https://<api>.execute-api.<region>.amazonaws.com/api

Changes nothing: every request is one that has to be refused.
"""

import argparse
import ipaddress
import json
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

OPEN = [
    "/v1/accounts",
    "/v1/accounts/confirm",
    "/v1/sessions",
    "/v1/sessions/challenge",
    "/v1/sessions/refresh",
]
EVERYWHERE = {
    "cache-control": "no-store",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
}
BY_FUNCTIONS = {
    **EVERYWHERE,
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


class Failure(Exception):
    """A plain sentence on what is wrong."""


class Answer:
    def __init__(self, reply):
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.headers.items()}
        self.raw = reply.read()

    def problem(self, status, code):
        """The body, which has to be a problem (RFC 9457) of this status and code."""
        expect(self.status == status, f"answered {self.status}, not {status}")
        kind = self.headers.get("content-type", "none")
        expect(kind.startswith("application/problem+json"), f"answered with content type {kind}")
        try:
            body = json.loads(self.raw)
        except ValueError:
            raise Failure("answered what is not JSON") from None
        expect(body.get("status") == status, "says another status in its body")
        expect(body.get("code") == code, f"says {body.get('code')}, not {code}")
        expect(body.get("requestId"), "names no request id")
        return body

    def has(self, wanted):
        for name, value in wanted.items():
            found = self.headers.get(name)
            expect(found == value, f"sends {name}: {found}, not {value}")


def expect(holds, otherwise):
    if not holds:
        raise Failure(otherwise)


def ask(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return Answer(reply)
    except urllib.error.HTTPError as refusal:
        return Answer(refusal)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            raise Failure(f"TLS with {url} fails: {reason}") from None
        raise Failure(f"nothing answers at {url}: {reason}") from None


def transport(api):
    """TLS 1.2 or newer with a certificate for this name; none is needed on this machine."""
    parts = urllib.parse.urlsplit(api)
    expect(parts.scheme in ("http", "https") and parts.hostname, f"{api} is not an address of HTTP")
    if parts.scheme == "http":
        try:
            local = ipaddress.ip_address(parts.hostname).is_loopback
        except ValueError:
            local = parts.hostname == "localhost"
        expect(local, "is not https")


def closed(api):
    """A closed route asks who calls, whoever does."""
    for headers in ({}, {"Authorization": "Bearer not.a.token"}):
        answer = ask(f"{api}/v1/me", headers=headers)
        answer.problem(401, "unauthenticated")
        answer.has(EVERYWHERE)


def absent(api):
    """What is not there answers 404, and says no more."""
    answer = ask(f"{api}/v1/there-is-no-such-thing")
    answer.problem(404, "not-found")
    answer.has(EVERYWHERE)


def preflight(api):
    """A browser may ask from any origin, with a token."""
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "authorization"}
    answer = ask(f"{api}/v1/me", "OPTIONS", headers=asked)
    expect(answer.status in (200, 204), f"answered {answer.status}")
    expect(answer.headers.get("access-control-allow-origin") == "*", "allows no other origin")
    allowed = answer.headers.get("access-control-allow-headers", "").lower()
    for name in ("authorization", "content-type", "idempotency-key"):
        expect(name in allowed, f"does not allow {name}")


def malformed(api, path):
    """An open operation names what is wrong with a body, and a function answered."""
    for body in (b"{}", b"not json"):
        answer = ask(api + path, "POST", body, {"Content-Type": "application/json"})
        errors = answer.problem(400, "invalid-request").get("errors") or []
        expect(any("pointer" in error for error in errors), "names no field by its pointer")
        answer.has(BY_FUNCTIONS)


def checks(api):
    yield "transport", lambda: transport(api)
    yield "a closed route, without a token and with a false one", lambda: closed(api)
    yield "a route that is not there", lambda: absent(api)
    yield "a browser's preflight", lambda: preflight(api)
    for path in OPEN:
        yield f"a wrong body to POST {path}", lambda path=path: malformed(api, path)


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask smoke", description="Checks a deployment from outside, without credentials.")
    parser.add_argument("--endpoint", required=True, help="the stack's output ApiUrl")
    api = parser.parse_args().endpoint.rstrip("/")
    for name, check in checks(api):
        since = time.monotonic()
        try:
            check()
        except Failure as failure:
            sys.exit(f"error: {name}: {failure}")
        print(f"  {name}: as it should be ({(time.monotonic() - since) * 1000:.0f} ms)", flush=True)


if __name__ == "__main__":
    main()
