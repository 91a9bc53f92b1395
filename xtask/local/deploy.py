"""Deploys the templates, unchanged, to the local AWS through CloudFormation.

What `sam package` and `sam deploy` do on AWS: zip the functions' binary, upload it
under the hash of its content, point each CodeUri at it in packaged copies of the
templates and the root template at those copies, then create or update the stack.
Only what changed is built, uploaded
and updated again. Writes <dir>/stack.json, from which every other command and
the tests learn where the stack is.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
import time
import tomllib
import urllib.request

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

import package

STACK = "medivault"
BUCKET = "medivault-artifacts"
TEMPLATE = "template.yaml"
OPERATOR = "operator"


class Failure(Exception):
    """A plain reason to stop, for a person to read."""


def say(text):
    print(f"  {text}", flush=True)


class Progress:
    """One line that counts on a terminal; a line every few seconds elsewhere."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.last = time.monotonic()

    def show(self, text):
        if self.live:
            print(f"\r  {text}\033[K", end="", flush=True)
        elif time.monotonic() - self.last > 3:
            self.last = time.monotonic()
            say(text)

    def done(self, text):
        print(f"\r  {text}\033[K" if self.live else f"  {text}", flush=True)


class Cloud:
    """Clients of the local AWS, as one principal."""

    def __init__(self, endpoint, region, key="test", secret="test"):
        self.session = boto3.Session(
            aws_access_key_id=key, aws_secret_access_key=secret, region_name=region
        )
        self.endpoint = endpoint
        self.config = Config(
            retries={"max_attempts": 4, "mode": "standard"},
            max_pool_connections=16,
            # Hashing the package twice over would only cost time.
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            request_checksum_calculation="when_required",
        )

    def client(self, service):
        return self.session.client(service, endpoint_url=self.endpoint, config=self.config)


# --- reading what to deploy ---------------------------------------------------


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, of which only the plain value matters here."""


def plain_tag(loader, _suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


TemplateLoader.add_multi_constructor("!", plain_tag)


def overrides(root, env):
    """parameter_overrides and region of one environment in samconfig.toml."""
    path = root / "samconfig.toml"
    if not path.exists():
        return {}, None
    parameters = tomllib.loads(path.read_text()).get(env, {}).get("deploy", {}).get("parameters", {})
    given = parameters.get("parameter_overrides", [])
    pairs = given.split() if isinstance(given, str) else given
    return dict(pair.split("=", 1) for pair in pairs), parameters.get("region")


# --- steps --------------------------------------------------------------------


def wait_until_up(url, name, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                if reply.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise Failure(f"{name} did not answer at {url} within {seconds} s; see its log")
        time.sleep(0.1)


def operator_of(endpoint, region, known):
    """The operator's key: an ordinary IAM user, since test/test is root and hides mistakes."""
    iam = Cloud(endpoint, region).client("iam")
    try:
        iam.create_user(UserName=OPERATOR)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_user_policy(
        UserName=OPERATOR,
        PolicyName="local-operator",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    held = {entry["AccessKeyId"] for entry in iam.list_access_keys(UserName=OPERATOR)["AccessKeyMetadata"]}
    if known and known.get("accessKeyId") in held:
        return known
    for stale in held:
        iam.delete_access_key(UserName=OPERATOR, AccessKeyId=stale)
    key = iam.create_access_key(UserName=OPERATOR)["AccessKey"]
    return {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}


def upload(s3, built):
    """Upload the package under its hash unless it is there; answers what else is."""
    try:
        s3.create_bucket(Bucket=BUCKET, **location(s3.meta.region_name))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
    there = {
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for entry in page.get("Contents", [])
    }
    if built.key not in there:
        with built.path.open("rb") as body:
            s3.put_object(Bucket=BUCKET, Key=built.key, Body=body)
    return there - {built.key}


def upload_templates(s3, root, built):
    """Upload the packaged copies of all templates; returns the keys, the root's last."""
    source = (root / TEMPLATE).read_text()
    nested = {}
    for path in package.nested_templates(source):
        text = (root / path).read_text()
        code = dict.fromkeys(package.function_names(text), f"s3://{BUCKET}/{built.key}")
        nested[path] = upload_template(s3, package.rewrite(text, package.CODE_URI, code))
    addresses = {path: f"{s3.meta.endpoint_url}/{BUCKET}/{key}" for path, key in nested.items()}
    return [*nested.values(), upload_template(s3, package.rewrite(source, package.LOCATION, addresses))]


def upload_template(s3, text):
    key = f"templates/{hashlib.sha256(text.encode()).hexdigest()}.yaml"
    s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return key


def location(region):
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def stack_status(cfn):
    try:
        return cfn.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def submit(cfn, request):
    """Create or update; returns the kind of change, or None when there is none."""
    status = stack_status(cfn)
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"):
        say(f"an earlier attempt ended in {status}; removing it first")
        cfn.delete_stack(StackName=STACK)
        while stack_status(cfn) not in (None, "DELETE_COMPLETE"):
            time.sleep(0.2)
        status = None
    if status in (None, "DELETE_COMPLETE"):
        cfn.create_stack(**request, DisableRollback=True)
        return "create"
    try:
        cfn.update_stack(**request)
        return "update"
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return None
        raise


def follow(cfn, kind, total):
    """Show progress until the stack settles; on failure name the resource and why."""
    progress = Progress()
    started = time.monotonic()
    while True:
        status = stack_status(cfn) or ""
        if not status.endswith("_IN_PROGRESS"):
            break
        # Listing resources grows with the stack; a slow beat keeps it cheap.
        ready = sum(
            entry["ResourceStatus"].endswith("_COMPLETE")
            for entry in cfn.describe_stack_resources(StackName=STACK)["StackResources"]
        )
        progress.show(f"{kind}: {ready} resources ready, {total} in the template ({time.monotonic() - started:.0f} s)")
        time.sleep(0.5)
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        progress.done(f"{kind}d in {time.monotonic() - started:.1f} s")
        return
    raise Failure(f"stack {kind} ended in {status}\n" + reasons(cfn))


def reasons(cfn):
    names = [stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]]
    own = [name for name in names if name == STACK or name.startswith(f"{STACK}-")]
    events = [event for name in own for event in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    lines = [
        f"    {event['LogicalResourceId']} ({event.get('ResourceType')}): {event.get('ResourceStatusReason', 'no reason given')}"
        for event in failed
    ]
    return "\n".join(lines) or "    no resource reported a failure; see aws.log"


def api_url(cfn, endpoint):
    """Where the REST API of the stack answers locally, stage included."""
    found = cfn.describe_stack_resources(StackName=STACK)["StackResources"]
    ids = {entry["ResourceType"]: entry["PhysicalResourceId"] for entry in found}
    rest_api, stage = ids.get("AWS::ApiGateway::RestApi"), ids.get("AWS::ApiGateway::Stage")
    if not rest_api or not stage:
        raise Failure("the root template has no REST API with a stage")
    return f"{endpoint}/_aws/execute-api/{rest_api}/{stage}"


def read_state(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def write_state(path, state):
    """Write whole or not at all: other processes read this file."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(state, indent=2) + "\n")
    os.chmod(draft, 0o600)
    draft.replace(path)


def deploy(options):
    root, folder = pathlib.Path(options.root), pathlib.Path(options.dir)
    endpoint = f"http://127.0.0.1:{options.aws_port}"
    textract = f"http://127.0.0.1:{options.textract_port}"
    state_path = folder / "stack.json"

    wait_until_up(f"{endpoint}/_ministack/health", "the local AWS")
    wait_until_up(f"{textract}/_health", "the OCR server")
    say(f"local AWS at {endpoint}, OCR at {textract}")

    source = (root / TEMPLATE).read_text()
    template = yaml.load(source, TemplateLoader)
    given, _region = overrides(root, options.env)
    declared = template.get("Parameters", {})
    parameters = {**given, "TextractEndpoint": textract}

    operator = operator_of(endpoint, options.region, read_state(state_path).get("operator"))
    cloud = Cloud(endpoint, options.region, operator["accessKeyId"], operator["secretAccessKey"])

    nested = package.nested_templates(source)
    names = [name for path in nested for name in package.function_names((root / path).read_text())]
    started = time.monotonic()
    built = package.build(pathlib.Path(options.binary), pathlib.Path(options.cache), options.zip_level)
    s3, cfn = cloud.client("s3"), cloud.client("cloudformation")
    stale = upload(s3, built)
    size = built.path.stat().st_size / 1e6
    say(f"{len(names)} functions packaged and uploaded ({size:.0f} MB) in {time.monotonic() - started:.1f} s")

    templates = upload_templates(s3, root, built)
    kind = submit(cfn, {
        "StackName": STACK,
        "TemplateURL": f"{endpoint}/{BUCKET}/{templates[-1]}",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in parameters.items()
            if key in declared
        ],
    })
    if kind:
        follow(cfn, kind, len(template.get("Resources", {})))
    else:
        say("nothing to change in the stack")
    for key in stale - set(templates):
        s3.delete_object(Bucket=BUCKET, Key=key)

    outputs = cfn.describe_stacks(StackName=STACK)["Stacks"][0].get("Outputs", [])
    write_state(state_path, {
        "apiUrl": api_url(cfn, endpoint),
        "endpoint": endpoint,
        "textractUrl": textract,
        "region": options.region,
        "operator": operator,
        "outputs": {entry["OutputKey"]: entry["OutputValue"] for entry in outputs},
        "pids": json.loads(options.pids),
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="the checkout, with its templates and samconfig.toml")
    parser.add_argument("--dir", required=True, help="where the stack keeps its state")
    parser.add_argument("--binary", required=True, help="the binary of all functions, as cargo made it")
    parser.add_argument("--cache", required=True, help="where zipped functions are kept")
    parser.add_argument("--aws-port", type=int, required=True)
    parser.add_argument("--textract-port", type=int, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--env", default="local", help="environment in samconfig.toml")
    parser.add_argument("--zip-level", type=int, default=1, help="0 is fastest, 1 saves room in kept state")
    parser.add_argument("--pids", default="{}", help="JSON object of the servers' process ids")
    try:
        deploy(parser.parse_args())
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except ClientError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
