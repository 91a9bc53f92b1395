"""Serves the API reference of a running stack: Swagger UI on docs/openapi.json."""

import argparse
import functools
import importlib.util
import json
import pathlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import watch

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>MediVault API</title>
<link rel="stylesheet" href="/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#reference", deepLinking: true });
</script>
</body>
</html>
"""


class Reference(SimpleHTTPRequestHandler):
    """The page, the document, and Swagger UI's own files."""

    def __init__(self, *arguments, document, **options):
        self.document = document
        super().__init__(*arguments, **options)

    def do_GET(self):
        if self.path == "/":
            self.answer("text/html; charset=utf-8", PAGE)
        elif self.path == "/openapi.json":
            self.answer("application/json", self.document)
        else:
            super().do_GET()

    def answer(self, media, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet: it is a page."""


def static_files():
    """Where Swagger UI's files are, without importing Django, which serves them elsewhere."""
    package = pathlib.Path(importlib.util.find_spec("drf_spectacular_sidecar").origin).parent
    return package / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    stack = json.loads((arguments.dir / "stack.json").read_text())
    root = pathlib.Path(__file__).resolve().parents[2]
    document = json.loads((root / "docs/openapi.json").read_text())
    document["servers"] = [{"url": stack["apiUrl"]}]
    handler = functools.partial(
        Reference, directory=str(static_files()), document=json.dumps(document)
    )
    watch.stop_with_parent()
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), handler)
    watch.on_stop(server.shutdown)
    server.serve_forever()


if __name__ == "__main__":
    main()
