"""Writes each template as CloudFormation sees it, for the judges that do not know SAM.

    expand.py <template.yaml> <folder>

Parameters have the root's defaults: what is deployed to production.
"""

import json
import logging
import os
import pathlib
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import package

LIMIT = 500


class NoManagedPolicies:
    """The templates name the managed policies that they use in full."""

    @staticmethod
    def load():
        return {}


def expand(text, defaults):
    # `sam package` puts addresses there; which ones is of no matter here.
    text = package.CODE_URI.sub(r"\1s3://packages/\2", text)
    template = yaml_parse(package.LOCATION.sub(r"\1https://templates/\2", text))
    own = {name: str(it.get("Default", "")) for name, it in template["Parameters"].items()}
    return transform(template, {**own, **defaults}, NoManagedPolicies())


def main(source, folder):
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    # It tells of feature switches that only AWS's own service has.
    logging.disable(logging.WARNING)
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    root = source.read_text()
    defaults = {name: str(it.get("Default", "")) for name, it in yaml_parse(root)["Parameters"].items()}
    for path in [source.name, *package.nested_templates(root)]:
        expanded = expand((source.parent / path).read_text(), defaults)
        text = json.dumps(expanded, indent=1)
        (folder / f"{path.replace('/', '-').removesuffix('.yaml')}.json").write_text(text + "\n")
        size = len(json.dumps(expanded)) // 1000
        print(f"  {path:<34}{len(expanded['Resources']):>4} of {LIMIT} resources{size:>5} of 1000 KB")


if __name__ == "__main__":
    main(*sys.argv[1:])
