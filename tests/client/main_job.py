"""The main job by a generated client: a patient adds a document, a doctor asks and reads, the patient
reads the trail. Prints the trail's sentences. A test generates `generated` and runs this."""

import datetime
import hashlib
import os
import time
import urllib.request
import uuid

import generated
from generated.models import (
    AccessRequestCreateRequest,
    AccessRequestDecideRequest,
    SessionCreateRequest,
    UploadCreateRequest,
)

CONTENT = b"Haemoglobin 13.9 g/dL\n"


def api(token=None):
    """A client of the running stack."""
    settings = generated.Configuration(host=os.environ["MEDIVAULT_API"], access_token=token)
    return generated.ApiClient(settings)


def sign_in():
    """The patient's client, past the choice of what a session may be."""
    credentials = SessionCreateRequest(
        email=os.environ["MEDIVAULT_EMAIL"], password=os.environ["MEDIVAULT_PASSWORD"]
    )
    session = generated.IdentityApi(api()).session_create(credentials).actual_instance
    assert session.status == "signed-in", session
    return api(session.access_token)


def send(form):
    """The file, as the form wants it."""
    boundary = uuid.uuid4().hex
    part = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    head = "".join(part.format(boundary, name, "") + value + "\r\n" for name, value in form.fields.items())
    head += part.format(boundary, "file", '; filename="blood.txt"')
    body = head.encode() + CONTENT + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with urllib.request.urlopen(urllib.request.Request(form.url, body, headers)) as answer:
        assert answer.status == 204, answer.status


def add_document(patient, me):
    """A record with a file that passed the checks."""
    upload = UploadCreateRequest(
        type="lab-report",
        date=datetime.date(2026, 1, 31),
        title="Blood count",
        file_name="blood.txt",
        content_type="text/plain",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    made = generated.DocumentsApi(patient).upload_create(me.id, str(uuid.uuid4()), upload)
    send(made.upload)
    records = generated.RecordsApi(patient)
    for _ in range(300):
        record = records.record_get(me.id, made.record_id)
        if record.status != "awaiting-upload":
            break
        time.sleep(0.1)
    assert record.status == "available", record.status
    return made.record_id


def main():
    patient, doctor = sign_in(), api(os.environ["MEDIVAULT_DOCTOR"])
    me = generated.ProfileApi(patient).profile_get()
    record = add_document(patient, me)
    asks = AccessRequestCreateRequest(
        patient_id=me.id, actions=["read"], types=["all"], purpose="treatment", duration_seconds=3600
    )
    access = generated.AccessApi(doctor)
    asked = access.access_request_create(str(uuid.uuid4()), asks)
    decision = AccessRequestDecideRequest(decision="approve")
    mine = generated.AccessApi(patient)
    decided = mine.access_request_decide(asked.id, str(uuid.uuid4()), decision)
    read = generated.RecordsApi(doctor).record_get(me.id, record)
    assert read.title == "Blood count" and read.author.actual_instance.role == "patient", read
    mine.grant_revoke(decided.grant.id)
    try:
        generated.RecordsApi(doctor).record_get(me.id, record)
        raise AssertionError("read after the grant was withdrawn")
    except generated.exceptions.NotFoundException as refused:
        assert refused.data.code == "not-found", refused
    for line in generated.AuditApi(patient).audit_list(me.id).items:
        print(line.sentence)


main()
