//! AWS as the functions see it: one TLS endpoint for each service. DynamoDB is dynoxide behind it;
//! the rest are stand-ins that give a recorded answer (`standins`).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    http::Message,
    standins::{Answers, Service},
    usage::{self, Seen},
};

/// A service and the variable that tells the SDKs where it is.
pub(crate) const SERVICES: [(Service, &str); 6] = [
    (Service::DynamoDb, "AWS_ENDPOINT_URL_DYNAMODB"),
    (Service::Kms, "AWS_ENDPOINT_URL_KMS"),
    (Service::Cognito, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"),
    // The bucket's address is read from the general one: `store::Objects` then names it in the path.
    (Service::S3, "AWS_ENDPOINT_URL"),
    (Service::Sqs, "AWS_ENDPOINT_URL_SQS"),
    (Service::Textract, "AWS_ENDPOINT_URL_TEXTRACT"),
];

/// The running endpoints.
pub(crate) struct Aws {
    /// The variables that lead the SDKs here.
    pub(crate) variables: Vec<(String, String)>,
    seen: Arc<Log>,
}

/// Whether anybody asks for what the endpoints saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It is kept until then.
    Yes,
    /// It is not kept.
    No,
}

/// What was seen since it was asked last.
struct Log {
    watch: Watch,
    opened: Mutex<Vec<Instant>>,
    calls: Mutex<Vec<Seen>>,
}

impl Log {
    fn opened(&self) {
        if self.watch == Watch::Yes {
            locked(&self.opened).push(Instant::now());
        }
    }

    fn called(&self, service: Service, request: &Message, answer: &Message) {
        if self.watch == Watch::Yes {
            locked(&self.calls).push(Seen::new(service, request, answer));
        }
    }
}

fn locked<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What every endpoint works with.
struct Endpoint {
    tls: Arc<ServerConfig>,
    dynamo: SocketAddr,
    answers: Answers,
    seen: Arc<Log>,
}

impl Aws {
    /// Starts every endpoint on a port of its own.
    pub(crate) fn start(
        dynamo: SocketAddr,
        tls: &Path,
        answers: &Path,
        watch: Watch,
    ) -> Result<Self> {
        let seen = Arc::new(Log { watch, opened: Mutex::default(), calls: Mutex::default() });
        let endpoint = Arc::new(Endpoint {
            tls: server(tls)?,
            dynamo,
            answers: Answers::read(answers)?,
            seen: Arc::clone(&seen),
        });
        let mut variables = Vec::new();
        for (service, variable) in SERVICES {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let address = format!("https://127.0.0.1:{}", listener.local_addr()?.port());
            variables.push((variable.to_owned(), address));
            let endpoint = Arc::clone(&endpoint);
            thread::spawn(move || endpoint.listen(service, &listener));
        }
        Ok(Self { variables, seen })
    }

    /// When connections arrived since this was asked last.
    pub(crate) fn opened(&self) -> Vec<Instant> {
        std::mem::take(&mut *locked(&self.seen.opened))
    }

    /// What the calls since this was asked last would be billed as.
    pub(crate) fn used(&self) -> BTreeMap<String, f64> {
        usage::units(&std::mem::take(&mut *locked(&self.seen.calls)))
    }
}

/// A server's certificate and key, `chain.pem` and `key.pem` in `folder`.
fn server(folder: &Path) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(folder.join("chain.pem"))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().context("reading chain.pem")?;
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).context("reading key.pem")?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

impl Endpoint {
    fn listen(self: &Arc<Self>, service: Service, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            self.seen.opened();
            let endpoint = Arc::clone(self);
            // A connection that breaks is the client's end, nothing to report.
            thread::spawn(move || endpoint.serve(service, stream));
        }
    }

    fn serve(&self, service: Service, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut tls = ServerConnection::new(Arc::clone(&self.tls))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        let mut client = BufReader::new(StreamOwned::new(tls, stream));
        match service {
            Service::DynamoDb => {
                let mut dynamo = self.table()?;
                self.answer(service, &mut client, |request| {
                    leave_token_out(request)?;
                    request.write(dynamo.get_mut())?;
                    Message::read(&mut dynamo)?.context("the table hung up")
                })
            }
            other => {
                self.answer(service, &mut client, |request| Ok(self.answers.to(other, request)))
            }
        }
    }

    fn table(&self) -> Result<BufReader<TcpStream>> {
        let dynamo = TcpStream::connect(self.dynamo)?;
        dynamo.set_nodelay(true)?;
        Ok(BufReader::new(dynamo))
    }

    /// Answers what comes over one connection, until it ends.
    fn answer(
        &self,
        service: Service,
        client: &mut BufReader<Tls>,
        mut answer: impl FnMut(&mut Message) -> Result<Message>,
    ) -> Result<()> {
        while let Some(mut request) = Message::read(client)? {
            let answer = answer(&mut request)?;
            answer.write(client.get_mut())?;
            self.seen.called(service, &request, &answer);
        }
        Ok(())
    }
}

/// Puts spaces in the place of a transaction's token, which stands at its end, whoever wrote it. dynoxide
/// keeps each for ten minutes and goes through all of them at every transaction: 6 ms and more after a
/// vault of 100 000 records was filled. DynamoDB finds one by its key; and nothing is sent twice here.
fn leave_token_out(request: &mut Message) -> Result<()> {
    let action = request.header("x-amz-target").unwrap_or_default();
    if action.ends_with(".TransactWriteItems") {
        let token = token(&request.body).context("a transaction that does not end in its token")?;
        request.body[token].fill(b' ');
    }
    Ok(())
}

/// Where the token is, from the comma before it on.
fn token(transaction: &[u8]) -> Option<Range<usize>> {
    let members = transaction.strip_suffix(b"}")?;
    let comma = members.iter().rposition(|byte| *byte == b',')?;
    let last = members[comma + 1..].trim_ascii_start();
    last.starts_with(b"\"ClientRequestToken\"").then_some(comma..members.len())
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Runs the endpoints until standard input ends, and tells where they are.
pub(crate) fn serve(aws: &Aws) -> Result<()> {
    let variables: serde_json::Map<_, _> =
        aws.variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::Value::Object(variables))?;
    out.flush()?;
    std::io::copy(&mut std::io::stdin(), &mut File::create("/dev/null")?)?;
    Ok(())
}
