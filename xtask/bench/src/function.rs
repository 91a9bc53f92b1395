//! A function as Lambda runs it: a process, and the Runtime API it polls (AWS Lambda Developer
//! Guide, "Using the Lambda runtime API").

use std::{
    fs::{self, File},
    io::BufReader,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::http::Message;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a silent function is looked after.
const BEAT: Duration = Duration::from_secs(1);

/// A call of a function at the Runtime API, which waits for its reply.
struct Call {
    at: Instant,
    request: Message,
    reply: Sender<Message>,
}

/// The Runtime API.
pub(crate) struct Runtime {
    address: String,
    calls: Receiver<Call>,
    log: PathBuf,
}

impl Runtime {
    /// Starts it on a port of its own.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?.to_string();
        let (sender, calls) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || hear(stream, &sender));
            }
        });
        let log = std::env::temp_dir().join(format!("medivault-bench-{}.log", std::process::id()));
        Ok(Self { address, calls, log })
    }

    /// Starts a function and waits until it polls for its first event.
    pub(crate) fn boot(&self, mut command: Command) -> Result<Function<'_>> {
        while self.calls.try_recv().is_ok() {}
        let log = File::create(&self.log)?;
        command
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let since = Instant::now();
        let process = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut function =
            Function { runtime: self, process, since, polled: since, poll: None, number: 0 };
        function.polled = function.wait_for_poll()?;
        Ok(function)
    }
}

/// Hears the calls on one connection.
fn hear(stream: TcpStream, calls: &Sender<Call>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = Message::read(&mut stream)? {
        let (reply, answer) = mpsc::channel();
        calls.send(Call { at: Instant::now(), request, reply })?;
        answer.recv()?.write(stream.get_mut())?;
    }
    Ok(())
}

/// A running function.
pub(crate) struct Function<'r> {
    runtime: &'r Runtime,
    process: Child,
    /// When it was started.
    pub(crate) since: Instant,
    /// When it first polled.
    pub(crate) polled: Instant,
    poll: Option<Sender<Message>>,
    number: u64,
}

impl Function<'_> {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn call(&mut self) -> Result<Call> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.process.try_wait()?.is_none() {
            if let Ok(call) = self.runtime.calls.recv_timeout(BEAT) {
                return Ok(call);
            }
        }
        bail!(self.complaint("it is silent"))
    }

    fn complaint(&self, what: &str) -> String {
        let said = fs::read_to_string(&self.runtime.log).unwrap_or_default();
        format!("{what}; the function said:\n{said}")
    }

    fn wait_for_poll(&mut self) -> Result<Instant> {
        let call = self.call()?;
        if !call.request.target().ends_with("/invocation/next") {
            bail!(self.complaint(call.request.target()));
        }
        self.poll = Some(call.reply);
        Ok(call.at)
    }

    /// Hands it an event: how long it took to answer, once it polls again.
    pub(crate) fn invoke(&mut self, event: &str) -> Result<Duration> {
        self.number += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.number);
        let deadline = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?
            + Duration::from_secs(60);
        let message = Message::answer(
            200,
            &[
                ("lambda-runtime-aws-request-id", id.as_str()),
                ("lambda-runtime-deadline-ms", &deadline.as_millis().to_string()),
                ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:1:function:f"),
                ("content-type", "application/json"),
            ],
            event.into(),
        );
        let poll = self.poll.take().context("the function has not polled")?;
        let since = Instant::now();
        poll.send(message)?;
        let answer = self.call()?;
        let took = answer.at - since;
        let said = String::from_utf8_lossy(&answer.request.body).into_owned();
        if !answer.request.target().ends_with("/response") || !is_success(&said) {
            bail!(self.complaint(&said));
        }
        answer.reply.send(Message::answer(202, &[], Vec::new()))?;
        self.wait_for_poll()?;
        Ok(took)
    }

    /// The most memory it ever had, in kilobytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|text| text.parse().ok()).context("no VmHWM in /proc")
    }

    /// The CPU time that its threads have had.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// What it logged, line by line.
    pub(crate) fn logged(&self) -> Result<Vec<String>> {
        Ok(fs::read_to_string(&self.runtime.log)?.lines().map(str::to_owned).collect())
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        // It waits for an event that never comes; there is nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether an answer tells of success: an HTTP status of it, a batch without failures.
fn is_success(answer: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<serde_json::Value>(answer) else { return false };
    let status = answer.get("statusCode").and_then(serde_json::Value::as_u64);
    let failures = answer.get("batchItemFailures").and_then(serde_json::Value::as_array);
    status.is_none_or(|status| status < 300) && failures.is_none_or(Vec::is_empty)
}
