"""What ministack's CloudFormation skips: properties of tables and buckets, metric math."""

import functools
import importlib
from xml.sax.saxutils import escape


def fill():
    """Apply the skipped properties after each create and update."""
    provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")
    provisioners._cw_metric_alarm_record = plain_alarm(provisioners._cw_metric_alarm_record)
    handlers = provisioners._RESOURCE_HANDLERS
    for kind, apply in (("AWS::DynamoDB::Table", apply_table), ("AWS::S3::Bucket", apply_bucket)):
        handlers[kind] = {
            **handlers[kind],
            "create": after(handlers[kind]["create"], apply, properties=1),
            "update": after(handlers[kind]["update"], apply, properties=2),
        }


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
