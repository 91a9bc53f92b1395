"""What ministack's CloudFormation skips.

Properties of tables and buckets; metric math; the parameters that the SAM transform looks at; the
transform of nested templates and what their updates leave alone; and the tie between a firewall and an API, which is recorded here and has no effect: no local request
passes through a firewall.
"""

import contextvars
import copy
import functools
import importlib
from xml.sax.saxutils import escape


def fill():
    """Apply the skipped properties after each create and update."""
    provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")
    provisioners._cw_metric_alarm_record = plain_alarm(provisioners._cw_metric_alarm_record)
    transform_with_parameters()
    handlers = provisioners._RESOURCE_HANDLERS
    expand_nested(handlers)
    keep_attributes(provisioners)
    handlers["AWS::WAFv2::WebACLAssociation"] = {"create": record_tie, "delete": forget_tie}
    for kind, path in (
        ("AWS::Lambda::Function", ["ReservedConcurrentExecutions"]),
        ("AWS::Lambda::EventSourceMapping", ["ScalingConfig", "MaximumConcurrency"]),
    ):
        handlers[kind] = {
            **handlers[kind],
            "create": with_numbers(handlers[kind]["create"], 1, path),
            "update": with_numbers(handlers[kind]["update"], 2, path),
        }
    for kind, apply in (("AWS::DynamoDB::Table", apply_table), ("AWS::S3::Bucket", apply_bucket)):
        handlers[kind] = {
            **handlers[kind],
            "create": after(handlers[kind]["create"], apply, properties=1),
            "update": after(handlers[kind]["update"], apply, properties=2),
        }


def with_numbers(real, properties, path):
    """`real`, with the property at `path` as a number: a parameter's value comes as text."""

    @functools.wraps(real)
    def wrapped(*arguments, **named):
        arguments = list(arguments)
        held = arguments[properties] = copy.deepcopy(arguments[properties])
        for step in path[:-1]:
            held = held.get(step) or {}
        if isinstance(held.get(path[-1]), str):
            held[path[-1]] = int(held[path[-1]])
        return real(*arguments, **named)

    return wrapped


def transform_with_parameters():
    """Give the SAM transform the stack's parameters; ministack gives it none, and it would take
    each default (GradualRelease)."""
    engine = importlib.import_module("ministack.services.cloudformation.engine")
    handlers = importlib.import_module("ministack.services.cloudformation.handlers")
    changesets = importlib.import_module("ministack.services.cloudformation.changesets")
    sam = importlib.import_module("samtranslator.translator.transform")
    given = contextvars.ContextVar("parameters", default={})
    apply, transform = engine._apply_transforms, sam.transform

    @functools.wraps(apply)
    def apply_transforms(template, provided_params=None, previous_params=None):
        given.set(engine._transform_parameters(template, provided_params, previous_params))
        return apply(template, provided_params, previous_params)

    for module in (engine, handlers, changesets):
        module._apply_transforms = apply_transforms
    sam.transform = lambda template, _none, loader: transform(template, dict(given.get()), loader)


def expand_nested(handlers):
    """Apply a nested template's transform, with the parameters that it is handed."""
    engine = importlib.import_module("ministack.services.cloudformation.engine")
    given = contextvars.ContextVar("parameters of a nested stack", default=None)
    parse, nested = engine._parse_template, handlers["AWS::CloudFormation::Stack"]

    @functools.wraps(parse)
    def parse_template(body):
        template, parameters = parse(body), given.get()
        if parameters is None:
            return template
        # That it was transformed stays in it: the parent's capabilities are held to that.
        return {**engine._apply_transforms(template, parameters), "Transform": template.get("Transform")}

    def with_parameters(real, properties):
        @functools.wraps(real)
        def wrapped(*arguments, **named):
            held = arguments[properties].get("Parameters") or {}
            mark = given.set([{"Key": key, "Value": str(value)} for key, value in held.items()])
            try:
                return real(*arguments, **named)
            finally:
                given.reset(mark)

        return wrapped

    engine._parse_template = parse_template
    handlers["AWS::CloudFormation::Stack"] = {
        **nested,
        "create": with_parameters(nested["create"], 1),
        "update": with_parameters(nested["update"], 2),
    }


def keep_attributes(provisioners):
    """What a nested update leaves as it is keeps its attributes; ministack forgets them."""
    stacks = importlib.import_module("ministack.services.cloudformation")._stacks
    update = provisioners._update_resource

    @functools.wraps(update)
    def update_resource(kind, physical_id, old, new, stack_name, logical_id=None, attributes=None):
        if attributes is None:
            held = (stacks.get(stack_name) or {}).get("_resources", {}).get(logical_id, {})
            attributes = held.get("Attributes")
        return update(kind, physical_id, old, new, stack_name, logical_id, attributes)

    provisioners._update_resource = update_resource


def record_tie(_logical_id, properties, _stack_name):
    return f"{properties['WebACLArn']}|{properties['ResourceArn']}", {}


def forget_tie(_physical_id, _properties):
    """There is nothing behind it."""


def after(real, apply, properties):
    """`real`, then `apply(physical name, properties)`."""

    @functools.wraps(real)
    def wrapped(*arguments, **named):
        made = real(*arguments, **named)
        apply(made[0], arguments[properties])
        return made

    return wrapped


def plain_alarm(real):
    """An alarm over an expression watches the expression's first metric here."""

    @functools.wraps(real)
    def record(name, properties):
        stats = [entry["MetricStat"] for entry in properties.get("Metrics") or [] if "MetricStat" in entry]
        if not stats:
            return real(name, properties)
        kept = {field: value for field, value in properties.items() if field != "Metrics"}
        plain = {"Statistic": stats[0]["Stat"], "Period": stats[0]["Period"], **stats[0]["Metric"]}
        return real(name, {**kept, **plain})

    return record


def apply_table(name, properties):
    dynamodb = importlib.import_module("ministack.services.dynamodb")
    for field, update in (
        ("TimeToLiveSpecification", dynamodb._update_ttl),
        ("PointInTimeRecoverySpecification", dynamodb._update_continuous_backups),
    ):
        if properties.get(field):
            accept(update({"TableName": name, field: truthful(properties[field])}))
    encryption = properties.get("SSESpecification") or {}
    if encryption.get("SSEEnabled"):
        dynamodb._tables[name]["SSEDescription"] = {
            "Status": "ENABLED",
            "SSEType": encryption.get("SSEType", "KMS"),
            "KMSMasterKeyArn": encryption.get("KMSMasterKeyId", ""),
        }


def truthful(specification):
    """CloudFormation passes "true" as text where a template quotes it."""
    return {key: value in (True, "true") if "Enabled" in key else value for key, value in specification.items()}


def apply_bucket(name, properties):
    s3 = importlib.import_module("ministack.services.s3")
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or []
    if rules:
        body = "".join(encryption_rule(rule) for rule in rules)
        text = f"<ServerSideEncryptionConfiguration>{body}</ServerSideEncryptionConfiguration>"
        accept(s3._put_bucket_encryption(name, text.encode()))
    retention = ((properties.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention")
    if retention:
        held = "".join(f"<{field}>{escape(str(value))}</{field}>" for field, value in retention.items())
        text = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
            f"<Rule><DefaultRetention>{held}</DefaultRetention></Rule></ObjectLockConfiguration>"
        )
        accept(s3._put_object_lock_configuration(name, text.encode()))


def encryption_rule(rule):
    default = rule.get("ServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID")
    held = f"<KMSMasterKeyID>{escape(str(key))}</KMSMasterKeyID>" if key else ""
    bucket_key = str(rule.get("BucketKeyEnabled", False)).lower()
    return (
        "<Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{escape(str(default.get('SSEAlgorithm', 'AES256')))}</SSEAlgorithm>{held}"
        f"</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>{bucket_key}</BucketKeyEnabled></Rule>"
    )


def accept(reply):
    if reply[0] >= 400:
        raise ValueError(f"property refused: {reply[2]!r}")
