//! What an operator does to a deployment, locally or on AWS, with the AWS credentials of the
//! environment. `cargo xtask hospital-add`, `vault-bind` and `register-rebuild` call
//! this.

use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::Parser;
use domain::PatientId;
use edge::kind::{Kind, email};
use hospital::{
    Directory,
    bootstrap::{NewHospital, add_hospital},
};
use identity::{Accounts, binding::bind_vault};
use store::Store;

/// What to do.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Add a hospital and its first admin.
    HospitalAdd(HospitalAdd),
    /// Bind a patient's vault to a new account, once they proved who they are.
    VaultBind(VaultBind),
    /// Make the register of a patient's vault anew from its records.
    RegisterRebuild(RegisterRebuild),
}

#[derive(clap::Args)]
struct HospitalAdd {
    /// The hospital's name.
    #[arg(long)]
    name: String,
    /// The first admin's name.
    #[arg(long)]
    admin_name: String,
    /// The first admin's email address; the invitation goes there.
    #[arg(long)]
    admin_email: String,
    /// A temporary password instead of the invitation by mail.
    #[arg(long, env = "MEDIVAULT_TEMPORARY_PASSWORD", hide_env_values = true)]
    temporary_password: Option<String>,
    #[command(flatten)]
    vaults: Vaults,
    /// The stack's output UserPoolId.
    #[arg(long, env = "USER_POOL_ID")]
    pool: String,
}

#[derive(clap::Args)]
struct VaultBind {
    /// The patient's id, which the table's key names after `PATIENT#`.
    #[arg(long, value_parser = parse_patient)]
    patient: PatientId,
    /// The address of the new account, new or the same; the code goes there.
    #[arg(long, value_parser = parse_email)]
    email: String,
    #[command(flatten)]
    vaults: Vaults,
    /// The stack's output UserPoolId.
    #[arg(long, env = "USER_POOL_ID")]
    pool: String,
}

#[derive(clap::Args)]
struct RegisterRebuild {
    /// The patient's id, which the table's key names after `PATIENT#`.
    #[arg(long, value_parser = parse_patient)]
    patient: PatientId,
    #[command(flatten)]
    vaults: Vaults,
}

#[derive(clap::Args)]
struct Vaults {
    /// The stack's output TableName.
    #[arg(long, env = "TABLE_NAME")]
    table: String,
    /// The stack's output VaultKeyArn.
    #[arg(long, env = "KEY_ARN")]
    key: String,
}

fn parse_patient(text: &str) -> Result<PatientId, &'static str> {
    PatientId::parse(text).ok_or("is no id of a patient")
}

fn parse_email(text: &str) -> Result<String, String> {
    email().parse(&text.into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Command::parse();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let done = match command {
        Command::HospitalAdd(args) => args.run(&config).await,
        Command::VaultBind(args) => args.run(&config).await,
        Command::RegisterRebuild(args) => args.run(&config).await,
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("Not done: {why}. The same command may be repeated.");
            ExitCode::FAILURE
        }
    }
}

impl Vaults {
    fn open(self, config: &store::SdkConfig) -> Store {
        Store::named(config, self.table, self.key)
    }
}

impl HospitalAdd {
    async fn run(self, config: &store::SdkConfig) -> Result<String, String> {
        let store = self.vaults.open(config);
        let directory = Directory::new(config, self.pool);
        let new = NewHospital {
            name: &self.name,
            admin_name: &self.admin_name,
            admin_email: &self.admin_email,
            temporary_password: self.temporary_password.as_deref(),
        };
        let added = add_hospital(&store, &directory, new, jiff::Timestamp::now()).await;
        let added = added.map_err(|fault| fault.to_string())?;
        Ok(format!("Hospital {}\nAdmin    {}", added.hospital, added.admin))
    }
}

impl VaultBind {
    async fn run(self, config: &store::SdkConfig) -> Result<String, String> {
        let store = self.vaults.open(config);
        let accounts = Accounts::connected(config, self.pool);
        let at = (self.email.as_str(), jiff::Timestamp::now());
        let bound = bind_vault(&store, &accounts, self.patient, at).await;
        bound.map_err(|fault| fault.to_string())?;
        Ok("The vault is bound to the new account, which a code was mailed to".into())
    }
}

impl RegisterRebuild {
    async fn run(self, config: &store::SdkConfig) -> Result<String, String> {
        let rebuilt = self.vaults.open(config).rebuild_register(self.patient).await;
        let count = rebuilt.map_err(|fault| fault.to_string())?;
        Ok(format!("The register has {count} records"))
    }
}
