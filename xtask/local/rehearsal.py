"""Deploys to the local AWS by README's commands, as they stand.

They run in a copy of what they read: the templates, samconfig.toml, and packages that hold this
machine's binaries in place of Lambda's. Deploys, asks the API, changes one function, deploys again.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
import tomllib

import boto3

import package
from deploy import Failure, wait_until_up

ENVIRONMENT = "staging"
# Of the local AWS's root account.
ROOT_KEY = "test"
CHANGED = "session_create"
# The service that a stranger can ask. Other packages are small here, as SAM zips all of them at
# each deployment.
ASKED = "functions/identity/template.yaml"


def commands(root):
    """What README tells to run, after `cargo xtask package`."""
    deploying = (root / "README.md").read_text().split("\n## Deploying\n", 1)[1]
    block = deploying.split("```sh\n", 1)[1].split("```", 1)[0]
    return [shlex.split(line) for line in block.splitlines() if line.startswith("sam ")]


def lay_out(root, functions, checkout):
    """The copy: templates, settings, and a package for each function that they name."""
    shutil.rmtree(checkout, ignore_errors=True)
    source = (root / "template.yaml").read_text()
    for path in ["template.yaml", "samconfig.toml", *package.nested_templates(source)]:
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, checkout / path)
        for name in package.function_names((root / path).read_text()):
            binary = functions if path == ASKED else pathlib.Path(shutil.which("false"))
            package.lay_out(binary, checkout / "target/lambda" / name)


class Rehearsal:
    """The copy of the checkout and the account that it is deployed to."""

    def __init__(self, options, folder):
        self.root, self.folder, self.checkout = pathlib.Path(options.root), folder, folder / "checkout"
        settings = tomllib.loads((self.root / "samconfig.toml").read_text())[ENVIRONMENT]["deploy"]["parameters"]
        self.endpoint, self.stack, region = options.endpoint, settings["stack_name"], settings["region"]
        session = boto3.Session(ROOT_KEY, ROOT_KEY, region_name=region)
        self.cloudformation = session.client("cloudformation", endpoint_url=self.endpoint)
        self.functions = session.client("lambda", endpoint_url=self.endpoint)

    def environment(self):
        return {
            "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            # Nothing is told to anybody.
            "SAM_CLI_TELEMETRY": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def deploy(self):
        """Runs README's commands; what they print is kept, and shown when one fails."""
        for command in commands(self.root):
            since = time.monotonic()
            done = subprocess.run(
                command, cwd=self.checkout, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )
            if done.returncode:
                raise Failure(f"`{shlex.join(command)}` failed\n{done.stdout}")
            print(f"  {shlex.join(command)} ({time.monotonic() - since:.0f} s)", flush=True)

    def smoke(self):
        """Asks the deployed API what it answers to a stranger."""
        described = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]}
        api = f"{self.endpoint}/_aws/execute-api/{outputs['ApiId']}/api"
        smoke = pathlib.Path(__file__).with_name("smoke.py")
        if subprocess.run([sys.executable, smoke, "--endpoint", api], check=False).returncode:
            raise Failure("what was deployed does not answer as it should")

    def released(self):
        """The version that the API calls, of each function that it calls."""
        pages = self.functions.get_paginator("list_functions").paginate()
        names = [entry["FunctionName"] for page in pages for entry in page["Functions"]]
        aliases = {name: self.functions.list_aliases(FunctionName=name)["Aliases"] for name in names}
        return {name: held[0]["FunctionVersion"] for name, held in aliases.items() if held}

    def release(self):
        """Changes one function and deploys again: its version alone is another."""
        before = self.released()
        (self.checkout / "target/lambda" / CHANGED / "changed").write_text("a file more\n")
        self.deploy()
        after = self.released()
        changed = [name for name in before if before[name] != after.get(name)]
        if changed != [f"{self.stack}-{CHANGED}"]:
            raise Failure(f"{CHANGED} was changed; another version has {', '.join(changed) or 'no function'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="the checkout")
    parser.add_argument("--dir", required=True, help="where the copy is made")
    parser.add_argument("--binary", required=True, help="the binary of all functions, as cargo made it")
    parser.add_argument("--endpoint", required=True, help="the local AWS")
    options = parser.parse_args()
    rehearsal = Rehearsal(options, pathlib.Path(options.dir))
    try:
        lay_out(rehearsal.root, pathlib.Path(options.binary), rehearsal.checkout)
        wait_until_up(f"{options.endpoint}/_ministack/health", "the local AWS")
        rehearsal.deploy()
        rehearsal.smoke()
        rehearsal.release()
        rehearsal.smoke()
    except Failure as failure:
        sys.exit(f"error: {failure}")


if __name__ == "__main__":
    main()
