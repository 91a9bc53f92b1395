"""A stand-in for Amazon Textract over the real Tesseract engine.

Speaks the part of Textract's JSON protocol that the vault uses: DetectDocumentText,
StartDocumentTextDetection, GetDocumentTextDetection, and completion over SNS, with
the real block shapes, limits and error names. Documents come from S3 and are read
with the caller's permissions; completions are published with the notification
role. Nothing of a document is logged or kept beyond its job's result.

Tests ask for faults on the same port:

    POST /_control {"mode": MODE, "match": PART_OF_OBJECT_KEY, "count": N, "seconds": S}

throttle              the next N calls about the object are throttled
error                 the next N calls answer the error named by "error"
slow                  the next N readings take S seconds longer
fail-job              the job ends as FAILED
no-completion         the job ends, nobody is told
late-completion       the message comes S seconds after the end
duplicate-completion  the message comes twice

`match` keeps tests that run side by side apart. GET /_control lists what is left,
DELETE /_control forgets everything, GET /_health answers 200.
"""

import argparse
import base64
import concurrent.futures
import functools
import hashlib
import http.server
import json
import os
import re
import secrets
import threading
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError

import blocks
import caller
import ocr
import watch

SYNC_BYTES = 10 * 1024 * 1024
ASYNC_BYTES = 500 * 1024 * 1024
ASYNC_PAGES = 3000
PAGE_OF_BLOCKS = 1000
MODEL = "1.0"
TOKEN = re.compile(r"[a-zA-Z0-9-_]{1,64}")
TAG = re.compile(r"[a-zA-Z0-9_.\-:]{1,64}")


class Refusal(Exception):
    """An error of Textract's: its name, a text, and the HTTP status."""

    def __init__(self, name, text, status=400):
        super().__init__(name)
        self.name, self.text, self.status = name, text, status


# --- faults -------------------------------------------------------------------


class Faults:
    """What tests asked to go wrong, each for one object and a number of times."""

    MODES = (
        "throttle", "error", "slow", "fail-job",
        "no-completion", "late-completion", "duplicate-completion",
    )

    def __init__(self):
        self._wanted = []
        self._lock = threading.Lock()

    def add(self, request):
        if request.get("mode") not in self.MODES or not request.get("match"):
            raise Refusal("InvalidParameterException", f"mode is one of {', '.join(self.MODES)}; match is needed")
        with self._lock:
            self._wanted.append({"count": 1, "seconds": 5, **request})

    def take(self, mode, key):
        """The fault due for this object, counted down; None in the ordinary case."""
        with self._lock:
            for fault in self._wanted:
                if fault["mode"] == mode and fault["match"] in key and fault["count"] > 0:
                    fault["count"] -= 1
                    return fault
        return None

    def left(self):
        with self._lock:
            return [fault for fault in self._wanted if fault["count"] > 0]

    def forget(self):
        with self._lock:
            self._wanted.clear()


# --- the service ----------------------------------------------------------------


class Job:
    """One asynchronous reading."""

    def __init__(self, request):
        self.id = secrets.token_hex(32)
        self.request = request
        self.bucket, self.key = object_named(request.get("DocumentLocation", {}))
        self.status, self.message = "IN_PROGRESS", None
        self.pages, self.blocks = 0, []


class Textract:
    """The three operations, over documents in S3."""

    def __init__(self, options):
        self.faults = Faults()
        self.jobs, self.tokens = {}, {}
        self.lock = threading.Lock()
        self.endpoint, self.region = options.endpoint, options.region
        self.callers = caller.Callers(options.endpoint, options.region)

    # operations

    def detect_document_text(self, request, access_key):
        document = request.get("Document")
        if not isinstance(document, dict) or ("Bytes" in document) == ("S3Object" in document):
            raise Refusal("InvalidParameterException", "Request has invalid parameters")
        if "Bytes" in document:
            key, data = "", self.inline(document["Bytes"])
        else:
            bucket, key = object_named(document)
            self.fail_if_asked(key)
            data = self.fetch(bucket, key, SYNC_BYTES, access_key)
        kind = kind_of(data)
        if counted(data, kind) > 1:
            raise Refusal("UnsupportedDocumentException", "Request has unsupported document format")
        pages = self.read(data, kind, key)
        return {
            "DocumentMetadata": {"Pages": len(pages)},
            "Blocks": blocks.of_pages(pages, numbered=False),
            "DetectDocumentTextModelVersion": MODEL,
        }

    def start_document_text_detection(self, request, access_key):
        check_start(request)
        job = Job(request)
        self.fail_if_asked(job.key)
        token = request.get("ClientRequestToken")
        with self.lock:
            if token in self.tokens:
                earlier = self.tokens[token]
                if earlier.request != request:
                    raise Refusal(
                        "IdempotentParameterMismatchException",
                        "A ClientRequestToken was reused with different parameters.",
                    )
                return {"JobId": earlier.id}
        data = self.fetch(job.bucket, job.key, ASYNC_BYTES, access_key)
        kind = kind_of(data)
        if kind in ("jpeg", "png") and len(data) > SYNC_BYTES:
            raise Refusal("DocumentTooLargeException", "Document is too large")
        publisher = self.publisher(request.get("NotificationChannel"))
        with self.lock:
            # Of two equal requests at once, the first one counts.
            job = self.tokens.setdefault(token, job) if token else job
            started = self.jobs.setdefault(job.id, job) is job and job.request is request
        if started:
            work = functools.partial(self.work, job, data, kind, publisher)
            threading.Thread(target=work, daemon=True, name="reading").start()
        return {"JobId": job.id}

    def get_document_text_detection(self, request, _access_key):
        job = self.jobs.get(request.get("JobId"))
        if job is None:
            raise Refusal("InvalidJobIdException", "Request has invalid Job Id")
        self.fail_if_asked(job.key)
        limit = request.get("MaxResults", PAGE_OF_BLOCKS)
        if not isinstance(limit, int) or not 1 <= limit:
            raise Refusal("InvalidParameterException", "Request has invalid parameters")
        limit = min(limit, PAGE_OF_BLOCKS)
        start = page_start(job, request.get("NextToken"))
        answer = {"JobStatus": job.status, "DetectDocumentTextModelVersion": MODEL}
        if job.message:
            answer["StatusMessage"] = job.message
        if job.status == "SUCCEEDED":
            answer["DocumentMetadata"] = {"Pages": job.pages}
            answer["Blocks"] = job.blocks[start : start + limit]
            if start + limit < len(job.blocks):
                answer["NextToken"] = page_token(job, start + limit)
        return answer

    # steps

    def fail_if_asked(self, key):
        if self.faults.take("throttle", key):
            raise Refusal(
                "ProvisionedThroughputExceededException", "Provisioned rate exceeded", 400
            )
        fault = self.faults.take("error", key)
        if fault:
            name = fault.get("error", "InternalServerError")
            raise Refusal(name, "as asked", 500 if name == "InternalServerError" else 400)

    @staticmethod
    def inline(text):
        try:
            data = base64.b64decode(text, validate=True)
        except (ValueError, TypeError) as problem:
            raise Refusal("InvalidParameterException", "Request has invalid parameters") from problem
        if len(data) > 5 * 1024 * 1024:
            raise Refusal("DocumentTooLargeException", "Document is too large")
        return data

    def fetch(self, bucket, key, limit, access_key):
        """The object, read as the caller: Textract has no access of its own."""
        s3 = self.callers.client("s3", access_key)
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > limit:
                raise Refusal("DocumentTooLargeException", "Document is too large")
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as problem:
            raise Refusal(
                "InvalidS3ObjectException",
                "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
            ) from problem

    def read(self, data, kind, key):
        fault = self.faults.take("slow", key)
        if fault:
            time.sleep(fault["seconds"])
        try:
            return read_document(data, kind)
        except ocr.UnreadableDocument as problem:
            raise Refusal("BadDocumentException", "Request has bad document") from problem

    def work(self, job, data, kind, publisher):
        """Reads the whole document, then tells whoever asked to be told."""
        try:
            if self.faults.take("fail-job", job.key):
                raise Refusal("InternalServerError", "as asked")
            if counted(data, kind) > ASYNC_PAGES:
                raise Refusal("DocumentTooLargeException", "Document has too many pages")
            pages = self.read(data, kind, job.key)
            job.pages, job.blocks = len(pages), blocks.of_pages(pages, numbered=True)
            job.status = "SUCCEEDED"
        except Refusal as refusal:
            job.message, job.status = f"{refusal.name}: {refusal.text}", "FAILED"
        except Exception as problem:
            log(f"job {job.id[:8]} broke: {type(problem).__name__}")
            job.message, job.status = "INTERNAL_ERROR", "FAILED"
        if publisher:
            self.tell(job, publisher)

    def tell(self, job, publisher):
        if self.faults.take("no-completion", job.key):
            return
        late = self.faults.take("late-completion", job.key)
        if late:
            time.sleep(late["seconds"])
        times = 2 if self.faults.take("duplicate-completion", job.key) else 1
        for _ in range(times):
            try:
                publisher(completion(job))
            except (ClientError, BotoCoreError) as problem:
                log(f"job {job.id[:8]} could not be announced: {type(problem).__name__}")

    def publisher(self, channel):
        """Publishes with the notification role, which has to trust Textract."""
        if not channel:
            return None
        try:
            sns = self.callers.assume("sns", channel["RoleArn"])
        except (KeyError, ClientError, BotoCoreError) as problem:
            raise Refusal(
                "InvalidParameterException", "The notification role cannot be assumed"
            ) from problem
        return lambda text: sns.publish(TopicArn=channel["SNSTopicArn"], Message=text)


def object_named(location):
    named = location.get("S3Object") if isinstance(location, dict) else None
    if not isinstance(named, dict) or not named.get("Bucket") or not named.get("Name"):
        raise Refusal("InvalidParameterException", "Request has invalid parameters")
    return named["Bucket"], named["Name"]


def check_start(request):
    for field, pattern in (("ClientRequestToken", TOKEN), ("JobTag", TAG)):
        value = request.get(field)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise Refusal("InvalidParameterException", "Request has invalid parameters")


def kind_of(data):
    """By content, as Textract does; the name and type sent along do not count."""
    for magic, kind in (
        (b"%PDF-", "pdf"), (b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"),
        (b"II*\0", "tiff"), (b"MM\0*", "tiff"),
    ):
        if data.startswith(magic):
            return kind
    raise Refusal("UnsupportedDocumentException", "Request has unsupported document format")


def counted(data, kind):
    try:
        return ocr.count_pages(data, kind)
    except ocr.UnsupportedDocument as problem:
        raise Refusal(
            "UnsupportedDocumentException", "Request has unsupported document format"
        ) from problem
    except ocr.UnreadableDocument as problem:
        raise Refusal("BadDocumentException", "Request has bad document") from problem


READ = {}
READ_LOCK = threading.Lock()


def read_document(data, kind):
    """Pages of a document; the same bytes are read once. Kept in memory only."""
    digest = hashlib.sha256(data).digest()
    with READ_LOCK:
        known = READ.get(digest)
    if known is None:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            known = list(pool.map(ocr.read_page, ocr.pages_of(data, kind)))
        with READ_LOCK:
            READ[digest] = known
            while len(READ) > 200:
                READ.pop(next(iter(READ)))
    return known


def page_token(job, start):
    return base64.b64encode(f"{job.id[:16]}:{start}".encode()).decode()


def page_start(job, token):
    if token is None:
        return 0
    try:
        owner, start = base64.b64decode(token, validate=True).decode().split(":")
        if owner == job.id[:16]:
            return int(start)
    except (TypeError, ValueError):
        pass
    raise Refusal("InvalidParameterException", "Request has invalid parameters")


def completion(job):
    message = {
        "JobId": job.id,
        "Status": job.status,
        "API": "StartDocumentTextDetection",
        "JobTag": job.request.get("JobTag"),
        "Timestamp": int(time.time() * 1000),
        "DocumentLocation": {"S3ObjectName": job.key, "S3Bucket": job.bucket},
    }
    return json.dumps({name: value for name, value in message.items() if value is not None})


# --- HTTP -----------------------------------------------------------------------

OPERATIONS = {
    "Textract.DetectDocumentText": ("detect_document_text", "textract:DetectDocumentText"),
    "Textract.StartDocumentTextDetection": (
        "start_document_text_detection", "textract:StartDocumentTextDetection"),
    "Textract.GetDocumentTextDetection": (
        "get_document_text_detection", "textract:GetDocumentTextDetection"),
}
CREDENTIAL = re.compile(r"Credential=([A-Z0-9]+)/")


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    """Textract's protocol on POST /, faults on /_control."""

    protocol_version = "HTTP/1.1"
    # An answer is written in two parts; without this each would wait for an ack.
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *_):
        """The default line would show the path and the peer; see do_POST."""

    def do_GET(self):
        if self.path == "/_health":
            return self.answer(200, {"status": "ok"})
        if self.path == "/_control":
            return self.answer(200, self.service.faults.left())
        return self.answer(404, {})

    def do_DELETE(self):
        if self.path != "/_control":
            return self.answer(404, {})
        self.service.faults.forget()
        return self.answer(200, {})

    def do_POST(self):
        started = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", self.path)
        outcome = "ok"
        try:
            self.answer(200, self.perform(target, json.loads(body or b"{}")))
        except Refusal as refusal:
            outcome = refusal.name
            self.answer(refusal.status, {"__type": refusal.name, "Message": refusal.text})
        except ValueError:
            outcome = "SerializationException"
            self.answer(400, {"__type": "SerializationException"})
        except Exception as problem:
            outcome = type(problem).__name__
            self.answer(500, {"__type": "InternalServerError", "Message": "see the log"})
        log(f"{target} {outcome} {time.monotonic() - started:.2f} s")

    def perform(self, target, request):
        if self.path == "/_control":
            self.service.faults.add(request)
            return {}
        if target not in OPERATIONS:
            raise Refusal("UnknownOperationException", "")
        method, action = OPERATIONS[target]
        found = CREDENTIAL.search(self.headers.get("Authorization", ""))
        if not found:
            raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
        if not self.service.callers.may(found.group(1), action):
            raise Refusal("AccessDeniedException", f"not authorized to perform: {action}")
        return getattr(self.service, method)(request, found.group(1))

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if isinstance(content, dict) and "__type" in content:
            self.send_header("x-amzn-ErrorType", content["__type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", nargs="?", help="folder of the stack this server belongs to")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--endpoint", required=True, help="the local AWS")
    parser.add_argument("--region", required=True)
    options = parser.parse_args()
    watch.stop_with_parent()
    Handler.service = Textract(options)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    watch.on_stop(server.shutdown)
    server.serve_forever(poll_interval=0.2)
    watch.end_group()


if __name__ == "__main__":
    main()
