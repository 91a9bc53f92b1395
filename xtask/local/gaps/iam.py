"""Condition keys that ministack does not supply."""

import functools
import importlib
import json


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


def fill():
    """Add the condition keys."""
    actions = importlib.import_module("ministack.core.iam_actions")
    real = actions.request_tag_context

    @functools.wraps(real)
    def request_tag_context(service, iam_action, body, params):
        found = real(service, iam_action, body, params)
        return {**found, **kms_context(body)} if service == "kms" else found

    actions.request_tag_context = request_tag_context

    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    resolve = evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def resolve_condition_key(key, context):
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    evaluator._resolve_condition_key = resolve_condition_key
