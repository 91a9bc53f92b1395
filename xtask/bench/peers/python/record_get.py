"""record_get once more, in Python with boto3: the same reads, decision, key, seal and writes as
functions/records, and the same Runtime API loop without Lambda's own runtime around."""

import datetime
import http.client
import json
import os
import time

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TABLE = os.environ["TABLE_NAME"]
SETTINGS = Config(tcp_keepalive=True, retries={"mode": "standard"})
DYNAMO = boto3.client("dynamodb", config=SETTINGS)
KMS = boto3.client("kms", config=SETTINGS)
DATA_KEYS = {}
NOT_FOUND = {"statusCode": 404, "body": "{}"}


def data_key(owner, wrapped):
    name = (owner, wrapped)
    kept = DATA_KEYS.get(name)
    if kept and time.monotonic() - kept[0] < 300:
        return kept[1]
    opened = KMS.decrypt(
        KeyId=os.environ["KEY_ARN"], CiphertextBlob=wrapped, EncryptionContext={"owner": owner}
    )
    key = AESGCM(opened["Plaintext"])
    DATA_KEYS[name] = (time.monotonic(), key)
    return key


def unseal(key, item):
    sealed = bytes(item["sealed"]["B"])
    bound = f"{item['PK']['S']}\n{item['SK']['S']}\nsealed".encode()
    return json.loads(key.decrypt(sealed[:12], sealed[12:], bound))


def uuid7():
    raw = bytearray(int(time.time() * 1000).to_bytes(6) + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def get(pk, sk):
    return {"Get": {"TableName": TABLE, "Key": {"PK": {"S": pk}, "SK": {"S": sk}}}}


def check(item, condition, names, values):
    return {"ConditionCheck": {
        "TableName": TABLE,
        "Key": {"PK": item["PK"], "SK": item["SK"]},
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }}


def permitted(live, standing, vault, content, now):
    terms = live["terms"]["M"]
    moment = datetime.datetime.fromisoformat
    return (
        vault["status"]["S"] == "active"
        and standing["standing"]["S"] == "active"
        and moment(live["not_before"]["S"]) <= now < moment(live["ends_at"]["S"])
        and {"S": "read"} in terms["actions"]["L"]
        and {"S": content["kind"]} in terms["types"]["L"]
    )


def view(record_id, record, content):
    file = content.get("file")
    return {
        "id": record_id,
        "status": record["status"]["S"],
        "version": int(record["version"]["N"]),
        "type": content["kind"],
        "date": content["date"],
        "title": content["title"],
        "notes": content.get("notes"),
        "file": file and {
            "name": file["name"], "contentType": file["media_type"], "size": file["size"],
            "sha256": file["sha256"],
        },
        "createdAt": record["created_at"]["S"],
        "updatedAt": record["updated_at"]["S"],
        "text": {"status": record["text_status"]["S"], "pages": int(record["pages"]["N"])},
    }


def audit(owner, record_id, claims, purpose, now):
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = uuid7()
    actor = {"role": {"S": "doctor"}, "id": {"S": claims["person"]},
             "hospital": {"S": claims["hospital"]}}
    return {"Put": {
        "TableName": TABLE,
        "ConditionExpression": "attribute_not_exists(PK)",
        "Item": {
            "PK": {"S": f"AUDIT#{owner}#{at[:7]}"}, "SK": {"S": entry}, "id": {"S": entry},
            "at": {"S": at}, "action": {"S": "record_get"}, "outcome": {"S": "done"},
            "reason": {"S": "granted"}, "record": {"S": record_id}, "purpose": purpose,
            "actor": {"M": actor},
        },
    }}


def handle(event):
    parameters = event["pathParameters"]
    claims = event["requestContext"]["authorizer"]["claims"]
    if claims["role"] != "doctor" or claims["mfa"] != "true":
        return NOT_FOUND
    owner, record_id = f"PATIENT#{parameters['patientId']}", parameters["recordId"]
    found = DYNAMO.transact_get_items(TransactItems=[
        get(owner, "VAULT"),
        get(owner, f"RECORD#{record_id}"),
        get(owner, f"LIVE#{claims['person']}"),
        get(f"HOSPITAL#{claims['hospital']}", f"DOCTOR#{claims['person']}"),
    ])
    vault, record, live, standing = (one.get("Item") for one in found["Responses"])
    if not (vault and record and live and standing):
        return NOT_FOUND
    content = unseal(data_key(owner, bytes(vault["wrapped"]["B"])), record)
    now = datetime.datetime.now(datetime.UTC)
    if not permitted(live, standing, vault, content, now):
        return NOT_FOUND
    body = json.dumps(view(record_id, record, content))
    active = {":active": {"S": "active"}}
    DYNAMO.transact_write_items(TransactItems=[
        check(vault, "#s = :active", {"#s": "status"}, active),
        check(live, "#i = :id AND #e > :now", {"#i": "id", "#e": "expires_at"},
              {":id": live["id"], ":now": {"N": str(int(now.timestamp()))}}),
        check(standing, "#s = :active", {"#s": "standing"}, active),
        audit(owner, record_id, claims, live["terms"]["M"]["purpose"], now),
    ])
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store",
               "ETag": f'"{record["version"]["N"]}"'}
    return {"statusCode": 200, "headers": headers, "body": body}


def greet(client):
    """Opens the connection before the first event, as ours does."""
    address = client.meta.endpoint_url
    client._endpoint.http_session.send(AWSPreparedRequest("GET", address, {}, b"", False))


def main():
    greet(DYNAMO)
    greet(KMS)
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    root = "/2018-06-01/runtime/invocation"
    while True:
        runtime.request("GET", f"{root}/next")
        answer = runtime.getresponse()
        event, request = json.loads(answer.read()), answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            kind, reply = "response", handle(event)
        except Exception as error:  # Lambda's runtime tells of any error, too.
            kind, reply = "error", {"errorMessage": repr(error)}
        runtime.request("POST", f"{root}/{request}/{kind}", json.dumps(reply))
        runtime.getresponse().read()


if __name__ == "__main__":
    main()
