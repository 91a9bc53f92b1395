//! Cognito: the calls we make. The only module of the service that makes any.

use aws_sdk_cognitoidentityprovider::{
    Client, Config,
    config::{Builder, retry::RetryConfig},
    operation::admin_get_user::AdminGetUserOutput,
    types::{
        AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType,
        SoftwareTokenMfaSettingsType, VerifySoftwareTokenResponseType,
    },
};
use domain::{AccountId, named, names::Named};
use edge::{Boxed, Known, Service};
use store::{Fault, Greeting, Store, TripCounter, UNSIGNED, variable};

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

/// The user pool as the apps use it.
#[derive(Debug)]
pub struct Pool {
    pub(crate) accounts: Accounts,
    app: String,
}

impl Pool {
    /// The pool named by the environment: `USER_POOL_ID` and `CLIENT_ID`.
    pub(crate) fn new(config: &store::SdkConfig) -> Result<Self, Fault> {
        let accounts = Accounts::new(client(config), variable("USER_POOL_ID")?);
        Ok(Self { accounts, app: variable("CLIENT_ID")? })
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

/// What the pool's triggers use. The pool is named by the event: a variable would make the
/// template circular.
#[derive(Debug)]
pub struct Triggers {
    pub(crate) store: Store,
    client: Client,
}

impl Service for Triggers {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self { store: Store::new(&config)?, client: client(&config) })
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

    /// Ends every session of `account`, and what Cognito takes their access tokens for.
    pub(crate) async fn sign_out_everywhere(&self, account: AccountId) -> Result<(), Fault> {
        let call = self.client.admin_user_global_sign_out().user_pool_id(&self.pool);
        let call = call.username(account.to_string());
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }
}

impl Pool {
    pub(crate) async fn sign_up(
        &self,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<(), Fault> {
        let call = self.client().sign_up().client_id(&self.app).username(email).password(password);
        let call = call.user_attributes(attribute("email", email)?);
        let call = call.user_attributes(attribute("name", name)?);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn resend(&self, email: &str) -> Result<(), Fault> {
        let call = self.client().resend_confirmation_code().client_id(&self.app).username(email);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn confirm(&self, email: &str, code: &str) -> Result<(), Fault> {
        let call = self.client().confirm_sign_up().client_id(&self.app);
        let call = call.username(email).confirmation_code(code);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<Step, Fault> {
        let call = self.client().initiate_auth().client_id(&self.app);
        let call = call.auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let asked = answer.challenge_parameters.unwrap_or_default();
        let username = asked.get("USER_ID_FOR_SRP").map_or(email, String::as_str);
        step(answer.authentication_result, answer.challenge_name.as_ref(), username, answer.session)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Step, Fault> {
        let call = self.client().initiate_auth().client_id(&self.app);
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
        let call = self.client().respond_to_auth_challenge().client_id(&self.app);
        let call = call.challenge_name(name).session(session);
        let call = call.challenge_responses("USERNAME", username);
        let call = call.challenge_responses(field, secret);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let (result, next) = (answer.authentication_result, answer.challenge_name);
        step(result, next.as_ref(), username, answer.session)
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
