//! Judges a run: the small reference model. Whatever is not known widens what is allowed, so that a
//! finding is always a fault of the vault.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::history::{
    Decided, Decision, End, EndGrant, EndRecord, EndRequest, Entry, Finding, Given, History,
    Reader, Reading, Revoke, Span, Standing, Vault,
};

/// What must not be: the three counters.
#[derive(Debug, Default)]
pub struct Findings {
    /// Acknowledged writes lost.
    pub lost: Vec<Finding>,
    /// Disclosures without an earlier committed audit entry.
    pub unaudited: Vec<Finding>,
    /// Disclosures after a committed revoke, suspension or expiry.
    pub unconsented: Vec<Finding>,
}

impl Findings {
    /// Judges all of it, against what is there at the `end`.
    pub fn of(history: &History, end: &End) -> Self {
        let history = &History { decisions: resolved(history, end), ..history.clone() };
        let mut found = Self { lost: history.broken.clone(), ..Self::default() };
        for reading in &history.readings {
            if reading.shown {
                found.unconsented.extend(history.unconsented(reading));
            } else {
                found.lost.extend(history.wrongly_refused(reading));
            }
        }
        for (patient, vault) in end.vaults.iter().enumerate() {
            found.unaudited.extend(history.unaudited(patient, &vault.trail));
            found.lost.extend(history.lost(patient, vault));
        }
        found.unaudited.extend(history.missing_at_a_glance());
        found.lost.extend(history.lost_standings(end));
        found
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Finding> {
        self.unconsented.iter().chain(&self.unaudited).chain(&self.lost)
    }
}

/// The decisions, those of unknown outcome told by what is there at the `end`: a request is decided
/// once.
fn resolved(history: &History, end: &End) -> Vec<Decision> {
    let tell = |decision: &Decision| {
        if !matches!(decision.outcome, Decided::Unknown { approval: true }) {
            return Some(decision.clone());
        }
        let vault = end.vaults.get(decision.patient)?;
        let request = vault.requests.iter().find(|request| request.id == decision.request)?;
        let id = request.grant.as_ref()?;
        let known = |other: &Decision| other.given().is_some_and(|given| given.id == *id);
        let grant = vault.grants.iter().find(|grant| grant.id == *id)?;
        let given = Given { id: id.clone(), expires_at: grant.expires_at };
        let kinds = decision.terms.kinds.iter().map(|kind| (*kind).to_owned());
        let same = kinds.collect::<BTreeSet<_>>() == grant.kinds;
        (same && !history.decisions.iter().any(known))
            .then(|| Decision { outcome: Decided::Given(given), ..decision.clone() })
    };
    history.decisions.iter().filter_map(tell).collect()
}

// Consent.

impl History {
    /// A disclosure to a doctor for which no grant can have been in force, or while the doctor was
    /// surely suspended, from the moment it was asked for until it was received.
    fn unconsented(&self, reading: &Reading) -> Option<Finding> {
        let Reader::Doctor(doctor) = reading.reader else { return None };
        let what = format!("{} of {:?}", reading.action, reading.kinds);
        let tell = |why: &str| {
            let until = reading.received;
            let what = format!("doctor {doctor} was shown {what} at {} {why}", reading.sent);
            Some(Finding { what, patient: reading.patient, until })
        };
        if self.surely_suspended(doctor, reading) {
            return tell("while suspended");
        }
        let pair = self.approvals(reading.patient, doctor);
        let in_force: Vec<_> = pair.filter(|grant| self.may_be_in_force(grant, reading)).collect();
        let covered = |kind: &String| in_force.iter().any(|g| g.terms.kinds.contains(&**kind));
        match in_force.is_empty() || !reading.kinds.iter().all(covered) {
            true => tell("without a grant that could be in force"),
            false => None,
        }
    }

    fn approvals(&self, patient: usize, doctor: usize) -> impl Iterator<Item = &Decision> {
        let pair = move |d: &&Decision| d.patient == patient && d.doctor == doctor;
        self.decisions.iter().filter(pair).filter(|decision| decision.may_give())
    }

    /// Whether the grant of an approval can have been in force at some moment of a reading.
    fn may_be_in_force(&self, approval: &Decision, reading: &Reading) -> bool {
        approval.span.sent <= reading.received
            && approval.given().is_none_or(|given| given.expires_at > reading.sent)
            && !self.surely_ended(approval, reading.sent)
    }

    /// Whether the grant was surely withdrawn or replaced by `moment`.
    fn surely_ended(&self, approval: &Decision, moment: Timestamp) -> bool {
        let Some(given) = approval.given() else { return false };
        let withdrawn = |r: &Revoke| r.grant == given.id && r.span.surely_by(moment);
        let replaced = |later: &Decision| {
            later.given().is_some()
                && later.span.surely_by(moment)
                && approval.span.is_before(&later.span)
        };
        self.revokes.iter().any(withdrawn)
            || self.approvals(approval.patient, approval.doctor).any(replaced)
    }

    fn changes_of(&self, doctor: usize, active: bool) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(move |s| s.doctor == doctor && s.active == active)
    }

    /// Whether a suspension was in force during all of a reading: no reinstatement can have come
    /// between it and the answer.
    fn surely_suspended(&self, doctor: usize, reading: &Reading) -> bool {
        let lifted = |suspended: &Span| {
            self.changes_of(doctor, true).any(|reinstated| {
                reinstated.span.sent <= reading.received && !reinstated.span.is_before(suspended)
            })
        };
        self.changes_of(doctor, false)
            .any(|suspended| suspended.span.surely_by(reading.sent) && !lifted(&suspended.span))
    }

    /// A refusal although an acknowledged grant was surely in force: the grant is lost.
    fn wrongly_refused(&self, reading: &Reading) -> Option<Finding> {
        let entitled = match reading.reader {
            Reader::Patient => true,
            Reader::Doctor(doctor) => {
                self.surely_active(doctor, reading) && self.surely_granted(doctor, reading)
            }
        };
        let what = format!(
            "{:?} was refused {} {:?} at {}, to which they were entitled",
            reading.reader, reading.action, reading.record, reading.sent
        );
        entitled.then_some(Finding { what, patient: reading.patient, until: reading.received })
    }

    fn surely_active(&self, doctor: usize, reading: &Reading) -> bool {
        let lifted = |suspended: &Span| {
            self.changes_of(doctor, true).any(|reinstated| {
                suspended.is_before(&reinstated.span) && reinstated.span.surely_by(reading.sent)
            })
        };
        let begun = |s: &&Standing| s.span.sent <= reading.received;
        self.changes_of(doctor, false).filter(begun).all(|suspended| lifted(&suspended.span))
    }

    fn surely_granted(&self, doctor: usize, reading: &Reading) -> bool {
        let pair = || self.approvals(reading.patient, doctor);
        pair().any(|grant| {
            let Some(given) = grant.given() else { return false };
            let withdrawn = |r: &Revoke| r.grant == given.id && r.span.sent <= reading.received;
            // Another approval that may have come after it may have taken its place.
            let other = |other: &Decision| {
                other.request != grant.request
                    && other.span.sent <= reading.received
                    && !other.span.is_before(&grant.span)
            };
            grant.span.surely_by(reading.sent)
                && given.expires_at > reading.received
                && reading.kinds.iter().all(|kind| grant.terms.kinds.contains(&**kind))
                && !self.revokes.iter().any(withdrawn)
                && !pair().any(other)
        })
    }
}

// The trail.

/// What an entry and a disclosure have in common.
type Key<'a> = (&'a str, &'a str, Option<&'a str>);

impl History {
    fn key<'a>(&'a self, reading: &'a Reading) -> Key<'a> {
        let actor = match reading.reader {
            Reader::Patient => &self.patients[reading.patient],
            Reader::Doctor(doctor) => &self.doctors[doctor],
        };
        (actor, reading.action, reading.record.as_deref())
    }

    fn disclosures(&self, patient: usize) -> impl Iterator<Item = &Reading> {
        self.readings.iter().filter(move |reading| reading.shown && reading.patient == patient)
    }

    /// The i-th disclosure of one kind takes i entries that are not later than its answer.
    fn unaudited(&self, patient: usize, trail: &[Entry]) -> Vec<Finding> {
        let mut answers: BTreeMap<Key<'_>, Vec<&Reading>> = BTreeMap::new();
        for reading in self.disclosures(patient) {
            answers.entry(self.key(reading)).or_default().push(reading);
        }
        let mut entries = entries_of(trail);
        let mut found = Vec::new();
        for (key, mut readings) in answers {
            readings.sort_by_key(|reading| reading.received);
            let times = entries.entry(key).or_default();
            times.sort();
            for (n, reading) in readings.iter().enumerate() {
                if times.get(n).is_none_or(|at| *at > reading.received) {
                    let what = format!("{key:?} at {} stands in no trail", reading.sent);
                    found.push(Finding { what, patient, until: reading.received });
                    break;
                }
            }
        }
        found
    }

    /// A disclosure that was answered before the trail was looked at, and is not among its newest
    /// entries although it was asked for after the oldest of them had its place.
    fn missing_at_a_glance(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for glance in &self.glances {
            let entries = entries_of(&glance.entries);
            let mut answers: BTreeMap<Key<'_>, usize> = BTreeMap::new();
            let answered = |r: &&Reading| r.sent >= glance.since && r.received <= glance.sent;
            for reading in self.disclosures(glance.patient).filter(answered) {
                *answers.entry(self.key(reading)).or_default() += 1;
            }
            for (key, count) in answers {
                let times = entries.get(&key).into_iter().flatten();
                let there = times.filter(|at| **at >= glance.since).count();
                if there < count {
                    let what = format!(
                        "{count} times {key:?}, and {there} entries in the trail read at {}",
                        glance.sent
                    );
                    found.push(Finding { what, patient: glance.patient, until: glance.sent });
                }
            }
        }
        found
    }
}

fn entries_of(trail: &[Entry]) -> BTreeMap<Key<'_>, Vec<Timestamp>> {
    let mut entries: BTreeMap<Key<'_>, Vec<Timestamp>> = BTreeMap::new();
    for entry in trail.iter().filter(|entry| !entry.refused) {
        let key = (&*entry.actor, &*entry.action, entry.record.as_deref());
        entries.entry(key).or_default().push(entry.at);
    }
    entries
}

// What is there at the end.

impl History {
    fn lost(&self, patient: usize, vault: &Vault) -> Vec<Finding> {
        let mut lost = Vec::new();
        let mut tell = |what: String| {
            lost.push(Finding { what, patient, until: Timestamp::MAX });
        };
        for upload in self.uploads.iter().filter(|upload| upload.patient == patient) {
            let there = vault.records.iter().find(|record| record.id == upload.id);
            let same = |r: &&EndRecord| {
                r.kind == upload.kind && r.title == upload.title && (r.read || !upload.sent)
            };
            if there.filter(same).is_none() {
                tell(format!("{upload:?} is at the end {there:?}"));
            }
        }
        for ask in self.asks.iter().filter(|ask| ask.patient == patient) {
            let there = vault.requests.iter().find(|request| request.id == ask.id);
            if !there.is_some_and(|request| self.may_be(request)) {
                tell(format!("{ask:?} is at the end {there:?}"));
            }
        }
        for decision in self.decisions.iter().filter(|decision| decision.patient == patient) {
            let Some(given) = decision.given() else { continue };
            let there = vault.grants.iter().find(|grant| grant.id == given.id);
            if !there.is_some_and(|grant| self.may_stand(decision, grant)) {
                tell(format!("{decision:?} is at the end {there:?}"));
            }
        }
        let pairs: BTreeSet<_> = vault.grants.iter().map(|grant| grant.doctor).collect();
        for doctor in pairs {
            let live = |g: &&EndGrant| g.doctor == doctor && g.status == "active";
            if vault.grants.iter().filter(live).count() > 1 {
                tell(format!("doctor {doctor} holds two grants at the end"));
            }
        }
        vault.grants.iter().filter_map(|grant| badly_expired(grant, &vault.trail)).for_each(tell);
        lost
    }

    /// Whether a request may have come to this: what was acknowledged counts, and what is not
    /// known may be.
    fn may_be(&self, request: &EndRequest) -> bool {
        let decided = || self.decisions.iter().filter(|d| d.request == request.id);
        let known = decided().find(|d| !matches!(d.outcome, Decided::Unknown { .. }));
        let unknown = |wanted| {
            decided()
                .any(|d| matches!(d.outcome, Decided::Unknown { approval } if approval == wanted))
        };
        match known.map(|decision| &decision.outcome) {
            Some(Decided::Given(given)) => {
                request.status == "approved" && request.grant.as_ref() == Some(&given.id)
            }
            Some(_) => request.status == "rejected",
            None => match request.status.as_str() {
                "pending" => true,
                "approved" => unknown(true),
                _ => unknown(false),
            },
        }
    }

    /// Whether the grant of an acknowledged approval may have come to this.
    fn may_stand(&self, approval: &Decision, grant: &EndGrant) -> bool {
        let Some(given) = approval.given() else { return false };
        let kinds = approval.terms.kinds.iter().map(|kind| (*kind).to_owned());
        let same = grant.kinds == kinds.collect() && grant.expires_at == given.expires_at;
        let other = |other: &Decision| {
            other.request != approval.request && !other.span.is_before(&approval.span)
        };
        let may = match grant.status.as_str() {
            "active" => !self.surely_ended(approval, Timestamp::MAX),
            "revoked" => self.revokes.iter().any(|revoke| revoke.grant == given.id),
            "replaced" => self.approvals(approval.patient, approval.doctor).any(other),
            // A withdrawal that was acknowledged in time came first.
            _ => !self.revokes.iter().any(|revoke| {
                revoke.grant == given.id
                    && revoke.span.acknowledged
                    && revoke.span.by < given.expires_at
            }),
        };
        same && may
    }

    /// A doctor is at the end what the last change made of them: any that no other surely followed.
    fn lost_standings(&self, end: &End) -> Vec<Finding> {
        let of = |doctor| self.standings.iter().filter(move |change| change.doctor == doctor);
        let mut lost = Vec::new();
        for (doctor, active) in end.active.iter().enumerate() {
            let followed = |change: &Standing| {
                of(doctor)
                    .any(|later| later.span.acknowledged && change.span.is_before(&later.span))
            };
            let mut last = of(doctor).filter(|change| !followed(change));
            let unchanged = !of(doctor).any(|change| change.span.acknowledged);
            let kept = unchanged && *active;
            if !kept && !last.any(|change| change.active == *active) {
                let what = format!("doctor {doctor} is at the end active: {active}");
                lost.push(Finding { what, patient: 0, until: Timestamp::MAX });
            }
        }
        lost
    }
}

/// An expiry must stand in the trail exactly once, and only of a grant that expired.
fn badly_expired(grant: &EndGrant, trail: &[Entry]) -> Option<String> {
    let of = |entry: &&Entry| entry.reason == "expired" && entry.grant.as_ref() == Some(&grant.id);
    let (times, expected) =
        (trail.iter().filter(of).count(), usize::from(grant.status == "expired"));
    (times != expected).then(|| format!("{grant:?} stands {times} times in the trail as expired"))
}

#[cfg(test)]
mod tests;
