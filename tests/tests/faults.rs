//! What happens when AWS itself fails: nothing is disclosed, nothing is lost, and a repetition
//! succeeds. KMS really refuses here (its key is switched off); a table that throttles cannot be
//! had from the local AWS, so a proxy that answers as DynamoDB does stands in for that one fault.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::{Value, json};
use testkit::{Outcome, Patient, Stack, Surprise, Ward, cast::reading, ensure, poll};

/// Tests here change the stack as a whole, so they run one after the other.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn i6_while_kms_refuses_nothing_is_disclosed_and_nothing_lost() -> Outcome {
    let _alone = alone();
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Karla Key")?;
    patient.note(stack, "lab-report", "2026-01-01", "Blood", "blood")?;
    ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    // A function that is warm for a vault has its key for minutes; a new environment has not.
    restart(stack, "record_list")?;
    let key = json!({ "KeyId": stack.output("VaultKeyArn")? });
    stack.aws("kms", "TrentService.DisableKey", &key)?;
    let list = stack.get_path(&patient.path("/records")).token(ward.doctor.token());
    let refused = list.send();
    stack.aws("kms", "TrentService.EnableKey", &key)?;
    let refused = refused?.expect(503)?;
    refused.problem("unavailable")?;
    ensure(refused.headers.contains_key("retry-after"), "the caller is told to come again")?;
    let trail = patient.audit(stack)?;
    let disclosed = trail.iter().filter(|entry| entry["action"] == "record_list");
    ensure(disclosed.count() == 0, "nothing was disclosed, so nothing is on record")?;
    ensure(list.expect(200)?.list("/items")?.len() == 1, "then all is there again")
}

#[test]
fn i7_while_the_table_throttles_nothing_is_lost_and_a_repetition_succeeds() -> Outcome {
    let _alone = alone();
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Theo Throttle")?;
    let proxy = Throttling::before(stack)?;
    let before = variables(stack, "access_request_create")?;
    let mut throttled = before.clone();
    throttled["AWS_ENDPOINT_URL_DYNAMODB"] = json!(proxy.url);
    set_variables(stack, "access_request_create", &throttled)?;
    let outcome = ask_through(stack, ward, &patient, &proxy);
    set_variables(stack, "access_request_create", &before)?;
    outcome
}

fn ask_through(stack: &Stack, ward: &Ward, patient: &Patient, proxy: &Throttling) -> Outcome {
    let mut body = reading(&["imaging"], 3600);
    body["patientId"] = json!(patient.id);
    let ask = stack.post("/v1/access-requests").token(ward.doctor.token()).json(&body);
    // More refusals than the SDK's tries: the caller hears of it.
    proxy.refuse.store(1000, SeqCst);
    ask.expect(503)?.problem("unavailable")?;
    // Fewer: the SDK's own retry is enough.
    proxy.refuse.store(1, SeqCst);
    let asked = ask.expect(201)?;
    let again = ask.expect(201)?;
    ensure(asked.bytes == again.bytes, "once means once")?;
    let mine = stack.get_path("/v1/access-requests").token(patient.token()).expect(200)?;
    ensure(mine.list("/items")?.len() == 1, "one request came of it")
}

fn configuration(stack: &Stack, operation: &str) -> Outcome<Value> {
    stack.function_configuration(operation, None)
}

fn variables(stack: &Stack, operation: &str) -> Outcome<Value> {
    Ok(configuration(stack, operation)?["Environment"]["Variables"].clone())
}

/// Gives a function other variables, which also ends its environments.
fn set_variables(stack: &Stack, operation: &str, variables: &Value) -> Outcome {
    let change = json!({ "Environment": { "Variables": variables } });
    stack.function_configuration(operation, Some(&change))?;
    poll("the function to be ready", || {
        let state = configuration(stack, operation)?["LastUpdateStatus"].clone();
        Ok((state != "InProgress").then_some(()))
    })?;
    stack.release(operation)
}

/// Ends a function's environments: the next request meets a cold one.
fn restart(stack: &Stack, operation: &str) -> Outcome {
    let mut changed = variables(stack, operation)?;
    changed["RESTARTED"] = json!(uuid::Uuid::now_v7().to_string());
    set_variables(stack, operation, &changed)
}

/// Stands between a function and the table, and refuses as DynamoDB does when it throttles.
struct Throttling {
    url: String,
    refuse: Arc<AtomicUsize>,
}

impl Throttling {
    fn before(stack: &Stack) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let refuse = Arc::new(AtomicUsize::new(0));
        let behind = stack.endpoint.trim_start_matches("http://").to_owned();
        let left = Arc::clone(&refuse);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (behind, left) = (behind.clone(), Arc::clone(&left));
                std::thread::spawn(move || serve(client, &behind, &left));
            }
        });
        Ok(Self { url, refuse })
    }
}

/// Serves one connection: one request after the other, each refused or passed on.
fn serve(mut client: TcpStream, behind: &str, refuse: &AtomicUsize) -> Option<()> {
    loop {
        let request = message(&mut client)?;
        let refused = refuse.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if refused {
            let body = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"slow\"}";
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            client.write_all((head + body).as_bytes()).ok()?;
        } else {
            let mut server = TcpStream::connect(behind).ok()?;
            server.write_all(&request).ok()?;
            let answer = message(&mut server)?;
            client.write_all(&answer).ok()?;
        }
    }
}

/// One HTTP message with a content length, as the SDK and the local AWS send them.
fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Some(bytes);
            }
        }
        match from.read(&mut piece).ok()? {
            0 => return None,
            n => bytes.extend(&piece[..n]),
        }
    }
}

#[test]
fn i11_a_function_that_cannot_start_says_so() -> Outcome {
    let _alone = alone();
    let stack = Stack::get()?;
    let before = variables(stack, "audit_list")?;
    let mut broken = before.clone();
    broken.as_object_mut().ok_or_else(|| Surprise("variables".into()))?.remove("TABLE_NAME");
    set_variables(stack, "audit_list", &broken)?;
    let patient = Patient::join(stack, "Ines Init")?;
    let answer = stack.get_path(&patient.path("/audit")).token(patient.token()).send();
    set_variables(stack, "audit_list", &before)?;
    answer?.expect(503)?.problem("unavailable")?;
    stack.get_path(&patient.path("/audit")).token(patient.token()).expect(200).map(|_| ())
}
