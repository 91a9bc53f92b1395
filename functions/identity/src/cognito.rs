//! Cognito: the calls we make. The only module of the service that makes any.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::{
    Client, Config,
    config::{Builder, retry::RetryConfig},
    operation::{admin_get_user::AdminGetUserOutput, initiate_auth::InitiateAuthOutput},
    types::{
        AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType,
        DeliveryMediumType, MessageActionType, SoftwareTokenMfaSettingsType, UserStatusType,
        VerifySoftwareTokenResponseType,
    },
};
use domain::{AccountId, HospitalId, PatientId, audit::Ledger, caller::Role, named, names::Named};
use edge::{Boxed, Known, Service};
use store::{Fault, Greeting, Store, TripCounter, UNSIGNED, variable};
use uuid::Uuid;

use crate::{
    refusal::MFA_ENROLLED,
    session::{Challenge, SignedIn, Step},
};

/// A client of Cognito that counts its calls.
fn client(config: &store::SdkConfig) -> Client {
    Client::from_conf(Builder::from(config).interceptor(TripCounter).build())
}

/// The accounts of a user pool, as their administrator.
#[derive(Debug)]
pub struct Accounts {
    client: Client,
    pool: String,
}

/// The user pool, through one of its two clients: the one that apps sign in through, or the one that
/// only functions use.
#[derive(Debug)]
pub struct Pool {
    pub(crate) accounts: Accounts,
    through: String,
}

impl Pool {
    /// The pool named by the environment: `USER_POOL_ID` and `CLIENT_ID`.
    pub(crate) fn new(config: &store::SdkConfig) -> Result<Self, Fault> {
        let accounts = Accounts::connected(config, variable("USER_POOL_ID")?);
        Ok(Self { accounts, through: variable("CLIENT_ID")? })
    }

    fn client(&self) -> &Client {
        &self.accounts.client
    }
}

impl Service for Pool {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async { Self::new(&store::aws_config()) })
    }

    fn store(&self) -> Option<&Store> {
        None
    }

    fn greet(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            let unsigned = Config::builder().allow_no_auth().auth_scheme_preference(UNSIGNED);
            let once = unsigned.retry_config(RetryConfig::disabled());
            let call = self.client().admin_get_user().customize();
            let call = call.interceptor(Greeting).config_override(once);
            let _ = Box::pin(call.send()).await;
        })
    }
}

/// What the pool's trigger uses. The pool is named by the event.
#[derive(Debug)]
pub struct Triggers {
    pub(crate) store: Store,
    /// The pool's client that only functions use.
    pub(crate) functions: String,
    client: Client,
}

impl Service for Triggers {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            let functions = variable("FUNCTIONS_CLIENT_ID")?;
            Ok(Self { store: Store::new(&config)?, functions, client: client(&config) })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Triggers {
    /// Whether `username` has a second factor that is in use, and that every sign-in asks for.
    pub(crate) async fn has_mfa(&self, pool: &str, username: &str) -> Result<bool, Fault> {
        let user = user(&self.client, pool, username).await?;
        let asked = user.user_mfa_setting_list().iter().any(|name| name == "SOFTWARE_TOKEN_MFA");
        Ok(asked && text(&user, MARK).and_then(Mark::from_name) == Some(Mark::On))
    }
}

async fn user(client: &Client, pool: &str, name: &str) -> Result<AdminGetUserOutput, Fault> {
    let call = client.admin_get_user().user_pool_id(pool).username(name);
    Box::pin(call.send()).await.map_err(|error| Fault::of(&error))
}

fn text<'u>(user: &'u AdminGetUserOutput, name: &str) -> Option<&'u str> {
    user.user_attributes().iter().find(|one| one.name() == name)?.value()
}

impl Accounts {
    /// The accounts of `pool`, by a client of its own.
    #[must_use]
    pub fn connected(config: &store::SdkConfig, pool: String) -> Self {
        Self::new(client(config), pool)
    }

    /// The accounts of `pool`, by a client that counts its calls.
    #[must_use]
    pub fn new(client: Client, pool: String) -> Self {
        Self { client, pool }
    }

    /// What is to be known of an account before its authenticator app is touched.
    pub(crate) async fn enrolment(&self, account: AccountId) -> Result<Enrolment, Fault> {
        let user = user(&self.client, &self.pool, &account.to_string()).await?;
        let email = text(&user, "email").unwrap_or_default().to_owned();
        Ok(Enrolment { email, mark: text(&user, MARK).and_then(Mark::from_name) })
    }

    /// From now on every sign-in of `account` asks for a code.
    pub(crate) async fn ask_for_codes(&self, account: AccountId) -> Result<(), Fault> {
        let app = SoftwareTokenMfaSettingsType::builder().enabled(true).preferred_mfa(true).build();
        let call = self.client.admin_set_user_mfa_preference().user_pool_id(&self.pool);
        let call = call.username(account.to_string()).software_token_mfa_settings(app);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Writes how far the enrolment of `account` has come; `None`: it has not begun.
    pub(crate) async fn mark(&self, account: AccountId, mark: Option<Mark>) -> Result<(), Fault> {
        let call = self.client.admin_update_user_attributes().user_pool_id(&self.pool);
        let call = call.username(account.to_string());
        let call = call.user_attributes(attribute(MARK, mark.map_or("", Mark::name))?);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Makes the account of a patient, to whom Cognito mails `code` as a temporary password. Without
    /// a name, `account_confirm` gives it one.
    pub(crate) async fn open(
        &self,
        (patient, name): (PatientId, Option<&str>),
        email: &str,
        code: &str,
    ) -> Result<(), Fault> {
        let call = self.client.admin_create_user().user_pool_id(&self.pool);
        let call = call.username(email).temporary_password(code);
        let call = call.desired_delivery_mediums(DeliveryMediumType::Email);
        let call = call.user_attributes(attribute("email", email)?);
        let call = call.user_attributes(attribute("email_verified", "true")?);
        let call = call.user_attributes(attribute("custom:role", Role::Patient.name())?);
        let call = call.user_attributes(attribute("custom:person", &patient.to_string())?);
        let name = name.map(|name| attribute("name", name)).transpose()?;
        let call = name.into_iter().fold(call, |call, name| call.user_attributes(name));
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Mails a new code to an account that waits for its confirmation; the one before ends.
    pub(crate) async fn send_again(&self, email: &str, code: &str) -> Result<(), Fault> {
        let call = self.client.admin_create_user().user_pool_id(&self.pool);
        let call = call.username(email).temporary_password(code);
        let call = call.message_action(MessageActionType::Resend);
        let call = call.desired_delivery_mediums(DeliveryMediumType::Email);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// The trail that an account's sign-ins stand in: its patient's or its hospital's. One that does
    /// not exist has that of nobody.
    pub(crate) async fn ledger(&self, username: &str) -> Result<Ledger, Fault> {
        let nobody = Ledger::Patient(PatientId(Uuid::nil()));
        let user = match user(&self.client, &self.pool, username).await {
            Err(Fault::Unavailable(code)) if code == "UserNotFoundException" => return Ok(nobody),
            other => other?,
        };
        let hospital = text(&user, "custom:hospital").and_then(HospitalId::parse);
        let patient = text(&user, "custom:person").and_then(PatientId::parse);
        Ok(hospital.map(Ledger::Hospital).or(patient.map(Ledger::Patient)).unwrap_or(nobody))
    }

    /// The account of an address, if it has one.
    pub(crate) async fn held(&self, email: &str) -> Result<Option<Held>, Fault> {
        let user = match user(&self.client, &self.pool, email).await {
            Err(Fault::Unavailable(code)) if code == "UserNotFoundException" => return Ok(None),
            other => other?,
        };
        let is_patient = text(&user, "custom:role") == Some(Role::Patient.name());
        let person = text(&user, "custom:person").and_then(PatientId::parse);
        Ok(Some(Held {
            person: person.filter(|_| is_patient),
            waits: user.user_status() == Some(&UserStatusType::ForceChangePassword),
            named: text(&user, "name").is_some(),
        }))
    }

    /// Ends the account of an address, with all its sessions.
    pub(crate) async fn delete(&self, email: &str) -> Result<(), Fault> {
        let call = self.client.admin_delete_user().user_pool_id(&self.pool).username(email);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Ends every session of `account`, and what Cognito takes their access tokens for.
    pub(crate) async fn sign_out_everywhere(&self, account: AccountId) -> Result<(), Fault> {
        let call = self.client.admin_user_global_sign_out().user_pool_id(&self.pool);
        let call = call.username(account.to_string());
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }
}

impl Pool {
    /// What a code opens: an account that waits for its owner's password, and perhaps their name.
    /// `None` when it is a password that signs in.
    pub(crate) async fn begin(&self, email: &str, code: &str) -> Result<Option<Begun>, Fault> {
        let answer = self.by_password(email, code).await?;
        if answer.challenge_name != Some(ChallengeNameType::NewPasswordRequired) {
            return Ok(None);
        }
        let asked = answer.challenge_parameters.unwrap_or_default();
        let username = asked.get("USER_ID_FOR_SRP").map_or(email, String::as_str).to_owned();
        let session = answer.session.ok_or(Fault::Corrupt("cognito-answer"))?;
        Ok(Some(Begun { unnamed: is_unnamed(&asked), username, session }))
    }

    /// Gives an account its password, and its name where it has none: one call, both or neither.
    pub(crate) async fn finish(
        &self,
        begun: &Begun,
        password: &str,
        name: &str,
    ) -> Result<(), Fault> {
        let call = self.client().respond_to_auth_challenge().client_id(&self.through);
        let call = call.challenge_name(ChallengeNameType::NewPasswordRequired);
        let call = call.session(&begun.session).challenge_responses("USERNAME", &begun.username);
        let call = call.challenge_responses("NEW_PASSWORD", password);
        let call = if begun.unnamed {
            call.challenge_responses("userAttributes.name", name)
        } else {
            call
        };
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    async fn by_password(&self, email: &str, password: &str) -> Result<InitiateAuthOutput, Fault> {
        let call = self.client().initiate_auth().client_id(&self.through);
        let call = call.auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password);
        Box::pin(call.send()).await.map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<Step, Fault> {
        let answer = self.by_password(email, password).await?;
        let asked = answer.challenge_parameters.unwrap_or_default();
        if is_unnamed(&asked) {
            return Ok(Step::Unconfirmed);
        }
        let username = asked.get("USER_ID_FOR_SRP").map_or(email, String::as_str);
        step(answer.authentication_result, answer.challenge_name.as_ref(), username, answer.session)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Step, Fault> {
        let call = self.client().initiate_auth().client_id(&self.through);
        let call = call.auth_flow(AuthFlowType::RefreshTokenAuth);
        let call = call.auth_parameters("REFRESH_TOKEN", token);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        step(answer.authentication_result, answer.challenge_name.as_ref(), "", answer.session)
    }

    pub(crate) async fn answer(
        &self,
        challenge: Challenge,
        (username, session): (&str, &str),
        secret: &str,
    ) -> Result<Step, Fault> {
        let (name, field) = match challenge {
            Challenge::NewPassword => (ChallengeNameType::NewPasswordRequired, "NEW_PASSWORD"),
            Challenge::MfaCode => (ChallengeNameType::SoftwareTokenMfa, "SOFTWARE_TOKEN_MFA_CODE"),
        };
        let call = self.client().respond_to_auth_challenge().client_id(&self.through);
        let call = call.challenge_name(name).session(session);
        let call = call.challenge_responses("USERNAME", username);
        let call = call.challenge_responses(field, secret);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let (result, next) = (answer.authentication_result, answer.challenge_name);
        step(result, next.as_ref(), username, answer.session)
    }

    /// A token that may change `account` at Cognito itself, for whoever has its password: never to be
    /// given out. `None` where a second factor is asked for.
    pub(crate) async fn own_token(
        &self,
        account: AccountId,
        password: &str,
    ) -> Result<Option<String>, Fault> {
        let call = self.client().admin_initiate_auth().user_pool_id(&self.accounts.pool);
        let call = call.client_id(&self.through).auth_flow(AuthFlowType::AdminUserPasswordAuth);
        let call = call.auth_parameters("USERNAME", account.to_string());
        let call = call.auth_parameters("PASSWORD", password);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        Ok(answer.authentication_result.and_then(|result| result.access_token))
    }

    /// The secret of a new authenticator app, not in use before [`Pool::verify`].
    pub(crate) async fn new_secret(&self, access_token: &str) -> Result<String, Fault> {
        let call = self.client().associate_software_token().access_token(access_token);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        answer.secret_code.ok_or(Fault::Corrupt("cognito-answer"))
    }

    /// Whether `code` is what the new authenticator app shows.
    pub(crate) async fn verify(&self, access_token: &str, code: &str) -> Result<bool, Fault> {
        let call = self.client().verify_software_token().access_token(access_token).user_code(code);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        Ok(answer.status == Some(VerifySoftwareTokenResponseType::Success))
    }
}

/// The account of an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// The patient whose account it is.
    pub(crate) person: Option<PatientId>,
    /// Whether it waits for its owner's password.
    pub(crate) waits: bool,
    named: bool,
}

impl Held {
    /// Whether it was registered and never confirmed.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.person.is_some() && self.waits && !self.named
    }
}

/// An account that waits for its owner's password.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Whether it waits for their name too.
    unnamed: bool,
    username: String,
    session: String,
}

/// Whether a challenge asks for the name that every account must have: the account was registered
/// and never confirmed.
fn is_unnamed(asked: &HashMap<String, String>) -> bool {
    asked.get("requiredAttributes").is_some_and(|names| names.contains("name\""))
}

/// The attribute that says how far an enrolment has come. The apps' client may not write it.
pub(crate) const MARK: &str = "custom:mfa";

named! {
    /// How far an enrolment has come, on the account itself. With either, access tokens are good
    /// for our API alone.
    pub enum Mark {
        /// The authenticator app is proven; sessions from before may still be open.
        Held = "held",
        /// They are closed: every session has passed the second factor.
        On = "on",
    }
}

/// An account, as far as its second factor goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Enrolment {
    /// The address by which the authenticator app lists the account.
    pub(crate) email: String,
    pub(crate) mark: Option<Mark>,
}

impl Enrolment {
    /// Refuses where a second factor is in use, or coming into use.
    pub(crate) fn open(&self) -> Result<(), Known> {
        if self.mark.is_some() {
            return Err(MFA_ENROLLED);
        }
        Ok(())
    }
}

fn attribute(name: &str, value: &str) -> Result<AttributeType, Fault> {
    let made = AttributeType::builder().name(name).value(value).build();
    made.map_err(|_| Fault::Corrupt("attribute"))
}

/// Where a sign-in stands. The id token is dropped: it opens nothing here.
fn step(
    result: Option<AuthenticationResultType>,
    challenge: Option<&ChallengeNameType>,
    username: &str,
    session: Option<String>,
) -> Result<Step, Fault> {
    let challenge = match (result, challenge) {
        (
            Some(AuthenticationResultType {
                access_token: Some(access_token),
                refresh_token,
                expires_in,
                ..
            }),
            _,
        ) => {
            return Ok(Step::SignedIn(SignedIn { access_token, refresh_token, expires_in }));
        }
        (_, Some(ChallengeNameType::NewPasswordRequired)) => Challenge::NewPassword,
        (_, Some(ChallengeNameType::SoftwareTokenMfa)) => Challenge::MfaCode,
        _ => return Err(Fault::Corrupt("cognito-challenge")),
    };
    let session = session.ok_or(Fault::Corrupt("cognito-answer"))?;
    Ok(Step::Challenge { challenge, username: username.to_owned(), session })
}
