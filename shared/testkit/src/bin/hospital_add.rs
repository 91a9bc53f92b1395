//! Bootstraps a hospital and its first admin with plain AWS calls, on the local stack or on AWS.
//! `cargo xtask hospital-add` calls this.

use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::Parser;
use hospital::{
    Directory,
    bootstrap::{NewHospital, add_hospital},
};
use store::Store;

/// Adds a hospital and its first admin. Uses the AWS credentials of the environment.
#[derive(Parser)]
struct Args {
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
    /// The stack's output TableName.
    #[arg(long, env = "TABLE_NAME")]
    table: String,
    /// The stack's output VaultKeyArn.
    #[arg(long, env = "KEY_ARN")]
    key: String,
    /// The stack's output UserPoolId.
    #[arg(long, env = "USER_POOL_ID")]
    pool: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let store = Store::named(&config, args.table, args.key);
    let directory = Directory::new(&config, args.pool);
    let new = NewHospital {
        name: &args.name,
        admin_name: &args.admin_name,
        admin_email: &args.admin_email,
        temporary_password: args.temporary_password.as_deref(),
    };
    match add_hospital(&store, &directory, new, jiff::Timestamp::now()).await {
        Ok(added) => {
            println!("Hospital {}\nAdmin    {}", added.hospital, added.admin);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("Not added: {fault}. The same command may be repeated.");
            ExitCode::FAILURE
        }
    }
}
