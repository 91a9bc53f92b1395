"""cargo xtask bench: measures every function beside an empty one and beside the same work in
Node.js and Python, how the cost grows with a vault, and what a month costs.

Says what is measured and tells what came of it; the clock is in `bench`, written in Rust.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3

import cost
import report
import setup

WARM = 4
GROWN = (10, 1_000, 10_000, 100_000)
# AWS Lambda Developer Guide, "Configure Lambda function memory": one vCPU at 1 769 MB.
MB_OF_A_CPU = 1769
SMALLEST_MB = 128
PEER_MB = 256
REGION = "eu-central-1"
ACCOUNT = "123456789012"
TABLE = "medivault"
PARTITIONS = setup.ROOT / "shared/store/partitions"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/medivault"
BASE = {
    "PATH": os.environ["PATH"],
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "x" * 800,
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "KEY_ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0190a6f0-0000-7000-8000-00000000000a",
    "FILE_KEY_ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0190a6f0-0000-7000-8000-00000000000b",
    "USER_POOL_ID": f"{REGION}_Example01",
    "CLIENT_ID": "1example23456789",
    "BUCKET_NAME": "medivault-files",
    "ARCHIVE_NAME": "medivault-archive",
    "QUEUE_URL": QUEUE,
    "OCR_QUEUE_URL": QUEUE,
    "COMPLETION_QUEUE_URL": QUEUE,
    "OCR_DEAD_LETTERS_URL": QUEUE,
    "RETRY_SECONDS": "90",
    "MAX_RECEIVES": "5",
    "OCR_CHECK_AFTER_SECONDS": "900",
    "COMPLETION_TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:completions",
    "TEXTRACT_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/textract",
}


class Bench:
    """Everything that is ready to be measured."""

    def __init__(self, options):
        self.options = options
        self.work = options.work.resolve()
        self.binaries = options.binaries
        self.bench = options.bench
        self.tls = setup.certificates(self.work / "tls")
        self.dynoxide = setup.dynoxide(self.work / "dynoxide")
        self.node = setup.node(self.work / "node-runtime")
        self.bundle = setup.node_peer(self.work / "node")
        self.answers = setup.answers(self.work / "answers")
        self.memory = memory_sizes(setup.ROOT.glob("functions/*/template.yaml"))
        self.functions = [n for n in self.memory if not options.only or n in options.only]

    def endpoints(self, port):
        return ["--dynamo", f"127.0.0.1:{port}", "--tls", self.tls, "--answers", self.answers]

    def environment(self, name, table):
        memory = self.memory.get(name, PEER_MB)
        return {
            **BASE,
            "TABLE_NAME": table,
            "SSL_CERT_FILE": str(self.tls / "functions.pem"),
            "NODE_EXTRA_CA_CERTS": str(self.tls / "root.pem"),
            "AWS_CA_BUNDLE": str(self.tls / "botocore.pem"),
            "SMITHY_CLIENT_SDK_CUSTOM_PARTITION": str(PARTITIONS / "aws.json"),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        }

    def program(self, name):
        """How a function or peer is started."""
        if name == "node":
            return [self.node, self.bundle]
        if name == "python":
            # Its bytecode is there already, as in Lambda's own runtime.
            return [pathlib.Path(sys.executable), setup.HERE / "peers/python/record_get.py"]
        return [self.binaries / ("bench_empty" if name == "empty" else name)]

    def case(self, name, label, events, table, **how):
        program, *arguments = (str(part) for part in self.program(name))
        return {
            "name": label,
            "program": program,
            "arguments": arguments,
            "environment": self.environment(name, table),
            "events": str(events),
            **how,
        }

    def measure(self, port, cases):
        done = subprocess.run(
            [self.bench, "measure", *self.endpoints(port)],
            input=json.dumps({"cases": cases}), stdout=subprocess.PIPE, text=True, check=True,
        )
        return {found["name"]: found for found in json.loads(done.stdout)}

    def seed(self, port, table, out, count, grown=None):
        """Fills a table and writes events, through the same endpoints as the functions."""
        create_table(port, table)
        command = [self.bench, "serve", *self.endpoints(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as server:
            variables = json.loads(server.stdout.readline())
            extra = ["--grown", str(grown)] if grown else []
            setup.run(
                self.bench, "seed", "--count", count, "--out", out,
                "--samples", setup.ROOT / "events", "--file", self.answers / "file.jpg", *extra,
                env={**self.environment("seed", table), **variables},
            )
            server.stdin.close()
        return out


def memory_sizes(templates):
    """Each function of the services' templates with its memory, in megabytes."""
    sizes = {}
    for template in sorted(templates):
        text = template.read_text()
        default = re.search(r"MemorySize: (\d+)", text).group(1)
        for block in re.split(r"\n  # (?=[a-z_]+\n)", text)[1:]:
            uri = re.search(r"CodeUri: \.\./\.\./target/lambda/(\w+)/", block)
            if uri:
                own = re.search(r"\n      MemorySize: (\d+)", block)
                sizes[uri.group(1)] = int(own.group(1) if own else default)
    return sizes


@contextlib.contextmanager
def table_server(binary):
    """A table's server in memory, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([binary, "--port", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            yield port
        finally:
            server.terminate()


def wait_for(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise SystemExit("error: the table's server does not answer")


def create_table(port, name):
    client = boto3.client(
        "dynamodb", endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION,
        aws_access_key_id="x", aws_secret_access_key="x",
    )
    keys = ("PK", "SK", "GSI1PK", "GSI1SK")
    schema = [{"AttributeName": n, "KeyType": k} for n, k in zip(keys, ("HASH", "RANGE") * 2)]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in keys],
        KeySchema=schema[:2],
        GlobalSecondaryIndexes=[{"IndexName": "GSI1", "KeySchema": schema[2:],
                                 "Projection": {"ProjectionType": "ALL"}}],
    )


def functions(bench):
    """Every function and peer: with a whole CPU, with that of its memory, with that of 128 MB."""
    runs = bench.options.runs
    names = [*bench.functions, "empty", "node", "python"]
    modes = {
        "full": lambda name: {},
        "own": lambda name: {"share": bench.memory.get(name, PEER_MB) / MB_OF_A_CPU},
        "small": lambda name: {"share": SMALLEST_MB / MB_OF_A_CPU},
    }
    # One more in each row than is used: what is left over is an error in nobody.
    count = runs * (1 + WARM) + 1
    with table_server(bench.dynoxide) as port, tempfile.TemporaryDirectory() as events:
        found = {}
        for mode, share in modes.items():
            print(f"Measuring {len(names)} programs: {LABELS[mode]}")
            out = bench.seed(port, f"{TABLE}-{mode}", pathlib.Path(events) / mode, count)
            cases = [
                bench.case(name, name, out / f"{'record_get' if name in PEERS else name}.jsonl",
                           f"{TABLE}-{mode}", rounds=runs, warm=WARM, **share(name))
                for name in names
            ]
            found[mode] = bench.measure(port, cases)
    return found


PEERS = ("empty", "node", "python")
LABELS = {
    "full": "a whole CPU",
    "own": "invocations with the CPU of the configured memory",
    "small": f"invocations with the CPU of {SMALLEST_MB} MB",
}


@contextlib.contextmanager
def vaults(bench):
    """A table's server with vaults of different sizes, and the cases that read them. It takes most of
    the time, and nothing is measured yet."""
    rounds = math.ceil(bench.options.runs / WARM)
    cases = []
    with table_server(bench.dynoxide) as port, tempfile.TemporaryDirectory() as events:
        for many in GROWN:
            print(f"Filling a vault with {many} of each kind", flush=True)
            since = time.monotonic()
            table, out = f"{TABLE}-{many}", pathlib.Path(events) / str(many)
            bench.seed(port, table, out, rounds * (1 + WARM) + 1, many)
            print(f"  {time.monotonic() - since:.0f} s")
            for path in sorted(out.glob("*.jsonl")):
                name = path.stem.split(" ")[0]
                if not bench.options.only or name in bench.options.only:
                    label = f"{many} {path.stem}"
                    cases.append(bench.case(name, label, path, table, rounds=rounds, warm=WARM))
        yield port, cases


def growth(bench, port, cases):
    """The same requests to vaults of different sizes, warm, and by turns: the machine may be faster
    or slower minutes later."""
    found = {}
    for label, one in bench.measure(port, cases).items():
        many, name = label.split(" ", 1)
        operation = name.split(" ")[0]
        cpu, memory = median(one["warmCpuMs"]), bench.memory[operation]
        # As if none started cold: its CPU time, as long as that takes with its memory's share.
        ms = cpu * MB_OF_A_CPU / memory
        billed = {"usage": one["usage"], "roundTrips": one["sequential"], "memoryMb": memory,
                  "warmMsOwnMemory": ms, "coldMsOwnMemory": ms}
        found.setdefault(name, {})[many] = {
            "ms": median(one["warmMs"]),
            "cpuMs": cpu,
            "calls": one["calls"],
            "sequential": one["sequential"],
            "rssMb": round(median(one["rssKb"]) / 1024, 1),
            "usd": round(cost.dollars_a_million(operation, billed), 2),
        }
    return found


def median(samples):
    return round(statistics.median(samples), 2)


def zipped(paths):
    """The size of a package, in megabytes (10^6 bytes), as `package` makes it."""
    with tempfile.TemporaryDirectory() as scratch:
        target = pathlib.Path(scratch) / "package.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, path in paths:
                archive.write(path, name)
        return round(target.stat().st_size / 1e6, 2)


def package(bench, name):
    """What would be uploaded. Node.js and Python: the code and the libraries it pins."""
    if name == "node":
        return zipped([("index.mjs", bench.bundle)])
    if name == "python":
        site = pathlib.Path(boto3.__file__).parent.parent
        wanted = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3",
                  "cryptography", "cffi", "pycparser")
        files = [path for folder in wanted for path in (site / folder).rglob("*")
                 if path.is_file() and "__pycache__" not in path.parts]
        return zipped([(path.relative_to(site), path) for path in files])
    partitions = [(f"partitions/{path.name}", path) for path in PARTITIONS.glob("*.json")]
    return zipped([("bootstrap", bench.program(name)[0]), *partitions])


def summary(bench, found, grown):
    """bench.json: medians, in the shape that its readers know."""
    functions, peers = {}, {}
    for name, full in found["full"].items():
        own, small = found["own"][name], found["small"][name]
        one = {
            "initMs": median(full["initMs"]),
            "connectMs": median(full["connectMs"]),
            "ownMs": median(a - b for a, b in zip(full["initMs"], full["connectMs"], strict=True)),
            "coldMs": median(full["coldMs"]),
            "warmMs": median(full["warmMs"]),
            "rssMb": round(median(full["rssKb"]) / 1024, 1),
            "zipMb": package(bench, name),
            "coldMsOwnMemory": median(own["coldMs"]),
            "warmMsOwnMemory": median(own["warmMs"]),
            "coldMs128": median(small["coldMs"]),
            "warmMs128": median(small["warmMs"]),
            "initCpuMs": median(full["initCpuMs"]),
            "firstCpuMs": median(full["firstCpuMs"]),
            "warmCpuMs": median(full["warmCpuMs"]),
        }
        if name in PEERS:
            peers[name] = one
            continue
        one["roundTrips"] = full["sequential"]
        one["calls"] = full["calls"]
        one["memoryMb"] = bench.memory[name]
        one["usage"] = full["usage"]
        functions[name] = one
    return {"functions": functions, "peers": peers, "growth": grown}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--bench", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--write", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = arguments()
    since = time.monotonic()
    bench = Bench(options)
    unknown = set(options.only) - set(bench.memory)
    if unknown:
        raise SystemExit(f"error: no such function: {', '.join(sorted(unknown))}")
    with contextlib.ExitStack() as stack:
        filled = None if options.no_growth else stack.enter_context(vaults(bench))
        print("From here on, the machine should do nothing else", flush=True)
        found = functions(bench)
        grown = growth(bench, *filled) if filled else {}
    result = summary(bench, found, grown)
    result["about"] = report.about(bench, options, time.monotonic() - since)
    options.out.write_text(json.dumps(result, indent=1))
    text = report.tables(result)
    print(text)
    print(f"Written to {options.out} after {time.monotonic() - since:.0f} s")
    if options.write:
        report.insert(options.write, text)
        print(f"Results put into {options.write}")


if __name__ == "__main__":
    main()
