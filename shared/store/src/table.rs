//! The table: consistent reads, ordered runs, one transaction for every change.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client, Config,
    config::retry::RetryConfig,
    error::SdkError,
    operation::{
        put_item::PutItemError, transact_get_items::TransactGetItemsError,
        transact_write_items::TransactWriteItemsError,
    },
    primitives::Blob,
    types::{
        AttributeValue, Get, KeysAndAttributes, ReturnValue, TransactGetItem, TransactWriteItem,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::{
    connect::{Greeting, UNSIGNED},
    error::Fault,
    keys::{INDEX, Key, Range},
    vault::DataKey,
};

/// The attributes of an item.
pub type Attributes = HashMap<String, AttributeValue>;

/// The sealed part of an item.
pub const SEALED: &str = "sealed";

/// How often what a batch left unread is asked for.
const BATCH_TRIES: u32 = 8;

/// An item as it was read.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where it stands.
    pub key: Key,
    /// What it holds.
    pub attributes: Attributes,
}

impl Item {
    /// The item of raw attributes, as a stream or a query gives them.
    ///
    /// # Errors
    /// `Fault::Corrupt` without a key.
    pub fn from_attributes(attributes: Attributes) -> Result<Self, Fault> {
        let text = |name| attributes.get(name).and_then(|value| value.as_s().ok()).cloned();
        match (text("PK"), text("SK")) {
            (Some(pk), Some(sk)) => Ok(Self { key: Key { pk, sk }, attributes }),
            _ => Err(Fault::Corrupt("key")),
        }
    }

    /// The clear part.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it is not a `T`.
    pub fn clear<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        from_item(self.attributes.clone()).map_err(|_| Fault::Corrupt("item"))
    }

    /// A binary attribute.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.attributes.get(name).and_then(|value| value.as_b().ok()).map(Blob::as_ref)
    }

    /// The sealed part.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it is missing, was changed or moved, or is not a `T`.
    pub fn open<T: DeserializeOwned>(&self, key: &DataKey) -> Result<T, Fault> {
        let sealed = self.bytes(SEALED).ok_or(Fault::Corrupt("sealed"))?;
        let plain = key.open(&self.key, SEALED, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Fault::Corrupt("sealed-content"))
    }
}

/// A row beside which content is sealed.
pub trait Sealed: DeserializeOwned {
    /// The sealed content.
    type Content: DeserializeOwned;
}

/// An item whose clear part was read.
#[derive(Debug, Clone)]
pub struct Stored<R> {
    /// The clear part.
    pub row: R,
    item: Item,
}

impl<R: Sealed> Stored<R> {
    /// The item of which `R` is the clear part.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it is not.
    pub fn of(item: Item) -> Result<Self, Fault> {
        Ok(Self { row: item.clear()?, item })
    }

    /// The sealed part.
    pub fn open(&self, key: &DataKey) -> Result<R::Content, Fault> {
        self.item.open(key)
    }

    /// A binary attribute.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.item.bytes(name)
    }
}

/// The attributes of an item to be written.
///
/// # Errors
/// `Fault::Corrupt` when the clear part has no such form, which is a mistake in our types.
pub fn item(key: &Key, clear: &impl Serialize) -> Result<Attributes, Fault> {
    let mut attributes: Attributes = to_item(clear).map_err(|_| Fault::Corrupt("item"))?;
    attributes.insert("PK".into(), AttributeValue::S(key.pk.clone()));
    attributes.insert("SK".into(), AttributeValue::S(key.sk.clone()));
    Ok(attributes)
}

/// The clear part of an item that has none.
#[derive(Debug, Serialize)]
pub(crate) struct NothingClear {}

/// The attributes of an item to be written, with `content` sealed into it.
pub fn sealed_item(
    at: &Key,
    key: &DataKey,
    clear: &impl Serialize,
    content: &impl Serialize,
) -> Result<Attributes, Fault> {
    let mut attributes = item(at, clear)?;
    let plain = serde_json::to_vec(content).map_err(|_| Fault::Corrupt("content"))?;
    attributes.insert(SEALED.into(), sealed_bytes(key.seal(at, SEALED, &plain)?));
    Ok(attributes)
}

/// Sealed content as an attribute's value.
pub(crate) fn sealed_bytes(sealed: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(sealed))
}

/// Puts an item under a key of the index.
pub fn index(attributes: &mut Attributes, at: &Key) {
    attributes.insert("GSI1PK".into(), AttributeValue::S(at.pk.clone()));
    attributes.insert("GSI1SK".into(), AttributeValue::S(at.sk.clone()));
}

/// A key as DynamoDB takes it.
#[must_use]
pub fn key_attributes(key: &Key) -> Attributes {
    HashMap::from([
        ("PK".into(), AttributeValue::S(key.pk.clone())),
        ("SK".into(), AttributeValue::S(key.sk.clone())),
    ])
}

/// A client of the one table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    pub(crate) name: String,
}

impl Table {
    /// The table `name`.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Opens the connection, if it can be: the first call tries again.
    pub async fn greet(&self) {
        let unsigned = Config::builder().allow_no_auth().auth_scheme_preference(UNSIGNED);
        let once = unsigned.retry_config(RetryConfig::disabled());
        // A call that names no table would end before it is sent.
        let call = self.client.get_item().table_name(&self.name).customize();
        let call = call.interceptor(Greeting).config_override(once);
        let _ = Box::pin(call.send()).await;
    }

    /// Reads the items at `keys` as of one moment: the answer is in the order of the keys.
    ///
    /// # Errors
    /// `Fault::Conflict` when one of them is being written, `Fault::Unavailable` when the table
    /// refuses.
    pub async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Fault> {
        if let [key] = keys {
            return Ok(vec![self.read_one(key).await?]);
        }
        let get = |key: &Key| {
            let get = Get::builder().table_name(&self.name).set_key(Some(key_attributes(key)));
            let get = get.build().map_err(|_| Fault::Corrupt("key"))?;
            Ok(TransactGetItem::builder().get(get).build())
        };
        let gets = keys.iter().map(get).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.transact_get_items().set_transact_items(Some(gets));
        let answer = Box::pin(call.send()).await.map_err(|error| match interrupted(&error) {
            true => Fault::Conflict,
            false => Fault::of(&error),
        })?;
        let found = answer.responses.unwrap_or_default().into_iter();
        found.map(|one| one.item.map(Item::from_attributes).transpose()).collect()
    }

    /// Reads the items at `keys`, up to 100 (DynamoDB's limit), each as of its own moment, in no
    /// order; those that are not there are left out.
    pub async fn read_each(&self, keys: &[Key]) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        let mut wanted: Vec<_> = keys.iter().map(key_attributes).collect();
        for attempt in 0..BATCH_TRIES {
            if wanted.is_empty() {
                return Ok(items);
            }
            if attempt > 0 {
                tokio::time::sleep(jitter(attempt)).await;
            }
            let request = KeysAndAttributes::builder().consistent_read(true);
            let request = request.set_keys(Some(std::mem::take(&mut wanted))).build();
            let request = request.map_err(|_| Fault::Corrupt("keys"))?;
            let call = self.client.batch_get_item().request_items(&self.name, request);
            let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
            for found in answer.responses.unwrap_or_default().into_values().flatten() {
                items.push(Item::from_attributes(found)?);
            }
            // What did not fit into 16 MB, or was throttled.
            let left = answer.unprocessed_keys.unwrap_or_default();
            wanted = left.into_values().flat_map(|left| left.keys).collect();
        }
        Err(Fault::Unavailable("UnprocessedKeys".into()))
    }

    /// Adds one to the number `counter` of the item at `at`, whether or not it is there, and sets
    /// what it holds: `always`, and `first` only where it does not yet. Answers the number.
    pub(crate) async fn count(
        &self,
        at: &Key,
        counter: &str,
        always: Attributes,
        first: Attributes,
    ) -> Result<u64, Fault> {
        let call = self.client.update_item().table_name(&self.name);
        let mut call =
            call.set_key(Some(key_attributes(at))).return_values(ReturnValue::UpdatedNew);
        let mut set = Vec::new();
        let own = |(name, _): &(String, AttributeValue)| name != "PK" && name != "SK";
        let always = always.into_iter().filter(own).map(|pair| (pair, true));
        let first = first.into_iter().map(|pair| (pair, false));
        for (n, ((name, value), again)) in always.chain(first).enumerate() {
            set.push(match again {
                true => format!("#s{n} = :s{n}"),
                false => format!("#s{n} = if_not_exists(#s{n}, :s{n})"),
            });
            call = call.expression_attribute_names(format!("#s{n}"), name);
            call = call.expression_attribute_values(format!(":s{n}"), value);
        }
        let call = call
            .update_expression(format!("SET {} ADD #counter :one", set.join(", ")))
            .expression_attribute_names("#counter", counter)
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let number = answer.attributes.as_ref().and_then(|all| all.get(counter)?.as_n().ok());
        number.and_then(|number| number.parse().ok()).ok_or(Fault::Corrupt("counter"))
    }

    async fn read_one(&self, key: &Key) -> Result<Option<Item>, Fault> {
        let call = self.client.get_item().table_name(&self.name).consistent_read(true);
        let call = call.set_key(Some(key_attributes(key)));
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        answer.item.map(Item::from_attributes).transpose()
    }

    /// The next items of a run, newest first where `newest_first`, up to `limit`, after `after`.
    pub async fn run(&self, range: &Range, part: &Part) -> Result<Batch, Fault> {
        let (pk, sk) = if range.index { ("GSI1PK", "GSI1SK") } else { ("PK", "SK") };
        // The table takes only its own key for a place to go on from, the index both.
        let own = |name: &str| range.index || !name.starts_with("GSI1");
        let after = part.after.clone();
        let after = after.map(|place| place.into_iter().filter(|(n, _)| own(n)).collect());
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(range.index.then(|| INDEX.to_owned()))
            .consistent_read(!range.index)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
            .expression_attribute_names("#pk", pk)
            .expression_attribute_names("#sk", sk)
            .expression_attribute_values(":pk", AttributeValue::S(range.pk.clone()))
            .expression_attribute_values(":first", AttributeValue::S(range.first.clone()))
            .expression_attribute_values(":last", AttributeValue::S(range.last.clone()))
            .scan_index_forward(!part.newest_first)
            .limit(part.limit)
            .set_exclusive_start_key(after);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let items = answer.items.unwrap_or_default().into_iter().map(Item::from_attributes);
        Ok(Batch { items: items.collect::<Result<_, _>>()?, after: answer.last_evaluated_key })
    }

    /// Writes an item under a key that was made for it just now, and is nobody else's.
    pub(crate) async fn put_new(&self, attributes: Attributes) -> Result<(), Fault> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(attributes));
        let call = call.condition_expression("attribute_not_exists(PK)");
        match Box::pin(call.send()).await {
            Ok(_) => Ok(()),
            // An earlier attempt wrote it, and its answer was lost.
            Err(error) if is_there(&error) => Ok(()),
            Err(error) => Err(Fault::of(&error)),
        }
    }

    /// Writes all of `items` or none.
    ///
    /// # Errors
    /// `Fault::Changed` when a condition failed, `Fault::Conflict` when it met another transaction.
    pub(crate) async fn write(&self, items: Vec<TransactWriteItem>) -> Result<(), Fault> {
        let call = self.client.transact_write_items().set_transact_items(Some(items));
        let Err(error) = Box::pin(call.send()).await else { return Ok(()) };
        Err(match cancelled(&error) {
            Cancelled::Condition => Fault::Changed,
            Cancelled::Conflict => Fault::Conflict,
            Cancelled::Otherwise => Fault::of(&error),
        })
    }
}

/// Which part of a run to read.
#[derive(Debug, Clone)]
pub struct Part {
    /// From the end of the run backwards.
    pub newest_first: bool,
    /// How many items to look at, at most.
    pub limit: i32,
    /// The key after which to go on.
    pub after: Option<Attributes>,
}

/// A part of a run as it was read.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The items, in order.
    pub items: Vec<Item>,
    /// The key after which to go on; `None` at the end.
    pub after: Option<Attributes>,
}

/// Cancellation reasons that another try may not meet.
const PASSING: [&str; 3] = ["None", "TransactionConflict", "ThrottlingError"];

enum Cancelled {
    Condition,
    Conflict,
    Otherwise,
}

/// Whether a read only met a transaction in progress.
fn interrupted<R>(error: &SdkError<TransactGetItemsError, R>) -> bool {
    let Some(TransactGetItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return false;
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.all(|code| PASSING.contains(&code))
}

fn is_there<R>(error: &SdkError<PutItemError, R>) -> bool {
    matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_)))
}

/// Looks at every cancellation reason: one failed condition outweighs any conflict.
fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Cancelled {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Cancelled::Otherwise;
    };
    let codes = || cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    if codes().any(|code| code == "ConditionalCheckFailed") {
        Cancelled::Condition
    } else if codes().any(|code| code != "None") && codes().all(|code| PASSING.contains(&code)) {
        Cancelled::Conflict
    } else {
        Cancelled::Otherwise
    }
}

/// A pause before the next try: 10 ms, doubling up to 160 ms, and a random part of the same size.
#[must_use]
pub fn jitter(attempt: u32) -> Duration {
    let random = uuid::Uuid::now_v7().as_bytes().last().copied().unwrap_or_default();
    let base = 10_u64 << attempt.min(4);
    Duration::from_millis(base + base * u64::from(random) / 255)
}
