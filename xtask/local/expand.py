"""Writes template.yaml as CloudFormation sees it, for the judges that do not know SAM.

    expand.py <template.yaml> <expanded.json>

Parameters have their defaults: what is deployed to production.
"""

import json
import logging
import os
import pathlib
import re
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names the managed policies that it uses in full."""

    @staticmethod
    def load():
        return {}


def main(source, target):
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    # It tells of feature switches that only AWS's own service has.
    logging.disable(logging.WARNING)
    text = pathlib.Path(source).read_text()
    # `sam package` puts an address there; which one is of no matter here.
    text = re.sub(r"CodeUri: target/lambda/(\w+)/", r"CodeUri: s3://packages/\1", text)
    template = yaml_parse(text)
    defaults = {name: str(it.get("Default", "")) for name, it in template["Parameters"].items()}
    expanded = transform(template, defaults, NoManagedPolicies())
    pathlib.Path(target).write_text(json.dumps(expanded, indent=1) + "\n")
    size = len(json.dumps(expanded))
    print(f"  {len(expanded['Resources'])} of 500 resources, {size // 1000} of 1000 KB")


if __name__ == "__main__":
    main(*sys.argv[1:])
