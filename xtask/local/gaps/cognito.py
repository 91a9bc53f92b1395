"""User pools: triggers, challenge sessions, attribute rules."""

import importlib
import json
import threading
import time

SESSION_SECONDS = 180


class Sessions:
    """Challenge sessions: single use, short-lived, bound to a user and a client."""

    CHECKED = {"NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "MFA_SETUP"}

    def __init__(self):
        self._open = {}
        self._lock = threading.Lock()

    def remember(self, session, challenge, client, user):
        with self._lock:
            now = time.monotonic()
            self._open = {k: v for k, v in self._open.items() if v[3] > now}
            self._open[session] = (challenge, client, user, now + SESSION_SECONDS)

    def take(self, session, challenge, client, user):
        """Whether this session was issued for exactly this answer; ends it."""
        with self._lock:
            found = self._open.pop(session, None)
        return found is not None and found[:3] == (challenge, client, user) and (
            found[3] > time.monotonic()
        )


def body_of(reply):
    """The JSON object of a reply of ministack: (status, headers, body)."""
    try:
        return json.loads(reply[2])
    except (IndexError, TypeError, ValueError):
        return {}


class Cognito:
    """Wraps the one function through which every user pool call passes."""

    def __init__(self, module):
        self.module = module
        self.sessions = Sessions()
        self.pending = {}
        self.used, self.lock = set(), threading.Lock()
        self.handle = module._run_idp_handler

    def error(self, name, text):
        return self.module.error_response_json(name, text, 400)

    def run(self, handler, action, data):
        refused = self.refuse(action, data)
        if refused:
            return refused
        proven = self.proving(action, data)
        try:
            reply = self.handle(handler, action, data)
        except RuntimeError as failure:
            if "PreTokenGeneration" in str(failure):
                return self.error(
                    "UserLambdaValidationException", "PreTokenGeneration failed with an error."
                )
            raise
        if reply[0] >= 400:
            self.keep_open(data, reply)
            return reply
        return proven() or self.after(action, data, reply)

    # before

    def refuse(self, action, data):
        if action in ("RespondToAuthChallenge", "AdminRespondToAuthChallenge"):
            return self.check_session(data)
        if action == "SignUp":
            pool, _ = self.module._pool_for_client(data.get("ClientId"))
            names = self.names(data)
            return self.check_writable(pool, data.get("ClientId"), names) or self.check_known(pool, names)
        if action == "UpdateUserAttributes":
            claims = self.module._token_claims(data.get("AccessToken", "")) or {}
            pool, _ = self.module._pool_for_client(claims.get("client_id"))
            return self.check_writable(pool, claims.get("client_id"), self.names(data)) or (
                self.check_mutable(pool, self.names(data))
            ) or self.hold_back(pool, claims.get("username"), data)
        if action == "AdminUpdateUserAttributes":
            return self.check_mutable(self.module._user_pools.get(data.get("UserPoolId")), self.names(data))
        if action.endswith("SetUserMFAPreference"):
            return self.check_app(action, data)
        if action == "AdminCreateUser":
            return self.check_known(self.module._user_pools.get(data.get("UserPoolId")), self.names(data))
        return None

    @staticmethod
    def names(data):
        return [entry.get("Name", "") for entry in data.get("UserAttributes") or []]

    def check_session(self, data):
        challenge = data.get("ChallengeName")
        if challenge not in Sessions.CHECKED:
            return None
        pool, _ = self.pool_of(data)
        answers = data.get("ChallengeResponses") or {}
        user, _ = self.module._resolve_user(pool, answers.get("USERNAME")) if pool else (None, None)
        name = user["Username"] if user else None
        if not self.sessions.take(data.get("Session"), challenge, data.get("ClientId"), name):
            return self.error("NotAuthorizedException", "Invalid session for the user.")
        if challenge == "NEW_PASSWORD_REQUIRED":
            refused = self.module._validate_password(pool, answers.get("NEW_PASSWORD") or "")
            if refused:
                # AWS lets the user try again with the same session.
                self.sessions.remember(data.get("Session"), challenge, data.get("ClientId"), name)
            return refused
        return None

    def check_writable(self, pool, client_id, names):
        client = ((pool or {}).get("_clients") or {}).get(client_id) or {}
        allowed = client.get("WriteAttributes") or []
        if allowed and any(name not in allowed for name in names):
            return self.error(
                "NotAuthorizedException", "A client attempted to write unauthorized attribute"
            )
        return None

    def schema(self, pool):
        return {entry.get("Name"): entry for entry in (pool or {}).get("SchemaAttributes") or []}

    def check_known(self, pool, names):
        schema = self.schema(pool)
        for name in names:
            if name.startswith("custom:") and name not in schema:
                return self.error(
                    "InvalidParameterException",
                    f"Attributes did not conform to the schema: {name}: Attribute does not exist in the schema.\n",
                )
        return None

    def check_mutable(self, pool, names):
        schema = self.schema(pool)
        for name in names:
            if name in schema and schema[name].get("Mutable") is False:
                return self.error(
                    "InvalidParameterException",
                    f"user.{name}: Attribute cannot be updated.\n",
                )
        return self.check_known(pool, names)

    def hold_back(self, pool, username, data):
        """An address that must be proven first does not change yet, and only by its code."""
        settings = (pool or {}).get("UserAttributeUpdateSettings") or {}
        held = set(settings.get("AttributesRequireVerificationBeforeUpdate") or [])
        given = data.get("UserAttributes") or []
        for entry in given:
            if entry.get("Name") in held:
                self.pending[(username, entry["Name"])] = entry.get("Value")
        data["UserAttributes"] = [entry for entry in given if entry.get("Name") not in held]
        return None

    def proven(self, data):
        """The address whose code came takes effect."""
        claims = self.module._token_claims(data.get("AccessToken", "")) or {}
        name = data.get("AttributeName", "")
        pool, _ = self.module._pool_for_client(claims.get("client_id"))
        value = self.pending.pop((claims.get("username"), name), None)
        user, _ = self.module._resolve_user(pool, claims.get("username")) if pool else (None, None)
        if user and value is not None:
            user["Attributes"] = self.module._merge_attributes(
                user["Attributes"],
                [{"Name": name, "Value": value}, {"Name": f"{name}_verified", "Value": "true"}],
            )

    def check_app(self, action, data):
        """Codes can only be asked of somebody who proved an app."""
        user = self.holder(action, data)
        if user and (data.get("SoftwareTokenMfaSettings") or {}).get("Enabled") and not user.get("_totp_secret"):
            return self.error(
                "InvalidParameterException",
                "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA",
            )
        return None

    def holder(self, action, data):
        if action.startswith("Admin"):
            pool = self.module._user_pools.get(data.get("UserPoolId"))
            return self.module._resolve_user(pool, data.get("Username"))[0] if pool else None
        return self.module._user_for_access_token(data.get("AccessToken")) or None

    def proving(self, action, data):
        """Proving an app does not switch the asking for its codes on, and a code proves it once."""
        user = self.holder(action, data) if action == "VerifySoftwareToken" else None
        if not user:
            return lambda: None
        before = (list(user.get("_mfa_enabled") or []), user.get("_preferred_mfa") or "")

        def proven():
            user["_mfa_enabled"], user["_preferred_mfa"] = before
            code = (user.get("_totp_secret"), data.get("UserCode"))
            with self.lock:
                used, self.used = code in self.used, self.used | {code}
            return used and self.error("ExpiredCodeException", "Your software token has already been used once.")

        return proven

    # after

    def keep_open(self, data, reply):
        """A mistyped code may be tried again with the same session."""
        if body_of(reply).get("__type") == "CodeMismatchException" and data.get("ChallengeName"):
            pool, _ = self.pool_of(data)
            user, _ = self.module._resolve_user(pool, data["ChallengeResponses"].get("USERNAME"))
            self.sessions.remember(
                data.get("Session"), data["ChallengeName"], data.get("ClientId"), user["Username"]
            )

    def pool_of(self, data):
        if data.get("UserPoolId"):
            return self.module._user_pools.get(data["UserPoolId"]), data["UserPoolId"]
        return self.module._pool_for_client(data.get("ClientId"))

    def after(self, action, data, reply):
        if action in ("ConfirmSignUp", "AdminConfirmSignUp"):
            return self.confirmed(data, "PostConfirmation_ConfirmSignUp") or reply
        if action == "VerifyUserAttribute":
            self.proven(data)
        if action == "ConfirmForgotPassword":
            return self.confirmed(data, "PostConfirmation_ConfirmForgotPassword") or reply
        if action.endswith("InitiateAuth") or action.endswith("RespondToAuthChallenge"):
            return self.challenged(data, reply)
        return reply

    def challenged(self, data, reply):
        """Note an issued session; ask for the code after a new password, as AWS does."""
        pool, pool_id = self.pool_of(data)
        given = data.get("AuthParameters") or data.get("ChallengeResponses") or {}
        user, _ = self.module._resolve_user(pool, given.get("USERNAME"))
        if user and data.get("ChallengeName") == "NEW_PASSWORD_REQUIRED":
            code = self.module._mfa_challenge_for_user(pool, user, pool_id, given.get("USERNAME"))
            reply = self.module.json_response(code) if code else reply
        answer = body_of(reply)
        if user and answer.get("ChallengeName") in Sessions.CHECKED:
            self.sessions.remember(
                answer.get("Session"), answer["ChallengeName"], data.get("ClientId"), user["Username"]
            )
        return reply

    def mark_verified(self, pool, data):
        """A code that came by mail proves the address."""
        user, _ = self.module._resolve_user(pool, data.get("Username")) if pool else (None, None)
        if user and "email" in (pool.get("AutoVerifiedAttributes") or []) and data.get("ConfirmationCode"):
            user["Attributes"] = self.module._merge_attributes(
                user["Attributes"], [{"Name": "email_verified", "Value": "true"}]
            )

    def confirmed(self, data, source):
        """Run the PostConfirmation trigger; its failure fails the call, the user stays confirmed."""
        pool, pool_id = self.pool_of(data)
        self.mark_verified(pool, data)
        arn = ((pool or {}).get("LambdaConfig") or {}).get("PostConfirmation")
        user, _ = self.module._resolve_user(pool, data.get("Username")) if pool else (None, None)
        if not arn or not user:
            return None
        event = {
            "version": "1",
            "triggerSource": source,
            "region": self.module._pool_region(pool_id),
            "userPoolId": pool_id,
            "userName": user["Username"],
            "callerContext": {
                "awsSdkVersion": "aws-sdk-unknown-unknown",
                "clientId": data.get("ClientId") or "CLIENT_ID_NOT_APPLICABLE",
            },
            "request": {
                "userAttributes": {
                    **self.module._attr_list_to_dict(user.get("Attributes", [])),
                    "cognito:user_status": user.get("UserStatus", ""),
                },
                "clientMetadata": data.get("ClientMetadata") or {},
            },
            "response": {},
        }
        result = self.invoke(arn, event)
        if result.get("error"):
            return self.error(
                "UserLambdaValidationException", "PostConfirmation failed with an error."
            )
        return None

    def invoke(self, arn, event):
        from ministack.services import lambda_svc

        record, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if record is None or config is None:
            return {"error": True}
        scoped = lambda_svc._execution_record_for_config(record, config)
        return lambda_svc._execute_function_with_config_scope(scoped, event)


def fill():
    """Put the wrapper in place."""
    module = importlib.import_module("ministack.services.cognito")
    module._run_idp_handler = Cognito(module).run
