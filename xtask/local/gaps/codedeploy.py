"""CodeDeploy: its types in a template, which ministack does not know.

They are recorded and have no effect. On AWS an alias shifts to a new version by and by, and back
when an alarm goes off; here it does so at once.
"""

import importlib


def fill():
    """Let CloudFormation create, update and delete what CodeDeploy needs."""
    provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")
    for kind in ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"):
        provisioners._RESOURCE_HANDLERS[kind] = {"create": record, "update": keep, "delete": forget}


def record(logical_id, _properties, stack_name):
    return f"{stack_name}-{logical_id}", {}


def keep(physical_id, _old, _new, _stack_name):
    return physical_id, {}


def forget(_physical_id, _properties):
    """There is nothing behind it."""
