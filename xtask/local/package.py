"""Zips the one binary of all functions as Lambda wants it: an executable named bootstrap, and beside
it the partitions of AWS that it may run in (docs/adr/0017)."""

import dataclasses
import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile
import zipfile

PARTITIONS = pathlib.Path(__file__).resolve().parents[2] / "shared/store/partitions"
CODE_URI = re.compile(r"(CodeUri:\s*)(?:\.\./)*target/lambda/(\w+)/")
LOCATION = re.compile(r"(Location:\s*)(functions/\w+/template\.yaml)")


@dataclasses.dataclass(frozen=True)
class Package:
    """The zipped functions and the object key that names its content."""

    path: pathlib.Path
    key: str


def function_names(template):
    """The functions a template names by CodeUri: ../../target/lambda/<name>/."""
    return sorted({match.group(2) for match in CODE_URI.finditer(template)})


def nested_templates(template):
    """The paths of the templates that a template nests."""
    return [match.group(2) for match in LOCATION.finditer(template)]


def rewrite(template, pattern, addresses):
    """The packaged copy: what `pattern` finds replaced by where it was uploaded."""
    return pattern.sub(lambda match: match.group(1) + addresses[match.group(2)], template)


def lay_out(binary, folder):
    """A package that is not zipped, as `cargo xtask package` leaves it."""
    folder.mkdir(parents=True)
    stripped(binary, folder / "bootstrap")
    for path, content in beside().items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)


def build(binary, cache, level):
    """Strip symbols, zip, name the result by its content, unless the binary was zipped already."""
    cache = cache / f"level-{level}"
    cache.mkdir(parents=True, exist_ok=True)
    stat = binary.stat()
    stamp = digest({"stat": f"{stat.st_mtime_ns} {stat.st_size}".encode(), **beside()})[:16]
    known = list(cache.glob(f"{stamp}-*.zip"))
    if known:
        return Package(known[0], f"lambda/{known[0].stem.rsplit('-', 1)[1]}.zip")
    for old in cache.glob("*.zip"):
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        slim = stripped(binary, pathlib.Path(scratch) / "bootstrap")
        files = {"bootstrap": slim.read_bytes(), **beside()}
        content = digest(files)[:32]
        draft = pathlib.Path(scratch) / "package.zip"
        write_zip(draft, files, level)
        path = cache / f"{stamp}-{content}.zip"
        draft.replace(path)
    return Package(path, f"lambda/{content}.zip")


def beside():
    """What lies in a package beside the executable: names and contents."""
    return {f"partitions/{path.name}": path.read_bytes() for path in sorted(PARTITIONS.glob("*.json"))}


def digest(files):
    """SHA-256 in hex, of names and contents."""
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def stripped(binary, target):
    """Symbols make up half of a debug binary; a panic names its line without them."""
    strip = shutil.which("strip")
    if strip:
        done = subprocess.run([strip, "-o", target, binary], capture_output=True, check=False)
        if done.returncode == 0:
            return target
    shutil.copyfile(binary, target)
    return target


def write_zip(path, files, level):
    """A fixed date, so that the same content makes the same zip. Level 0 stores."""
    how = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            archive.writestr(entry, content, how, level or None)
