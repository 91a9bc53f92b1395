//! What becomes of a record once its file was checked: it is available, or rejected for a reason.

use domain::{
    audit::Done,
    names::Named,
    policy::{Action, acts::UploadCreate},
    record::{Class, MediaType, RecordStatus, Rejection, TextProblem, TextStatus},
};
use edge::Tries;
use store::{Attribute, Fault, Look, Objects, Store, Update, text as value};

use crate::vaulted::Vaulted;

/// A file that passed the checks.
pub(crate) struct Checked {
    pub(crate) class: Class,
    pub(crate) format: MediaType,
    pub(crate) version: Option<String>,
}

/// Has the record say what the checks found. Where the vault's register changed meanwhile, that is
/// tried again without checking the file again.
pub(crate) async fn conclude(
    store: &Store,
    objects: &Objects,
    mut record: Vaulted,
    checked: &Result<Checked, Rejection>,
) -> Result<Result<MediaType, Rejection>, Fault> {
    let mut tries = Tries::default();
    loop {
        let concluded = match checked {
            Ok(file) => admit(store, objects, &record, file).await,
            Err(rejection) => reject(store, &record, *rejection).await.map(Err),
        };
        match concluded {
            Err(fault) if fault.is_passing() && tries.another().await => {}
            concluded => return concluded,
        }
        let again = Vaulted::find(store, record.place).await?;
        let again = again.filter(|again| again.row.status == RecordStatus::AwaitingUpload);
        record = again.ok_or(Fault::Changed)?;
    }
}

/// Makes the record of a checked file available, if whoever began the upload may still add it (I1,
/// I5): minutes may have passed since. The acceptance rests on this decision until it commits.
async fn admit(
    store: &Store,
    objects: &Objects,
    record: &Vaulted,
    Checked { class, format, version }: &Checked,
) -> Result<Result<MediaType, Rejection>, Fault> {
    let (patient, now) = (record.place.patient, edge::request::now());
    let author = record.author().ok_or(Fault::Corrupt("author"))?;
    let found = store.look(Look::vault(&author, patient).new_record(*class)).await?;
    let Ok(permit) = found.permit::<UploadCreate>(None, now) else {
        let rejection = Rejection::ConsentEnded;
        return reject(store, record, rejection).await.map(Err);
    };
    objects.keep(record.place, version.as_deref()).await?;
    let settled = (RecordStatus::Available, awaiting_text(record, *format));
    let change = record.settle(store, permit.change(), settled).await?;
    let entry = record.entry(Action::UploadIngest, Done::FileAccepted);
    change.audit(&entry, now).commit().await?;
    Ok(Ok(*format))
}

fn awaiting_text(record: &Vaulted, format: MediaType) -> Update {
    let update = record.update().set(Attribute::UpdatedAt, value(edge::request::now()));
    match format {
        MediaType::WebP | MediaType::Dicom => update
            .set(Attribute::TextStatus, value(TextStatus::Unreadable.name()))
            .set(Attribute::TextProblem, value(TextProblem::FormatNotRead.name())),
        _ => update.set(Attribute::TextStatus, value(TextStatus::Pending.name())),
    }
}

async fn reject(store: &Store, record: &Vaulted, rejection: Rejection) -> Result<Rejection, Fault> {
    let now = edge::request::now();
    let update = record.update().set(Attribute::UpdatedAt, value(now));
    let update = update.set(Attribute::Rejection, value(rejection.name()));
    let change = record.while_in_use(store);
    let change = record.settle(store, change, (RecordStatus::Rejected, update)).await?;
    let done = match rejection {
        Rejection::ConsentEnded => Done::FileUnwanted,
        _ => Done::FileRejected,
    };
    let entry = record.entry(Action::UploadIngest, done);
    change.audit(&entry, now).commit().await?;
    Ok(rejection)
}
