//! The one way to serve: every Lambda is one call into here.
//!
//! Nothing here is generic but a thin shim per service, so that each binary compiles and links
//! in little time.

use std::{
    marker::PhantomData,
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use lambda_http::{Body as HttpBody, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use schemars::JsonSchema;
use serde_json::Value;
use store::{Fault, Objects, Store, trips};

use crate::{
    contract::{Body, Contract},
    log::{self, Invocation},
    problem::{Failure, Known, Problem, UNAVAILABLE, refused},
    read::{Input, asked},
    reply::{Answered, Reply},
    request::{self, Request},
    tries::Tries,
};

/// How long init waits for connections: Lambda ends an init after 10 s.
const LONGEST_GREETING: Duration = Duration::from_secs(2);

/// What a service's operations share, made once per execution environment. Refusals are recorded
/// in its store (I2).
pub trait Service: Send + Sync + Sized + 'static {
    /// Connects to what the service needs.
    fn connect() -> Boxed<'static, Result<Self, Fault>>;

    /// The store, if the service has one.
    fn store(&self) -> Option<&Store>;

    /// Opens the connections that the first request will wait for, as far as that can be done:
    /// during init a Lambda has a whole CPU, afterwards only what its memory is worth.
    fn greet(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            if let Some(store) = self.store() {
                store.greet().await;
            }
        })
    }
}

impl Service for Store {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async { Self::connect() })
    }

    fn store(&self) -> Option<&Store> {
        Some(self)
    }
}

/// The store and the files: what operations on documents share.
#[derive(Debug)]
pub struct Files {
    /// The store.
    pub store: Store,
    /// The files.
    pub objects: Objects,
}

impl Service for Files {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self { store: Store::new(&config)?, objects: Objects::new(&config)? })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Runs on one thread until the environment ends.
type Serving = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>>;
/// What an operation answers.
pub type Answer<'a, T, const STATUS: u16> = Boxed<'a, Result<Reply<T, STATUS>, Failure>>;
/// An operation as it is served: a request in, an answer out.
type Handle<S> =
    dyn for<'a> Fn(&'a S, &'a Request) -> Boxed<'a, Result<Answered, Failure>> + Send + Sync;

/// An operation served over HTTP.
pub struct Http<S, P> {
    name: &'static str,
    route: &'static str,
    problems: &'static [Known],
    handle: Box<Handle<S>>,
    promise: PhantomData<fn() -> P>,
}

/// What the types of an operation promise to its callers. It is a type and no value, so that a
/// function, which only serves, holds none of the schemas of its answer.
pub trait Promise: 'static {
    /// The contract of the operation.
    fn contract(
        operation: &'static str,
        route: &'static str,
        problems: &'static [Known],
    ) -> Contract;
}

/// The promise to read an `I` and to answer a `T` with a status.
#[derive(Debug)]
pub struct Typed<I, T, const STATUS: u16>(PhantomData<fn(I) -> T>);

impl<I: Input + 'static, T: JsonSchema + 'static, const STATUS: u16> Promise
    for Typed<I, T, STATUS>
{
    fn contract(
        operation: &'static str,
        route: &'static str,
        problems: &'static [Known],
    ) -> Contract {
        let answer: (u16, Body) = (STATUS, |made| made.subschema_for::<T>());
        Contract { operation, route, asked: asked::<I>, answer, own: problems }
    }
}

/// An operation that events call.
pub struct Event<S> {
    name: &'static str,
    handle: for<'a> fn(&'a S, Value) -> Boxed<'a, Result<Value, Fault>>,
}

/// An operation in the list of its service.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it promises over HTTP; nothing where events call it.
    pub contract: Option<Contract>,
    serve: Box<dyn FnOnce() -> ExitCode>,
}

impl Function {
    /// Serves it until the environment ends.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        (self.serve)()
    }
}

/// An operation served over HTTP: its name, its route (`GET /v1/me`), and what it does with its
/// input. What it takes and answers is told by the types.
#[must_use]
pub fn http<S: Service, I: Input + Send + 'static, T: JsonSchema + 'static, const STATUS: u16>(
    name: &'static str,
    route: &'static str,
    handle: for<'a> fn(&'a S, &'a Request, I) -> Answer<'a, T, STATUS>,
) -> Http<S, Typed<I, T, STATUS>> {
    let handle: Box<Handle<S>> = Box::new(move |service, request| {
        Box::pin(async move {
            let input = I::of(request)?;
            Ok(handle(service, request, input).await?.answered())
        })
    });
    Http { name, route, problems: &[], handle, promise: PhantomData }
}

/// An operation that events call: a queue, a stream, a schedule, a trigger.
#[must_use]
pub fn event<S: Service>(
    name: &'static str,
    handle: for<'a> fn(&'a S, Value) -> Boxed<'a, Result<Value, Fault>>,
) -> Event<S> {
    Event { name, handle }
}

impl<S: Service, P: Promise> Http<S, P> {
    /// The same operation, which can answer with these problems beside those that all have.
    #[must_use]
    pub fn problems(self, problems: &'static [Known]) -> Self {
        Self { problems, ..self }
    }

    /// The operation as its service lists it.
    #[must_use]
    pub fn function(self) -> Function {
        Function {
            name: self.name,
            contract: Some(P::contract(self.name, self.route, self.problems)),
            serve: Box::new(|| self.serve()),
        }
    }

    /// Serves it until the environment ends. `main` of its binary is this call.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        let (name, handle) = (self.name, Arc::<Handle<S>>::from(self.handle));
        start(name, move |service: Arc<S>| {
            run_http(move |event| {
                let (service, handle) = (Arc::clone(&service), Arc::clone(&handle));
                boxed(async move {
                    let mut request = Request::new(event);
                    Ok(answer(name, &*service, &*handle, &mut request).await.into_response())
                })
            })
        })
    }
}

impl<S: Service> Event<S> {
    /// The operation as its service lists it.
    #[must_use]
    pub fn function(self) -> Function {
        Function { name: self.name, contract: None, serve: Box::new(|| self.serve()) }
    }

    /// Serves it until the environment ends. `main` of its binary is this call.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        let Self { name, handle } = self;
        start(name, move |service: Arc<S>| {
            run_events(move |event| {
                let service = Arc::clone(&service);
                boxed(async move { follow(name, event, |value| handle(&service, value)).await })
            })
        })
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
    handle: &Handle<S>,
    request: &mut Request,
) -> Answered {
    trips::reset();
    let mut tries = Tries::default();
    let result = loop {
        request.now = request::now();
        let result = handle(service, request).await;
        let changed = matches!(&result, Err(Failure::Fault(fault)) if fault.is_passing());
        if !changed || !tries.another().await {
            break result;
        }
    };
    let (problem, fault): (Problem, _) = match result {
        Ok(reply) => return finished(name, request, &tries, (reply, "done", None)),
        Err(Failure::Problem(problem)) => (*problem, None),
        Err(Failure::Fault(fault)) => (UNAVAILABLE.into(), Some(fault)),
        Err(Failure::Refused(why)) => match service.store() {
            None => (UNAVAILABLE.into(), Some(Fault::Corrupt("no-trail"))),
            Some(store) => match store.write_refusal(&why.entry, request.now).await {
                Ok(()) => (refused(why.denial).into(), None),
                Err(fault) => (UNAVAILABLE.into(), Some(fault)),
            },
        },
    };
    let reply = Answered::problem(&problem, &request.id);
    finished(name, request, &tries, (reply, problem.code, fault))
}

fn finished(
    operation: &str,
    request: &Request,
    tries: &Tries,
    (reply, outcome, fault): (Answered, &str, Option<Fault>),
) -> Answered {
    log::write(&Invocation {
        operation,
        request_id: &request.id,
        outcome,
        status: Some(reply.status),
        fault: fault.as_ref().map(Fault::code),
        since: tries.since(),
        decisions: Some(tries.count),
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

type HttpHandler = dyn Fn(lambda_http::Request) -> Boxed<'static, Result<Response<HttpBody>, lambda_http::Error>>
    + Send
    + Sync;
type EventHandler = dyn Fn(LambdaEvent<Value>) -> Boxed<'static, Result<Value, lambda_runtime::Error>>
    + Send
    + Sync;

fn run_http(
    handler: impl Fn(
        lambda_http::Request,
    ) -> Boxed<'static, Result<Response<HttpBody>, lambda_http::Error>>
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

/// Connects a service and serves on one thread, as a Lambda has at most one request at a time.
fn start<S: Service>(name: &str, serve: impl FnOnce(Arc<S>) -> Serving + 'static) -> ExitCode {
    let serving = async move {
        store::enter_package()?;
        let service = S::connect().await?;
        // Who does not answer in time is met again by the first request.
        let _ = tokio::time::timeout(LONGEST_GREETING, service.greet()).await;
        serve(Arc::new(service)).await
    };
    until_the_end(name, Box::pin(serving))
}

fn until_the_end(name: &str, serving: Serving) -> ExitCode {
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
        Err(error) => {
            let fault = error.downcast_ref::<Fault>().map(Fault::code);
            let line = serde_json::json!({
                "level": "ERROR", "operation": name, "outcome": "init", "fault": fault,
            });
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}
