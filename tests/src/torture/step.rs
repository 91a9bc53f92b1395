//! The steps of a run, made from its seed.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::history::{KINDS, Reader, Terms};

/// How many play.
pub const PATIENTS: usize = 4;
/// How many doctors play.
pub const DOCTORS: usize = 3;

/// Among how many of the newest somebody chooses.
pub const PICKS: usize = 6;

/// How somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    List,
    Get,
    Text,
    Download,
}

/// What a patient says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Narrow,
    Widen,
    Reject,
}

/// What somebody does. A `pick` chooses among what there is by then, counted from the newest.
#[derive(Debug, Clone)]
pub enum Step {
    Upload {
        patient: usize,
        kind: &'static str,
        /// Whether it is an image, for the text reader, or plain text.
        is_scan: bool,
    },
    Read {
        reader: Reader,
        patient: usize,
        what: What,
        pick: usize,
    },
    /// The doctor of a grant reads, whether it is still in force or not.
    Use {
        what: What,
        grant: usize,
        pick: usize,
    },
    Ask {
        doctor: usize,
        patient: usize,
        terms: Terms,
    },
    Decide {
        patient: usize,
        pick: usize,
        verdict: Verdict,
    },
    /// Withdraws a grant; its doctor tries to read at once.
    Revoke {
        patient: usize,
        pick: usize,
    },
    /// Suspends a doctor, who tries to read at once.
    Suspend {
        doctor: usize,
        patient: usize,
    },
    Reinstate {
        doctor: usize,
    },
    /// Reads under a grant that is about to expire, until it has.
    Watch {
        pick: usize,
    },
    /// Looks at the newest entries of one's trail.
    Audit {
        patient: usize,
    },
    /// Lists one's requests and grants.
    Own {
        who: Reader,
        patient: usize,
    },
    /// Sends an acknowledged change once more.
    Again {
        pick: usize,
    },
    Sweep,
}

impl Step {
    /// What it is called in the summary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Upload { .. } => "upload",
            Self::Read { .. } => "read",
            Self::Use { .. } => "use",
            Self::Ask { .. } => "ask",
            Self::Decide { .. } => "decide",
            Self::Revoke { .. } => "revoke",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::Watch { .. } => "watch",
            Self::Audit { .. } => "audit",
            Self::Own { .. } => "own lists",
            Self::Again { .. } => "again",
            Self::Sweep => "sweep",
        }
    }
}

fn a_reader() -> impl Strategy<Value = Reader> {
    prop_oneof![1 => Just(Reader::Patient), 5 => (0..DOCTORS).prop_map(Reader::Doctor)]
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let kinds = proptest::sample::subsequence(KINDS.to_vec(), 1..=KINDS.len());
    let seconds = prop_oneof![2_u32..8, Just(3600)];
    (kinds, seconds).prop_map(|(kinds, seconds)| {
        let kinds: BTreeSet<_> = kinds.into_iter().collect();
        Terms { kinds, seconds }
    })
}

fn a_step() -> impl Strategy<Value = Step> {
    use proptest::sample::select;
    let patient = || 0..PATIENTS;
    let doctor = || 0..DOCTORS;
    let pick = || 0..PICKS;
    let what = select(vec![What::List, What::List, What::Get, What::Text, What::Download]);
    let verdict = select(vec![
        Verdict::Approve,
        Verdict::Approve,
        Verdict::Narrow,
        Verdict::Widen,
        Verdict::Reject,
    ]);
    prop_oneof![
        6 => (patient(), select(KINDS.to_vec()), proptest::bool::ANY)
            .prop_map(|(patient, kind, is_scan)| Step::Upload { patient, kind, is_scan }),
        14 => (a_reader(), patient(), what.clone(), pick())
            .prop_map(|(reader, patient, what, pick)| Step::Read { reader, patient, what, pick }),
        22 => (what, pick(), pick())
            .prop_map(|(what, grant, pick)| Step::Use { what, grant, pick }),
        12 => (doctor(), patient(), some_terms())
            .prop_map(|(doctor, patient, terms)| Step::Ask { doctor, patient, terms }),
        14 => (patient(), pick(), verdict)
            .prop_map(|(patient, pick, verdict)| Step::Decide { patient, pick, verdict }),
        6 => (patient(), pick()).prop_map(|(patient, pick)| Step::Revoke { patient, pick }),
        2 => (doctor(), patient()).prop_map(|(doctor, patient)| Step::Suspend { doctor, patient }),
        8 => doctor().prop_map(|doctor| Step::Reinstate { doctor }),
        3 => pick().prop_map(|pick| Step::Watch { pick }),
        4 => patient().prop_map(|patient| Step::Audit { patient }),
        5 => (a_reader(), patient()).prop_map(|(who, patient)| Step::Own { who, patient }),
        6 => (0_usize..40).prop_map(|pick| Step::Again { pick }),
        2 => Just(Step::Sweep),
    ]
}

/// The first `count` steps of a seed.
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let step = a_step();
    let next = |_| step.new_tree(&mut runner).ok().map(|tree| tree.current());
    (0..count).filter_map(next).collect()
}
