"""Acts as whoever called: Textract reads documents with its caller's permissions.

The local AWS derives a function's credentials from its name and role, so they
can be derived here too. Only a key of no function (an operator's) falls back to
the root account.
"""

import hashlib
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"})


class Callers:
    """Clients of the local AWS in the name of a function or of a role."""

    def __init__(self, endpoint, region):
        self.endpoint, self.region = endpoint, region
        self.known, self.permitted = {}, {}
        self.lock = threading.Lock()

    def client(self, service, access_key):
        """A client with the credentials of the function that holds this key."""
        return self._client(service, self._function(access_key).get("credentials"))

    def may(self, access_key, action):
        """Whether the function's role allows the action; other principals may."""
        role = self._function(access_key).get("role")
        if role is None:
            return True
        with self.lock:
            known = self.permitted.get((role, action))
        if known is None:
            answer = self._client("iam").simulate_principal_policy(
                PolicySourceArn=role, ActionNames=[action]
            )
            known = answer["EvaluationResults"][0]["EvalDecision"] == "allowed"
            with self.lock:
                self.permitted[role, action] = known
        return known

    def assume(self, service, role):
        """A client with the credentials of a role, which has to trust Textract."""
        iam = self._client("iam")
        trust = iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["AssumeRolePolicyDocument"]
        if "textract.amazonaws.com" not in str(trust):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")
        held = self._client("sts").assume_role(RoleArn=role, RoleSessionName="textract")["Credentials"]
        return self._client(
            service, (held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"])
        )

    def _function(self, access_key):
        with self.lock:
            found = self.known.get(access_key)
        if found is None and access_key.startswith("ASIA"):
            fresh = dict(self._functions())
            with self.lock:
                self.known.update(fresh)
            found = fresh.get(access_key)
        return found or {}

    def _functions(self):
        pages = self._client("lambda").get_paginator("list_functions").paginate()
        for function in (entry for page in pages for entry in page["Functions"]):
            seed = f"{function['FunctionArn']}:{function['Role']}".encode()
            digest = hashlib.sha256(seed).hexdigest()
            key = f"ASIA{digest[:16].upper()}"
            secret = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
            token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
            yield key, {"role": function["Role"], "credentials": (key, secret, token)}

    def _client(self, service, credentials=None):
        key, secret, token = credentials or ("test", "test", None)
        session = boto3.Session(key, secret, token, self.region)
        return session.client(service, endpoint_url=self.endpoint, config=CONFIG)
