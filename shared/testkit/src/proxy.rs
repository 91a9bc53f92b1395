//! A fault proxy: stands between functions and the table, or Cognito, and fails as AWS does. A
//! function is put behind it by `AWS_ENDPOINT_URL_DYNAMODB` and its like in its environment.
//! Requests go on byte by byte, so their signatures still hold.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{Outcome, Stack};

/// How long a [`Fault::Slow`] answer takes, at most.
const SLOW: Duration = Duration::from_millis(400);
/// When a [`Fault::Late`] request arrives after all.
pub const LATE: Duration = Duration::from_millis(700);

/// What can go wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is done, and the reply is lost.
    Lost,
    /// The connection breaks, and it is done all the same, after the caller's next try perhaps.
    Late,
    /// 500.
    Broken,
    /// 400, throttled.
    Throttled,
    /// It takes its time.
    Slow,
    /// It arrives twice; a transaction with the same `ClientRequestToken`.
    Twice,
    /// A transaction meets another. Calls that are no transactions are passed on.
    Conflict,
}

impl Fault {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Late,
        Self::Broken,
        Self::Throttled,
        Self::Slow,
        Self::Twice,
        Self::Conflict,
    ];
}

/// The proxy. Serves until the process ends.
#[derive(Debug)]
pub struct Proxy {
    /// Where it answers.
    pub url: String,
    plan: Arc<Mutex<Plan>>,
}

/// What is to go wrong and what did.
#[derive(Debug, Default)]
struct Plan {
    next: VecDeque<Fault>,
    every: Option<String>,
    seed: u64,
    per_mille: u64,
    calls: u64,
    made: BTreeMap<Fault, u64>,
}

impl Proxy {
    /// Stands before the stack; passes everything on until told otherwise.
    pub fn before(stack: &Stack) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let plan = Arc::new(Mutex::new(Plan::default()));
        let behind = stack.endpoint.trim_start_matches("http://").to_owned();
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (behind, plan) = (behind.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(client, &behind, &plan));
            }
        });
        Ok(Self { url, plan })
    }

    /// Puts a function's calls of `service` behind the proxy; answers the variables it had.
    pub fn divert(&self, stack: &Stack, operation: &str, service: &str) -> Outcome<Value> {
        let before = stack.variables(operation)?;
        let mut behind = before.clone();
        behind[format!("AWS_ENDPOINT_URL_{service}")] = json!(self.url);
        stack.set_variables(operation, &behind)?;
        Ok(before)
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` calls fail in this way, and no other is planned.
    pub fn fail_next(&self, fault: Fault, times: usize) {
        self.plan().next = std::iter::repeat_n(fault, times).collect();
    }

    /// Breaks every call of `operation` and no other; with none, it is over.
    pub fn break_every(&self, operation: Option<&str>) {
        self.plan().every = operation.map(str::to_owned);
    }

    /// From now on each fault meets `per_mille` of a thousand calls, by a seed; 0 ends it.
    pub fn fail_at_random(&self, seed: u64, per_mille: u64) {
        let mut plan = self.plan();
        (plan.seed, plan.per_mille) = (seed, per_mille);
    }

    /// How many calls there were, and what went wrong with how many of them.
    #[must_use]
    pub fn counts(&self) -> (u64, BTreeMap<Fault, u64>) {
        let plan = self.plan();
        (plan.calls, plan.made.clone())
    }
}

impl Plan {
    fn draw(&mut self, operation: &str, transaction: bool) -> Option<(Fault, u64)> {
        self.calls += 1;
        if self.every.as_deref() == Some(operation) {
            *self.made.entry(Fault::Broken).or_default() += 1;
            return Some((Fault::Broken, 0));
        }
        let random = scattered(self.seed.wrapping_mul(1_000_003).wrapping_add(self.calls));
        let drawn = match self.per_mille {
            0 => None,
            rate => Fault::ALL.get(usize::try_from(random % 1000 / rate).ok()?).copied(),
        };
        let fault = self.next.pop_front().or(drawn)?;
        if fault == Fault::Conflict && !transaction {
            return None;
        }
        *self.made.entry(fault).or_default() += 1;
        Some((fault, random))
    }
}

/// A number that looks random for each that is given (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Serves one connection: one request after the other, each passed on or failed. `None` closes it.
fn serve(mut client: TcpStream, behind: &str, plan: &Mutex<Plan>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    loop {
        let request = message(&mut client)?;
        let items = transaction(&request);
        let operation = operation(&request).unwrap_or_default();
        let mut planned = plan.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = planned.draw(&operation, items.is_some());
        drop(planned);
        let answer = match drawn {
            None => forward(behind, &request)?,
            Some((Fault::Lost, _)) => return forward(behind, &request).map(|_| ()),
            Some((Fault::Late, _)) => {
                drop(client);
                thread::sleep(LATE);
                return forward(behind, &request).map(|_| ());
            }
            Some((Fault::Broken, _)) => refusal(500, &error("InternalServerError")),
            Some((Fault::Throttled, random)) => refusal(400, &error(throttled(random))),
            Some((Fault::Slow, random)) => {
                thread::sleep(SLOW.mul_f64((random % 1000) as f64 / 1000.0));
                forward(behind, &request)?
            }
            Some((Fault::Twice, _)) => {
                forward(behind, &request)?;
                forward(behind, &request)?
            }
            Some((Fault::Conflict, _)) => refusal(400, &conflict(items.unwrap_or_default())),
        };
        client.write_all(&answer).ok()?;
    }
}

fn forward(behind: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(behind).ok()?;
    server.set_nodelay(true).ok()?;
    server.write_all(request).ok()?;
    message(&mut server)
}

/// The operation a request asks for, by its `X-Amz-Target`.
fn operation(request: &[u8]) -> Option<String> {
    let head = request.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = std::str::from_utf8(request.get(..head)?).ok()?;
    let named = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let target = name.eq_ignore_ascii_case("x-amz-target").then_some(value)?;
        Some(target.rsplit('.').next()?.trim().to_owned())
    };
    head.lines().find_map(named)
}

/// How many items a transaction has; `None` for any other call.
fn transaction(request: &[u8]) -> Option<usize> {
    let body = request.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let body: Value = serde_json::from_slice(request.get(body..)?).ok()?;
    body["TransactItems"].as_array().map(Vec::len)
}

/// DynamoDB has two names for it.
fn throttled(random: u64) -> &'static str {
    match random % 2 {
        0 => "ThrottlingException",
        _ => "ProvisionedThroughputExceededException",
    }
}

fn error(name: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "as asked" })
}

fn conflict(items: usize) -> Value {
    let code = |n| if n == 0 { "TransactionConflict" } else { "None" };
    let reasons: Vec<_> = (0..items).map(|n| json!({ "Code": code(n) })).collect();
    let mut error = error("TransactionCanceledException");
    error["CancellationReasons"] = json!(reasons);
    error
}

fn refusal(status: u16, error: &Value) -> Vec<u8> {
    let body = error.to_string();
    let head = "content-type: application/x-amz-json-1.0\r\ncontent-length";
    format!("HTTP/1.1 {status} Refused\r\n{head}: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// One HTTP message with a content length, as the SDK and the local AWS send them.
fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(bytes.get(..head)?).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Some(bytes);
            }
        }
        match from.read(&mut piece).ok()? {
            0 => return None,
            n => bytes.extend(piece.get(..n)?),
        }
    }
}
