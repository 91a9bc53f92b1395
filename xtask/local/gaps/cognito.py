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
        self.event_of = module._build_pretoken_event
        self.trigger = module._apply_pretoken_trigger

    def once(self, pool_id, claims, token_type, *rest, **named):
        """AWS calls the trigger once for a pair of tokens; ours changes the access token alone."""
        if token_type == "id":
            return claims
        return self.trigger(pool_id, claims, token_type, *rest, **named)

    def event(self, *, pool_id, client_id, user_attrs, **rest):
        """A trigger is told what the client may read, and who it is about."""
        client = self.module._user_pools[pool_id]["_clients"].get(client_id) or {}
        read = client.get("ReadAttributes") or user_attrs
        told = {name: value for name, value in user_attrs.items() if name in read or name == "sub"}
        return self.event_of(pool_id=pool_id, client_id=client_id, user_attrs=told, **rest)

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
            return self.check_open(pool) or self.check_writable(pool, data.get("ClientId"), names) or (
                self.check_known(pool, names)
            )
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
            pool = self.module._user_pools.get(data.get("UserPoolId"))
            return self.check_known(pool, self.names(data)) or self.renew(pool, data)
        return None

    def check_open(self, pool):
        """Where only administrators make users, nobody signs up."""
        if ((pool or {}).get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly") in (True, "true"):
            return self.error("NotAuthorizedException", "SignUp is not permitted for this user pool")
        return None

    def renew(self, pool, data):
        """An invitation that is sent again has a new temporary password, and only while it waits."""
        user, _ = self.module._resolve_user(pool, data.get("Username")) if pool else (None, None)
        if data.get("MessageAction") != "RESEND" or not user:
            return None
        if user.get("UserStatus") != "FORCE_CHANGE_PASSWORD":
            return self.error(
                "UnsupportedUserStateException",
                f"Resend not possible. {user['Username']} status is not FORCE_CHANGE_PASSWORD",
            )
        password = data.get("TemporaryPassword") or self.module._generate_temp_password()
        refused = self.module._validate_password(pool, password)
        if not refused:
            user["_password"] = password
        return refused

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
        refused = None
        if challenge == "NEW_PASSWORD_REQUIRED":
            refused = self.check_password(pool, user, answers) or self.fill_in(pool, user, data)
        if challenge == "SOFTWARE_TOKEN_MFA":
            refused = self.check_code(user, answers)
        if refused:
            # AWS lets the user try again with the same session.
            self.sessions.remember(data.get("Session"), challenge, data.get("ClientId"), name)
        return refused

    def check_password(self, pool, user, answers):
        new = answers.get("NEW_PASSWORD") or ""
        policy = (pool.get("Policies") or {}).get("PasswordPolicy") or {}
        if int(policy.get("PasswordHistorySize") or 0) > 0 and new == user.get("_password"):
            return self.error(
                "PasswordHistoryPolicyViolationException", "Password has previously been used."
            )
        return self.module._validate_password(pool, new)

    def required(self, pool, user):
        """The attributes that the pool asks of everybody and this user has not got."""
        has = self.module._attr_list_to_dict(user.get("Attributes", []))
        schema = self.schema(pool).items()
        return [name for name, entry in schema if entry.get("Required") and name != "sub" and name not in has]

    def fill_in(self, pool, user, data):
        """What the pool asks of everybody comes with the new password; what is there stays."""
        answers = data.get("ChallengeResponses") or {}
        prefix = "userAttributes."
        given = {k[len(prefix):]: v for k, v in answers.items() if k.startswith(prefix)}
        missing = self.required(pool, user)
        has = self.module._attr_list_to_dict(user.get("Attributes", []))
        for name in given:
            if name in has and self.schema(pool).get(name, {}).get("Required"):
                return self.error("NotAuthorizedException", f"Cannot modify an already provided {name}")
        for name in missing:
            if not given.get(name):
                return self.error("InvalidParameterException", f"Invalid attributes given, {name} is missing")
        refused = self.check_writable(pool, data.get("ClientId"), list(given))
        if not refused:
            user["Attributes"] = self.module._merge_attributes(
                user["Attributes"], [{"Name": k, "Value": v} for k, v in given.items()]
            )
        return refused

    def check_code(self, user, answers):
        """A code of an authenticator app opens one sign-in."""
        secret, code = user.get("_totp_secret"), answers.get("SOFTWARE_TOKEN_MFA_CODE")
        if not secret or not self.module._totp_matches(secret, code):
            return None
        return self.use_up(secret, code)

    def use_up(self, secret, code):
        with self.lock:
            used, self.used = (secret, code) in self.used, self.used | {(secret, code)}
        return self.error(
            "ExpiredCodeException", "Your software token has already been used once."
        ) if used else None

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
        """Codes can only be asked of somebody who proved an app, with a token for it."""
        if self.module._access_token_error(data):
            return None
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
            return self.use_up(user.get("_totp_secret"), data.get("UserCode"))

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
        if action == "VerifyUserAttribute":
            self.proven(data)
        if action == "ConfirmForgotPassword":
            self.mark_verified(self.pool_of(data)[0], data)
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
        if user and answer.get("ChallengeName") == "NEW_PASSWORD_REQUIRED":
            names = [f"userAttributes.{name}" for name in self.required(pool, user)]
            answer["ChallengeParameters"]["requiredAttributes"] = json.dumps(names)
            reply = self.module.json_response(answer)
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


def fill():
    """Put the wrapper in place."""
    module = importlib.import_module("ministack.services.cognito")
    cognito = Cognito(module)
    module._run_idp_handler = cognito.run
    module._build_pretoken_event = cognito.event
    module._apply_pretoken_trigger = cognito.once
