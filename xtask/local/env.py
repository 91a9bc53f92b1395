"""Prints the environment of a deployed function, for `cargo lambda watch --env-file`.

    env.py <stack.json> <operation>

The function's own variables, the local stack's addresses, and the operator's access key: run this
way, a function has more rights than its role.
"""
import json
import sys

import boto3
from botocore.exceptions import ClientError


def main(path, operation):
    with open(path, encoding="utf-8") as file:
        stack = json.load(file)
    access = {
        "AWS_ACCESS_KEY_ID": stack["operator"]["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": stack["operator"]["secretAccessKey"],
    }
    client = boto3.client(
        "lambda",
        endpoint_url=stack["endpoint"],
        region_name=stack["region"],
        aws_access_key_id=access["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=access["AWS_SECRET_ACCESS_KEY"],
    )
    name = f"{stack['outputs']['StackName']}-{operation}"
    try:
        function = client.get_function_configuration(FunctionName=name)
    except ClientError as error:
        sys.exit(f"no function {name}: {error.response['Error']['Code']}")
    variables = function.get("Environment", {}).get("Variables", {})
    # A file of the package, which a function that is watched does not have.
    variables.pop("SMITHY_CLIENT_SDK_CUSTOM_PARTITION", None)
    address = {"AWS_ENDPOINT_URL": stack["endpoint"], "AWS_REGION": stack["region"]}
    for variable, value in sorted({**variables, **address, **access}.items()):
        print(f"{variable}={value}")


if __name__ == "__main__":
    main(*sys.argv[1:])
