//! Torture: random patients, doctors and admins use the API at the same time, while the calls of
//! the functions to the table fail in every way there is; then it is judged whether anything that
//! was acknowledged is lost, and whether anything was disclosed that should not have been.
//!
//! The steps come from a seed, and so do the faults; which of them meet does not, as everything
//! happens at once.

mod act;
mod end;
mod history;
mod judge;
mod step;
mod world;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Fault, Outcome, Proxy, Stack};

use history::{Finding, History, Reader};
use judge::Findings;
use step::steps;
use world::World;

/// The functions whose table fails: all that the steps call or cause.
const BEHIND: [&str; 17] = [
    "access_request_create",
    "access_request_decide",
    "access_request_list",
    "audit_list",
    "doctor_reinstate",
    "doctor_suspend",
    "grant_list",
    "grant_revoke",
    "grant_sweep",
    "ocr_start",
    "record_download",
    "record_get",
    "record_list",
    "record_text",
    "table_stream",
    "upload_create",
    "upload_ingest",
];

/// How long the vault has to finish what it accepted, once nothing fails any more.
const TO_FINISH: Duration = Duration::from_secs(90);

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many steps.
    pub steps: usize,
    /// Of which seed.
    pub seed: u64,
    /// How many do them at once.
    pub workers: usize,
    /// How many of a thousand calls each kind of fault meets.
    pub per_mille: u64,
}

/// What came of a run.
pub struct Report {
    settings: Settings,
    took: Duration,
    steps: BTreeMap<&'static str, usize>,
    calls: u64,
    faults: BTreeMap<Fault, u64>,
    history: History,
    findings: Findings,
}

/// Tortures a stack; `progress` hears of each step that is done.
pub fn run(
    stack: &Stack,
    settings: Settings,
    progress: &(dyn Fn(usize) + Sync),
) -> Outcome<Report> {
    let world = World::new(stack)?;
    let proxy = Proxy::before(stack)?;
    let begun = Instant::now();
    let divert = |operation| Ok((operation, proxy.divert(stack, operation, "DYNAMODB")?));
    let before = BEHIND.into_iter().map(divert).collect::<Outcome<Vec<_>>>()?;
    proxy.fail_at_random(settings.seed, settings.per_mille);
    let steps = play(&world, settings, progress);
    proxy.fail_at_random(0, 0);
    let (took, (calls, faults)) = (begun.elapsed(), proxy.counts());
    // Before the functions are given back, which ends what is still under way.
    let findings = judge(&world);
    for (operation, variables) in before {
        stack.set_variables(operation, &variables)?;
    }
    let findings = findings?;
    let history = world.history().clone();
    Ok(Report { settings, took, steps, calls, faults, history, findings })
}

/// The workers take one step after the other; answers how many of each kind there were.
fn play(
    world: &World<'_>,
    settings: Settings,
    progress: &(dyn Fn(usize) + Sync),
) -> BTreeMap<&'static str, usize> {
    let steps = Mutex::new(steps(settings.seed, settings.steps).into_iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let next = || steps.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some((n, step)) = next() {
            let name = step.name();
            world.act(step);
            *done.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
            progress(n + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..settings.workers {
            scope.spawn(work);
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Judges what was done. What was accepted may still be under way for a while.
fn judge(world: &World<'_>) -> Outcome<Findings> {
    let begun = Instant::now();
    loop {
        world.stack.invoke("grant_sweep", &json!({}))?;
        let end = world.end()?;
        let findings = Findings::of(&world.history(), &end);
        if findings.lost.is_empty() || begun.elapsed() > TO_FINISH {
            return Ok(findings);
        }
        thread::sleep(Duration::from_secs(1));
    }
}

impl Report {
    /// Whether nothing was found, and nobody was surprised.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.all().next().is_none() && self.history.surprises.is_empty()
    }

    /// How many images were sent to be read.
    #[must_use]
    pub fn scans(&self) -> usize {
        self.history.uploads.iter().filter(|upload| upload.is_scan).count()
    }

    /// How often something happened that a run is no good without: acknowledged changes, records
    /// shown to doctors, refusals, and faults.
    #[must_use]
    pub fn weight(&self) -> [usize; 4] {
        let doctors = |shown| {
            let readings = self.history.readings.iter();
            readings.filter(|r| r.reader != Reader::Patient && r.shown == shown).count()
        };
        let faults: u64 = self.faults.values().sum();
        let faults = usize::try_from(faults).unwrap_or(usize::MAX);
        [self.acknowledged(), doctors(true), doctors(false), faults]
    }

    fn acknowledged(&self) -> usize {
        let History { uploads, asks, .. } = &self.history;
        let changes = self.history.spans().filter(|span| span.acknowledged).count();
        uploads.len() + asks.len() + changes
    }

    fn story(&self, f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
        writeln!(f, "\nThe first finding, in the vault of patient {}:", finding.patient)?;
        for line in self.history.told(finding) {
            let status = line.status.map_or("---".into(), |status| status.to_string());
            writeln!(f, "  {} to {}  {status}  {}", line.sent, line.received, line.what)?;
        }
        writeln!(f, "  {}\n", finding.what)
    }
}

impl Report {
    /// What was found, with the story of the first.
    fn found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(finding) = self.findings.all().next() {
            self.story(f, finding)?;
        }
        for finding in self.findings.all().take(20) {
            writeln!(f, "found: {}", finding.what)?;
        }
        for surprise in self.history.surprises.iter().take(20) {
            writeln!(f, "not promised: {surprise}")?;
        }
        Ok(())
    }

    /// What was done, so that nobody takes an idle run for a good one.
    fn done(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, took, steps, calls, faults, history, .. } = self;
        let Settings { seed, workers, .. } = settings;
        let (seconds, count) = (took.as_secs_f64(), steps.values().sum::<usize>());
        let pace = count as f64 / seconds;
        let steps = listed(steps);
        writeln!(
            f,
            "seed {seed}: {count} steps in {seconds:.0} s ({pace:.1} a second) by {workers} workers: {steps}"
        )?;
        let mut answers = BTreeMap::<_, usize>::new();
        for line in &history.journal {
            let status = line.status.map_or("none".into(), |status| status.to_string());
            *answers.entry(status).or_default() += 1;
        }
        writeln!(f, "{} requests of the API: {}", history.journal.len(), listed(&answers))?;
        let faults = faults.iter().map(|(fault, times)| (format!("{fault:?}"), *times)).collect();
        writeln!(f, "{calls} calls of the table, with faults: {}", listed(&faults))?;
        let [acknowledged, shown, refused, _] = self.weight();
        let scans = self.scans();
        let unknown = history.spans().filter(|span| !span.acknowledged).count();
        let disclosures = history.readings.iter().filter(|reading| reading.shown).count();
        let (looks, surprises) = (history.glances.len(), history.surprises.len());
        writeln!(
            f,
            "{acknowledged} acknowledged writes, {scans} of them images, {unknown} of unknown outcome; {disclosures} disclosures, {shown} of them to doctors; {refused} refusals of doctors; {looks} looks at a trail; {surprises} answers not promised"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found(f)?;
        self.done(f)?;
        let Findings { lost, unaudited, unconsented } = &self.findings;
        write!(
            f,
            "acknowledged writes lost: {}; disclosures without an earlier committed audit entry: \
             {}; disclosures after a committed revoke, suspension or expiry: {}",
            lost.len(),
            unaudited.len(),
            unconsented.len()
        )
    }
}

fn listed<K: fmt::Display, V: fmt::Display>(counts: &BTreeMap<K, V>) -> String {
    let each = counts.iter().map(|(what, times)| format!("{what} {times}"));
    each.collect::<Vec<_>>().join(", ")
}
