"""Prints the size of every package and writes the SHA-256 of what is in them beside them."""

import hashlib
import pathlib
import sys
import tempfile

import package

LIMIT_MB = 5


def main():
    folder = pathlib.Path(sys.argv[1])
    sums = []
    print(f"{'function':<28}{'binary MB':>10}{'zipped MB':>11}")
    for binary in sorted(folder.glob("*/bootstrap")):
        paths = sorted(path for path in binary.parent.rglob("*") if path.is_file())
        files = {str(path.relative_to(binary.parent)): path.read_bytes() for path in paths}
        with tempfile.TemporaryDirectory() as scratch:
            archive = pathlib.Path(scratch) / "package.zip"
            package.write_zip(archive, files, 9)
            zipped = archive.stat().st_size / 1e6
        name, size = binary.parent.name, binary.stat().st_size / 1e6
        print(f"{name:<28}{size:>10.2f}{zipped:>11.2f}{f'  over {LIMIT_MB}' if zipped > LIMIT_MB else ''}")
        sums += [f"{hashlib.sha256(content).hexdigest()}  {name}/{path}\n" for path, content in files.items()]
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
