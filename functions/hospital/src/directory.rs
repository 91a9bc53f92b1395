//! The accounts of staff, which Cognito keeps: the only module of the service that calls it.

use aws_sdk_cognitoidentityprovider::{
    Client,
    config::Builder,
    types::{AttributeType, DeliveryMediumType, MessageActionType, UserStatusType},
};
use domain::{HospitalId, caller::Role, names::Named};
use store::{Fault, SdkConfig, TripCounter};
use uuid::Uuid;

/// The user pool, as the administrator of its accounts.
#[derive(Debug, Clone)]
pub struct Directory {
    client: Client,
    pool: String,
}

/// A staff member's account to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAccount<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) staff: Staff,
}

/// Who an account of staff belongs to; written once, when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Staff {
    pub(crate) role: Role,
    pub(crate) person: Uuid,
    pub(crate) hospital: HospitalId,
}

/// What came of making an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was made, and its owner told unless that was not wanted.
    New,
    /// The address has an account.
    Taken,
    /// The address, or the temporary password, cannot be used.
    Unusable,
}

/// The account of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// Whose; `None` for a patient's.
    pub(crate) staff: Option<Staff>,
    /// Whether its owner has not signed in yet.
    pub(crate) unopened: bool,
    /// Whether somebody registered the address and nobody confirmed it: a patient without a name.
    pub(crate) unproven: bool,
}

impl Directory {
    /// The user pool `pool`.
    #[must_use]
    pub fn new(config: &SdkConfig, pool: String) -> Self {
        let config = Builder::from(config).interceptor(TripCounter).build();
        Self { client: Client::from_conf(config), pool }
    }

    /// Its client of Cognito, for whoever else needs one: making a second takes its time in init.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Makes an account. With a temporary `password` nobody is told of it: whoever chose the
    /// password hands it over; without, Cognito makes one and mails it.
    ///
    /// An account that was registered and never confirmed is nobody's: it gives way. It has no vault,
    /// which is opened after that.
    pub(crate) async fn make(
        &self,
        account: NewAccount<'_>,
        password: Option<&str>,
    ) -> Result<Made, Fault> {
        let made = self.create(account, password).await?;
        if made == Made::Taken && self.find(account.email).await?.unproven {
            self.remove(account.email).await?;
            return self.create(account, password).await;
        }
        Ok(made)
    }

    async fn remove(&self, email: &str) -> Result<(), Fault> {
        let call = self.client.admin_delete_user().user_pool_id(&self.pool).username(email);
        match Box::pin(call.send()).await.map_err(|error| Fault::of(&error)) {
            // Another run did.
            Err(Fault::Unavailable(code)) if code == "UserNotFoundException" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn create(&self, account: NewAccount<'_>, password: Option<&str>) -> Result<Made, Fault> {
        let call = self.client.admin_create_user().user_pool_id(&self.pool);
        let call = call.username(account.email).set_user_attributes(Some(attributes(account)?));
        let call = match password {
            Some(password) => {
                call.temporary_password(password).message_action(MessageActionType::Suppress)
            }
            None => call.desired_delivery_mediums(DeliveryMediumType::Email),
        };
        match Box::pin(call.send()).await.map_err(|error| Fault::of(&error)) {
            Ok(_) => Ok(Made::New),
            Err(Fault::Unavailable(code)) => made(code),
            Err(fault) => Err(fault),
        }
    }

    /// Sends an invitation again, with a new temporary password.
    pub(crate) async fn remind(&self, email: &str) -> Result<(), Fault> {
        let call = self.client.admin_create_user().user_pool_id(&self.pool).username(email);
        let call = call.message_action(MessageActionType::Resend);
        let call = call.desired_delivery_mediums(DeliveryMediumType::Email);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// The account of an address that has one.
    pub(crate) async fn find(&self, email: &str) -> Result<Account, Fault> {
        let call = self.client.admin_get_user().user_pool_id(&self.pool).username(email);
        let user = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let unopened = user.user_status() == Some(&UserStatusType::ForceChangePassword);
        let text = |name: &str| {
            user.user_attributes().iter().find(|one| one.name() == name).and_then(|one| one.value())
        };
        let patient = text("custom:role") == Some(Role::Patient.name());
        let unproven = unopened && patient && text("name").is_none();
        Ok(Account { staff: staff(text), unopened, unproven })
    }
}

/// What a refusal to make an account means.
fn made(code: String) -> Result<Made, Fault> {
    match code.as_str() {
        "UsernameExistsException" => Ok(Made::Taken),
        "InvalidParameterException" | "InvalidPasswordException" => Ok(Made::Unusable),
        _ => Err(Fault::Unavailable(code)),
    }
}

fn attributes(account: NewAccount<'_>) -> Result<Vec<AttributeType>, Fault> {
    let Staff { role, person, hospital } = account.staff;
    let pairs = [
        ("email", account.email.to_owned()),
        ("email_verified", "true".to_owned()),
        ("name", account.name.to_owned()),
        ("custom:role", role.to_string()),
        ("custom:person", person.to_string()),
        ("custom:hospital", hospital.to_string()),
    ];
    let made = |(name, value)| AttributeType::builder().name(name).value(value).build();
    pairs.into_iter().map(made).collect::<Result<_, _>>().map_err(|_| Fault::Corrupt("attribute"))
}

fn staff<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Staff> {
    Some(Staff {
        role: Role::from_name(text("custom:role")?)?,
        person: Uuid::try_parse(text("custom:person")?).ok()?,
        hospital: HospitalId::parse(text("custom:hospital")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_answers_and_the_rest_is_a_fault() {
        let made = |code: &str| made(code.to_owned());
        assert_eq!(made("UsernameExistsException"), Ok(Made::Taken));
        assert_eq!(made("InvalidParameterException"), Ok(Made::Unusable));
        for code in ["CodeDeliveryFailureException", "TooManyRequestsException", "timeout"] {
            assert_eq!(made(code), Err(Fault::Unavailable(code.into())));
        }
    }

    #[test]
    fn what_is_written_to_an_account_is_read_back() {
        let id = store::new_id();
        let whose = Staff { role: Role::Doctor, person: id, hospital: HospitalId(id) };
        let account = NewAccount { email: "a@b.c", name: "A", staff: whose };
        let written = attributes(account).unwrap();
        let text =
            |name: &str| written.iter().find(|one| one.name() == name).and_then(|one| one.value());
        assert_eq!(staff(text), Some(whose));
        assert_eq!(staff(|name| text(name).filter(|_| name != "custom:person")), None);
    }
}
