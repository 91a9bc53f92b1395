//! The one way to serve: every Lambda is one call into here.
//!
//! Nothing here is generic but a thin shim per service, so that each binary compiles and links
//! in little time (DESIGN section 10).

use std::{pin::Pin, process::ExitCode, sync::Arc, time::Instant};

use lambda_http::{Body, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use store::{Fault, Store, trips};

use crate::{
    log::{self, Invocation},
    problem::{Failure, Problem},
    reply::Reply,
    request::{self, Request},
};

/// How often a request is decided anew because what it rested on changed meanwhile.
const DECISIONS: u32 = 8;

/// What a service's operations share. Refusals are recorded in its store (I2).
pub trait Service: Send + Sync + 'static {
    /// The store, if the service has one.
    fn store(&self) -> Option<&Store>;
}

impl Service for Store {
    fn store(&self) -> Option<&Store> {
        Some(self)
    }
}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Runs on one thread until the environment ends.
type Serving = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>>;
/// What an operation answers.
pub type Answer<'a> = Boxed<'a, Result<Reply, Failure>>;
/// How a service connects to what it needs, once per execution environment.
pub type Connecting<S> = fn() -> Boxed<'static, Result<S, Fault>>;

/// An operation served over HTTP.
pub struct Http<S> {
    name: &'static str,
    connect: Connecting<S>,
    handle: for<'a> fn(&'a S, &'a Request) -> Answer<'a>,
}

/// An operation that events call.
pub struct Event<S> {
    name: &'static str,
    connect: Connecting<S>,
    handle: for<'a> fn(&'a S, Value) -> Boxed<'a, Result<Value, Fault>>,
}

/// An operation served over HTTP.
#[must_use]
pub fn http<S: Service>(
    name: &'static str,
    connect: Connecting<S>,
    handle: for<'a> fn(&'a S, &'a Request) -> Answer<'a>,
) -> Http<S> {
    Http { name, connect, handle }
}

/// An operation that events call: a queue, a stream, a schedule, a trigger.
#[must_use]
pub fn event<S: Service>(
    name: &'static str,
    connect: Connecting<S>,
    handle: for<'a> fn(&'a S, Value) -> Boxed<'a, Result<Value, Fault>>,
) -> Event<S> {
    Event { name, connect, handle }
}

impl<S: Service> Http<S> {
    /// Serves it until the environment ends. `main` of its binary is this call.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        let Self { name, connect, handle } = self;
        start(
            name,
            Box::pin(async move {
                let service = Arc::new(connect().await?);
                let answer = move |event: lambda_http::Request| {
                    let service = Arc::clone(&service);
                    boxed(async move {
                        let mut request = Request::new(event);
                        Ok(answer(name, &*service, handle, &mut request).await.into_response())
                    })
                };
                run_http(answer).await
            }),
        )
    }
}

impl<S: Service> Event<S> {
    /// Serves it until the environment ends. `main` of its binary is this call.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        let Self { name, connect, handle } = self;
        start(
            name,
            Box::pin(async move {
                let service = Arc::new(connect().await?);
                let answer = move |event: LambdaEvent<Value>| {
                    let service = Arc::clone(&service);
                    boxed(async move {
                        let handled = |value| handle(&service, value);
                        follow(name, event, handled).await
                    })
                };
                run_events(answer).await
            }),
        )
    }
}

fn boxed<T>(future: impl Future<Output = T> + Send + 'static) -> Boxed<'static, T> {
    Box::pin(future)
}

/// Decides a request, anew when what it rested on changed, and records a refusal before the
/// caller hears of it.
async fn answer<S: Service>(
    name: &'static str,
    service: &S,
    handle: for<'a> fn(&'a S, &'a Request) -> Answer<'a>,
    request: &mut Request,
) -> Reply {
    let since = Instant::now();
    trips::reset();
    let mut result = Err(Failure::Fault(Fault::Changed));
    let mut decisions = 0;
    while decisions < DECISIONS {
        decisions += 1;
        request.now = request::now();
        result = handle(service, request).await;
        if !matches!(result, Err(Failure::Fault(Fault::Changed))) {
            break;
        }
        tokio::time::sleep(store::table::jitter(decisions)).await;
    }
    let (problem, fault) = match result {
        Ok(reply) => return finished(name, request, (since, decisions), (reply, "done", None)),
        Err(Failure::Problem(problem)) => (*problem, None),
        Err(Failure::Fault(fault)) => (Problem::unavailable(), Some(fault)),
        Err(Failure::Refused(refused)) => match service.store() {
            None => (Problem::unavailable(), Some(Fault::Corrupt("no-trail"))),
            Some(store) => match store.record(&refused.entry, request.now).await {
                Ok(()) => (Problem::refused(refused.denial), None),
                Err(fault) => (Problem::unavailable(), Some(fault)),
            },
        },
    };
    let reply = Reply::problem(&problem, &request.id);
    finished(name, request, (since, decisions), (reply, problem.code, fault))
}

fn finished(
    operation: &str,
    request: &Request,
    (since, decisions): (Instant, u32),
    (reply, outcome, fault): (Reply, &str, Option<Fault>),
) -> Reply {
    log::write(&Invocation {
        operation,
        request_id: &request.id,
        outcome,
        status: Some(reply.status()),
        fault: fault.as_ref().map(Fault::code),
        since,
        decisions: Some(decisions),
    });
    reply
}

async fn follow<'a>(
    operation: &str,
    event: LambdaEvent<Value>,
    handle: impl FnOnce(Value) -> Boxed<'a, Result<Value, Fault>>,
) -> Result<Value, lambda_runtime::Error> {
    let since = Instant::now();
    trips::reset();
    let result = handle(event.payload).await;
    log::write(&Invocation {
        operation,
        request_id: &event.context.request_id,
        outcome: if result.is_ok() { "done" } else { "failed" },
        status: None,
        fault: result.as_ref().err().map(Fault::code),
        since,
        decisions: None,
    });
    result.map_err(|fault| fault.code().to_owned().into())
}

type HttpHandler = dyn Fn(lambda_http::Request) -> Boxed<'static, Result<Response<Body>, lambda_http::Error>>
    + Send
    + Sync;
type EventHandler = dyn Fn(LambdaEvent<Value>) -> Boxed<'static, Result<Value, lambda_runtime::Error>>
    + Send
    + Sync;

fn run_http(
    handler: impl Fn(lambda_http::Request) -> Boxed<'static, Result<Response<Body>, lambda_http::Error>>
    + Send
    + Sync
    + 'static,
) -> Serving {
    let handler: Arc<HttpHandler> = Arc::new(handler);
    Box::pin(run_http_boxed(handler))
}

fn run_http_boxed(handler: Arc<HttpHandler>) -> Serving {
    Box::pin(lambda_http::run(service_fn(move |event| handler(event))))
}

fn run_events(
    handler: impl Fn(LambdaEvent<Value>) -> Boxed<'static, Result<Value, lambda_runtime::Error>>
    + Send
    + Sync
    + 'static,
) -> Serving {
    let handler: Arc<EventHandler> = Arc::new(handler);
    run_events_boxed(handler)
}

fn run_events_boxed(handler: Arc<EventHandler>) -> Serving {
    Box::pin(lambda_runtime::run(service_fn(move |event| handler(event))))
}

/// Runs `serving` on one thread, as a Lambda has at most one request at a time.
fn start(name: &str, serving: Serving) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), ToString::to_string);
        eprintln!("{}", serde_json::json!({ "level": "ERROR", "outcome": "panic", "at": place }));
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(serving),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            let line =
                serde_json::json!({ "level": "ERROR", "operation": name, "outcome": "init" });
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}
