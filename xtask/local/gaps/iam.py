"""Condition keys that ministack does not supply, and a record of what each role was allowed.

The record, permissions.json in the stack's folder, holds for each role every action and resource
that its policies grant, those that a request used, and what was refused. tests/src/bin/permissions.rs
compares them after the suite.
"""

import contextvars
import fnmatch
import functools
import importlib
import json
import os
import pathlib
import threading


def kms_context(body):
    """kms:EncryptionContext:<key> and kms:EncryptionContextKeys of a KMS request."""
    try:
        context = json.loads(body or b"{}").get("EncryptionContext") or {}
    except (AttributeError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    if not context:
        return {}
    keys = {f"kms:EncryptionContext:{key}": value for key, value in context.items()}
    return {**keys, "kms:EncryptionContextKeys": list(context)}


class Record:
    """What roles were granted, used and refused; written whenever something new is seen."""

    def __init__(self, path):
        self.path, self.lock, self.roles = path, threading.Lock(), {}

    def note(self, principal, policies, action, resource, allowed):
        if ":assumed-role/" not in principal and ":role/" not in principal:
            return
        with self.lock:
            role = self.roles.setdefault(
                principal.split("/")[1], {"granted": set(), "used": set(), "refused": set()}
            )
            before = sum(map(len, role.values()))
            granted = {
                (action, resource)
                for statements in policies
                for statement in statements
                if statement.effect == "Allow"
                for action in statement.actions
                for resource in statement.resources
            }
            role["granted"] |= granted
            if allowed:
                role["used"] |= {grant for grant in granted if covers(grant, action, resource)}
            else:
                role["refused"].add((action, resource))
            if sum(map(len, role.values())) != before:
                self.write()

    def write(self):
        text = json.dumps(self.roles, default=sorted, indent=1)
        draft = self.path.with_suffix(".tmp")
        draft.write_text(text)
        draft.replace(self.path)


def covers(grant, action, resource):
    return grant[0].lower() == action.lower() and fnmatch.fnmatchcase(resource, grant[1])


def fill():
    """Add the condition keys; begin the record."""
    actions = importlib.import_module("ministack.core.iam_actions")
    real = actions.request_tag_context

    @functools.wraps(real)
    def request_tag_context(service, iam_action, body, params):
        found = real(service, iam_action, body, params)
        return {**found, **kms_context(body)} if service == "kms" else found

    actions.request_tag_context = request_tag_context

    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    record = Record(pathlib.Path(os.environ["STATE_DIR"]).parent / "permissions.json")
    evaluate, by_resource = evaluator.evaluate, evaluator.evaluate_resource_policy
    of_a_resource = contextvars.ContextVar("of a resource", default=False)

    @functools.wraps(evaluate)
    def recorded(context, policies, *limits):
        result = evaluate(context, policies, *limits)
        if not of_a_resource.get():
            allowed = result.decision == "Allow"
            record.note(context.principal_arn, policies, context.action, context.resource_arn, allowed)
        return result

    @functools.wraps(by_resource)
    def evaluate_resource_policy(*arguments, **named):
        mark = of_a_resource.set(True)
        try:
            return by_resource(*arguments, **named)
        finally:
            of_a_resource.reset(mark)

    evaluator.evaluate = recorded
    evaluator.evaluate_resource_policy = evaluate_resource_policy
    resolve = evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def resolve_condition_key(key, context):
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    evaluator._resolve_condition_key = resolve_condition_key
