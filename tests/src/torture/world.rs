//! Who plays, and how they speak to the API: as an app that tries again with the same key when it
//! got no answer, and that writes down what it did.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use testkit::{
    Answer, Call, Doctor, Hospital, Outcome, Patient, Stack, Surprise, cast::Account, proxy,
};

use super::{
    history::{Finding, History, Line, Span},
    step::{DOCTORS, PATIENTS},
};

/// How often a change is tried.
const TRIES: u32 = 6;
/// Access tokens live 15 minutes.
const SIGN_IN_AFTER: Duration = Duration::from_secs(10 * 60);
/// Answered with 503, a call can only take effect by what the proxy still holds, and some time for
/// the table.
const AFTERMATH: Duration = proxy::LATE.saturating_add(Duration::from_secs(5));

/// Somebody who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Patient(usize),
    Doctor(usize),
    Admin,
}

struct Person {
    id: String,
    account: Mutex<(Account, Instant)>,
}

/// A change that was acknowledged, to be sent again.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    who: Who,
    patient: Option<usize>,
    call: Call,
    answer: Answer,
}

/// A call and its answer, if there was one.
pub struct Attempt {
    pub sent: Timestamp,
    pub received: Timestamp,
    pub answer: Option<Answer>,
}

/// What came of a change, tried until there was an answer.
pub struct Changed {
    pub span: Span,
    /// The last answer; 503 is none.
    pub answer: Option<Answer>,
    /// Whether an earlier try has no answer.
    pub doubtful: bool,
}

impl Changed {
    /// The answer, if it has this status.
    pub fn with(&self, status: u16) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| answer.status == status)
    }

    /// Whether it may have taken effect although no answer says so.
    pub fn unknown(&self) -> bool {
        self.doubtful || self.answer.is_none()
    }
}

/// The cast and what they did.
pub struct World<'s> {
    pub stack: &'s Stack,
    pub hospital: Hospital,
    patients: Vec<Person>,
    doctors: Vec<Person>,
    admin: Person,
    history: Mutex<History>,
    again: Mutex<Vec<Acknowledged>>,
}

impl Person {
    fn new(id: String, account: Account) -> Self {
        Self { id, account: Mutex::new((account, Instant::now())) }
    }

    fn token(&self, stack: &Stack) -> Outcome<String> {
        let mut held = locked(&self.account);
        if held.1.elapsed() > SIGN_IN_AFTER {
            held.0.sign_in(stack)?;
            held.1 = Instant::now();
        }
        Ok(held.0.token.clone())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'s> World<'s> {
    /// A hospital, its doctors, and patients with a record of each kind of theirs.
    pub fn new(stack: &'s Stack) -> Outcome<Self> {
        let hospital = Hospital::open(stack, "Hospital of the torture")?;
        let doctor = |n| -> Outcome<Person> {
            let Doctor { id, account } = hospital.doctor(stack, &format!("Dr. Number {n}"))?;
            Ok(Person::new(id, account))
        };
        let patient = |n| -> Outcome<Person> {
            let Patient { id, account } = Patient::join(stack, &format!("Patient {n}"))?;
            Ok(Person::new(id, account))
        };
        let (doctors, patients) = thread::scope(|scope| {
            let doctors = (0..DOCTORS).map(|n| scope.spawn(move || doctor(n)));
            let patients = (0..PATIENTS).map(|n| scope.spawn(move || patient(n)));
            (joined(doctors.collect()), joined(patients.collect()))
        });
        let (doctors, patients): (Vec<Person>, Vec<Person>) = (doctors?, patients?);
        let ids = |people: &[Person]| people.iter().map(|person| person.id.clone()).collect();
        let history =
            History { patients: ids(&patients), doctors: ids(&doctors), ..History::default() };
        let admin = Person::new(String::new(), hospital.admin.clone());
        let (history, again) = (Mutex::new(history), Mutex::default());
        Ok(Self { stack, hospital, patients, doctors, admin, history, again })
    }

    fn person(&self, who: Who) -> &Person {
        match who {
            Who::Patient(n) => &self.patients[n],
            Who::Doctor(n) => &self.doctors[n],
            Who::Admin => &self.admin,
        }
    }

    /// Somebody's id.
    pub fn id(&self, who: Who) -> &str {
        &self.person(who).id
    }

    /// Somebody's access token.
    pub fn token(&self, who: Who) -> Outcome<String> {
        self.person(who).token(self.stack)
    }

    /// What was done so far.
    pub fn history(&self) -> MutexGuard<'_, History> {
        locked(&self.history)
    }

    /// One call, written down. An answer that is not promised is a surprise, and none.
    pub fn attempt(&self, who: Who, call: &Call, told: (Option<usize>, &str)) -> Attempt {
        let sent = Timestamp::now();
        let answer = self.token(who).and_then(|token| call.clone().token(&token).send());
        let received = Timestamp::now();
        let mut history = self.history();
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let (patient, what) = (told.0, format!("{who:?} {}", told.1));
        let expected = match who {
            Who::Doctor(_) => [200, 201, 204, 403, 404, 409, 503].as_slice(),
            _ => &[200, 201, 204, 404, 409, 503],
        };
        match &answer {
            Err(surprise) => history.surprises.push(format!("{what}: {surprise}")),
            Ok(answer) if !expected.contains(&answer.status) => {
                history.surprises.push(format!("{what}: {} {}", answer.status, answer.body));
            }
            Ok(_) => {}
        }
        history.journal.push(Line { sent, received, patient, what, status });
        Attempt { sent, received, answer: answer.ok() }
    }

    /// A change, tried again with the same key while there is no answer.
    pub fn change(&self, who: Who, call: &Call, told: (Option<usize>, &str)) -> Changed {
        let sent = Timestamp::now();
        let mut last = sent;
        for tried in 0..TRIES {
            let attempt = self.attempt(who, call, told);
            last = attempt.received;
            if let Some(answer) = attempt.answer.filter(|answer| answer.status != 503) {
                let acknowledged = answer.status < 300;
                if acknowledged {
                    let (call, patient, answer) = (call.clone(), told.0, answer.clone());
                    locked(&self.again).push(Acknowledged { who, patient, call, answer });
                }
                let doubtful = tried > 0;
                let by = if acknowledged { last } else { last + AFTERMATH };
                let span = Span { sent, by, acknowledged };
                return Changed { span, answer: Some(answer), doubtful };
            }
            thread::sleep(Duration::from_millis(50 << tried));
        }
        let span = Span { sent, by: last + AFTERMATH, acknowledged: false };
        Changed { span, answer: None, doubtful: true }
    }

    /// Sends an acknowledged change again: the answer has to be the same (I7).
    pub fn again(&self, pick: usize) {
        let earlier = locked(&self.again).iter().rev().nth(pick).cloned();
        let Some(Acknowledged { who, patient, call, answer }) = earlier else { return };
        let attempt = self.attempt(who, &call, (patient, "sends a change again"));
        let Some(now) = attempt.answer else { return };
        let same = (now.status, &now.bytes) == (answer.status, &answer.bytes);
        // A doctor may have been suspended since.
        let suspended = matches!(who, Who::Doctor(_)) && now.status == 403;
        if !same && !suspended && now.status != 503 {
            let what = format!("the same key answered {:?}, then {:?}", answer.told(), now.told());
            let (patient, until) = (patient.unwrap_or_default(), attempt.received);
            self.history().broken.push(Finding { what, patient, until });
        }
    }
}

fn joined<T>(threads: Vec<thread::ScopedJoinHandle<'_, Outcome<T>>>) -> Outcome<Vec<T>> {
    let gone = |_| Surprise("somebody could not be made".into());
    threads.into_iter().map(|thread| thread.join().map_err(gone)?).collect()
}
