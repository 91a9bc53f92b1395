//! The invariants (docs/ARCHITECTURE.md) that the policy answers for, each as a property of every
//! request there can be.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod cast;

use cast::*;
use domain::{
    Caller, Date, HospitalId, Timestamp,
    audit::{Ledger, Target},
    consent::{Ability, Grant, Purpose, Terms},
    policy::{
        Action, Aim, Denial, Disguise, Facts, Ground, Record, Rule, VaultState, covers, decide,
        permit,
    },
    record::{Class, RecordType},
    staff::Standing,
};
use proptest::{collection::btree_set, option, prelude::*, sample::select};

fn config() -> ProptestConfig {
    // A failing case is printed whole, so none is kept in a file.
    ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() }
}

fn any_of<T: domain::names::Named + std::fmt::Debug>() -> impl Strategy<Value = T> + Clone {
    select(all::<T>().collect::<Vec<_>>())
}

/// Days around the edges of the dates that grants cover.
fn a_date() -> impl Strategy<Value = Date> + Clone {
    (-3_i64..=3, select(vec![FROM, TO]))
        .prop_map(|(days, edge)| edge.checked_add(jiff::Span::new().days(days)).unwrap())
}

fn a_class() -> impl Strategy<Value = Class> {
    (any_of::<RecordType>(), a_date()).prop_map(|(kind, date)| Class { kind, date })
}

fn some_terms() -> impl Strategy<Value = Terms> + Clone {
    let what = (btree_set(any_of::<Ability>(), 0..=3), btree_set(any_of::<RecordType>(), 0..=16));
    let when = (option::of(a_date()), option::of(a_date()), 3600_u32..3610);
    let how = (any_of::<Purpose>(), option::of(1_u32..5));
    (what, when, how).prop_map(
        |((actions, types), (from, to, duration_seconds), (purpose, max_reads))| Terms {
            actions,
            types,
            from,
            to,
            purpose,
            duration_seconds,
            max_reads,
        },
    )
}

/// Terms that allow no more than `wider`: each part as it is or narrower.
fn narrower(wider: Terms) -> impl Strategy<Value = Terms> {
    let parts = (any::<u8>(), any::<u16>(), option::of(a_date()), option::of(a_date()), 0_u32..10);
    (parts, option::of(1_u32..5)).prop_map(move |((actions, types, from, to, less), most)| {
        let mut terms = wider.clone();
        let keep = |mask: u16, n: usize| mask.checked_shr(n as u32).unwrap_or(1) & 1 == 1;
        terms.actions.retain(|ability| keep(actions.into(), *ability as usize));
        terms.types.retain(|kind| keep(types, *kind as usize));
        terms.from = terms.from.max(from);
        terms.to = terms.to.into_iter().chain(to).min();
        terms.duration_seconds -= less;
        terms.max_reads = terms.max_reads.into_iter().chain(most).min();
        terms
    })
}

/// Moments around the edges of the grant, to the nanosecond.
fn a_moment() -> impl Strategy<Value = Timestamp> + Clone {
    (select(vec![BEGINS, ENDS]), -2_i64..=2, select(vec![0, 1, 999_999_999]))
        .prop_map(|(edge, second, nano)| Timestamp::new(edge + second, nano).unwrap())
}

fn a_grant() -> impl Strategy<Value = Grant> + Clone {
    (some_terms(), -1_i64..=1, -1_i64..=1, 0_u32..5).prop_map(|(terms, begins, ends, reads)| {
        let (not_before, expires_at) = (at(BEGINS + begins), at(ENDS + ends));
        Grant { id: GRANT, terms, not_before, expires_at, reads }
    })
}

fn a_caller() -> impl Strategy<Value = Caller> + Clone {
    let patients = select(vec![ALICE, BOB]).prop_map(Caller::Patient);
    prop_oneof![patients, a_staff_caller(), a_staff_caller()]
}

fn a_staff_caller() -> impl Strategy<Value = Caller> + Clone {
    let hospital = select(vec![HARBOUR, HILL]);
    (hospital, any::<bool>(), any::<bool>()).prop_map(|(hospital, mfa, doctor)| match doctor {
        true => Caller::Doctor { id: GREY, hospital, mfa },
        false => Caller::Admin { id: ADMIN, hospital, mfa },
    })
}

fn a_vault() -> impl Strategy<Value = Aim> + Clone {
    select(vaults().to_vec())
}

fn an_aim() -> impl Strategy<Value = Aim> + Clone {
    let hospital = select(vec![HARBOUR, HILL]).prop_map(Aim::Hospital);
    prop_oneof![Just(Aim::Own), hospital, a_vault(), a_vault()]
}

fn a_record() -> impl Strategy<Value = Record> {
    prop_oneof![Just(Record::Any), Just(Record::Missing), a_class().prop_map(Record::One)]
}

/// What is known of the request's target: everything but who calls.
#[derive(Debug, Clone)]
struct Known {
    aim: Aim,
    grant: Option<Grant>,
    record: Record,
    purpose: Option<Purpose>,
    now: Timestamp,
}

impl Known {
    fn facts(&self, standing: Option<Standing>) -> Facts<'_> {
        let Self { aim, ref grant, record, purpose, .. } = *self;
        Facts { aim, standing, grant: grant.as_ref(), record, purpose }
    }
}

fn known_of(aim: impl Strategy<Value = Aim>) -> impl Strategy<Value = Known> {
    let purpose = option::of(any_of::<Purpose>());
    (aim, option::of(a_grant()), a_record(), purpose, a_moment())
        .prop_map(|(aim, grant, record, purpose, now)| Known { aim, grant, record, purpose, now })
}

/// What is known of an active doctor's request for a vault in use, under a grant.
fn under(held: &Grant, record: Record) -> Facts<'_> {
    let aim = Aim::Vault { patient: ALICE, state: Some(VaultState::Active) };
    let standing = Some(Standing::Active);
    Facts { aim, standing, grant: Some(held), record, purpose: None }
}

fn a_standing() -> impl Strategy<Value = Option<Standing>> {
    option::of(any_of::<Standing>())
}

/// Whether `grant` lets somebody do `action`, said anew in the words of I1.
fn stands_for(grant: &Grant, action: Action, known: &Known) -> bool {
    let ability = match action {
        Action::RecordList | Action::RecordGet | Action::RecordText | Action::RecordDownload => {
            Ability::Read
        }
        Action::UploadCreate | Action::UploadWithdraw => Ability::Add,
        _ => return false,
    };
    let Grant { terms, not_before, expires_at, reads, .. } = grant;
    let active = *not_before <= known.now && known.now < *expires_at;
    let left = ability != Ability::Read || terms.max_reads.is_none_or(|most| *reads < most);
    let purpose = known.purpose.is_none_or(|stated| stated == terms.purpose);
    let record = match known.record {
        Record::Any => action == Action::RecordList,
        Record::Missing => false,
        Record::One(Class { kind, date }) => {
            terms.types.contains(&kind)
                && terms.from.is_none_or(|from| from <= date)
                && terms.to.is_none_or(|to| date <= to)
        }
    };
    active && left && purpose && record && terms.actions.contains(&ability)
}

/// Every action but those that take nothing but an account.
fn a_guarded_action() -> impl Strategy<Value = Action> {
    let open = |action: &Action| matches!(action.rule(), Rule::Public | Rule::Session);
    select(all::<Action>().filter(|action| !open(action)).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn i1_nobody_but_the_patient_without_a_grant_that_covers_it_now(
        action in any_of::<Action>(),
        caller in prop_oneof![Just(Caller::Patient(BOB)), a_staff_caller(), Just(doctor(true))],
        standing in a_standing(),
        known in known_of(a_vault()),
    ) {
        match decide(action, &caller, &known.facts(standing), known.now) {
            Ok(Ground::Grant { id, purpose, expires_at, .. }) => {
                let grant = known.grant.as_ref().unwrap();
                prop_assert!(stands_for(grant, action, &known));
                prop_assert_eq!(
                    (id, purpose, expires_at),
                    (grant.id, grant.terms.purpose, grant.expires_at)
                );
            }
            Ok(ground) => {
                let asking = matches!(action.rule(), Rule::Ask | Rule::Asker);
                prop_assert!(asking && ground == Ground::Duty, "{} {:?}", action, ground);
            }
            Err(_) => {}
        }
    }

    #[test]
    fn i1_a_grant_that_covers_it_now_is_enough_for_an_active_doctor(
        action in select(vec![Action::RecordList, Action::RecordGet, Action::UploadCreate]),
        known in known_of(Just(Aim::Vault { patient: ALICE, state: Some(VaultState::Active) })),
    ) {
        let facts = known.facts(Some(Standing::Active));
        let allowed = decide(action, &doctor(true), &facts, known.now).is_ok();
        let expected = known.grant.as_ref().is_some_and(|g| stands_for(g, action, &known));
        prop_assert_eq!(allowed, expected);
    }

    #[test]
    fn i1_a_list_shows_what_reading_one_by_one_would(mut terms in some_terms(), class in a_class()) {
        terms.actions.insert(Ability::Read);
        let held = Grant { terms, ..grant() };
        let one = Known {
            aim: Aim::Vault { patient: ALICE, state: Some(VaultState::Active) },
            grant: Some(Grant { reads: 0, ..held.clone() }),
            record: Record::One(class),
            purpose: None,
            now: midway(),
        };
        let facts = one.facts(Some(Standing::Active));
        let read = decide(Action::RecordGet, &doctor(true), &facts, one.now).is_ok();
        let expected = stands_for(one.grant.as_ref().unwrap(), Action::RecordGet, &one);
        prop_assert_eq!((covers(&held, class), read), (expected, expected));
    }

    #[test]
    fn i4_a_grant_counts_from_its_first_second_until_its_last(
        begins in -3_i64..=3, lasts in 1_i64..=6, second in -4_i64..=10,
        nano in select(vec![0, 1, 500_000_000, 999_999_999]),
    ) {
        let (from, until) = (BEGINS + begins, BEGINS + begins + lasts);
        let held = Grant { not_before: at(from), expires_at: at(until), ..grant() };
        let facts = under(&held, Record::Any);
        let now = Timestamp::new(BEGINS + second, nano).unwrap();
        let answer = decide(Action::RecordList, &doctor(true), &facts, now);
        prop_assert_eq!(answer.is_ok(), (from..until).contains(&now.as_second()), "{:?}", answer);
    }

    #[test]
    fn i5_staff_who_are_not_active_are_refused_everything_but_their_session(
        action in a_guarded_action(),
        caller in a_staff_caller(),
        standing in a_standing().prop_map(|known| known.filter(|s| *s != Standing::Active)),
        known in known_of(an_aim()),
    ) {
        prop_assert!(decide(action, &caller, &known.facts(standing), known.now).is_err());
    }

    #[test]
    fn i5_a_vault_being_erased_is_closed_to_everybody(
        action in any_of::<Action>(),
        caller in a_caller(),
        standing in a_standing(),
        mut known in known_of(a_vault()),
    ) {
        known.aim = Aim::Vault { patient: ALICE, state: Some(VaultState::BeingErased) };
        prop_assert!(decide(action, &caller, &known.facts(standing), known.now).is_err());
    }

    #[test]
    fn i9_staff_without_a_second_factor_can_do_nothing_but_their_session(
        action in a_guarded_action(),
        staff in a_staff_caller(),
        standing in a_standing(),
        known in known_of(an_aim()),
    ) {
        let caller = match staff {
            Caller::Doctor { id, hospital, .. } => Caller::Doctor { id, hospital, mfa: false },
            Caller::Admin { id, hospital, .. } => Caller::Admin { id, hospital, mfa: false },
            patient @ Caller::Patient(_) => patient,
        };
        prop_assert!(decide(action, &caller, &known.facts(standing), known.now).is_err());
    }

    #[test]
    fn i10_a_reason_that_is_named_is_the_same_whatever_was_asked_for(
        action in any_of::<Action>(),
        caller in a_caller(),
        standing in a_standing(),
        one in known_of(an_aim()),
        other in known_of(an_aim()),
    ) {
        let answer = decide(action, &caller, &one.facts(standing), one.now);
        if let Err(denial) = answer && denial.disguise() == Disguise::Forbidden {
            prop_assert_eq!(decide(action, &caller, &other.facts(standing), other.now), answer);
        }
    }

    #[test]
    fn i10_to_a_doctor_an_unknown_patient_looks_like_one_without_a_grant(
        // Asking is how a doctor comes to know a patient, so it is not among them; nor is taking
        // back what was asked, which names the request and not the patient.
        action in any_of::<Action>().prop_map(|action| match action {
            Action::AccessRequestCreate | Action::AccessRequestWithdraw => Action::RecordList,
            other => other,
        }),
        caller in a_staff_caller(),
        standing in a_standing(),
        known in known_of(a_vault()),
    ) {
        let disguise = |state, grant| {
            let aim = Aim::Vault { patient: ALICE, state };
            let known = Known { aim, grant, ..known.clone() };
            decide(action, &caller, &known.facts(standing), known.now).map_err(Denial::disguise)
        };
        let unknown = disguise(None, known.grant.clone());
        prop_assert_eq!(disguise(Some(VaultState::Active), None), unknown);
        prop_assert_eq!(disguise(Some(VaultState::BeingErased), None), unknown);
    }

    #[test]
    fn i10_a_patients_own_trail_tells_them_nothing_of_others(known in known_of(a_vault())) {
        let facts = known.facts(None);
        let bob = Caller::Patient(BOB);
        let list = permit(Action::RecordList, &bob, &facts, Target::default(), known.now);
        let ask = permit(Action::AccessRequestCreate, &bob, &facts, Target::default(), known.now);
        prop_assert_eq!(list.unwrap_err().entry.ledger, Ledger::Patient(ALICE));
        prop_assert_eq!(ask.unwrap_err().entry.ledger, Ledger::Patient(ALICE));
    }

    #[test]
    fn consent_terms_are_within_themselves(terms in some_terms()) {
        prop_assert!(terms.within(&terms));
    }

    #[test]
    fn consent_narrowed_twice_is_still_within_what_was_asked(
        (asked, given, less) in some_terms()
            .prop_flat_map(|asked| (Just(asked.clone()), narrower(asked)))
            .prop_flat_map(|(asked, given)| (Just(asked), Just(given.clone()), narrower(given))),
    ) {
        prop_assert!(given.within(&asked) && less.within(&given), "the narrowing is one");
        prop_assert!(less.within(&asked));
    }

    #[test]
    fn consent_is_transitive(one in some_terms(), two in some_terms(), three in some_terms()) {
        // Random terms are seldom within one another; with few abilities and one purpose, some are.
        let like = |terms: Terms| Terms { purpose: Purpose::Treatment, ..terms };
        let (one, two, three) = (like(one), like(two), like(three));
        if one.within(&two) && two.within(&three) {
            prop_assert!(one.within(&three));
        }
    }

    #[test]
    fn consent_that_is_narrower_allows_nothing_that_wider_does_not(
        (wider, narrow) in some_terms().prop_flat_map(|w| (Just(w.clone()), narrower(w))),
        reads in 0_u32..5,
        action in any_of::<Action>(),
        mut known in known_of(Just(Aim::Vault { patient: ALICE, state: Some(VaultState::Active) })),
    ) {
        let under = |terms: &Terms| {
            let lasts = i64::from(terms.duration_seconds);
            let terms = terms.clone();
            let expires_at = at(BEGINS + lasts);
            Grant { id: GRANT, terms, not_before: at(BEGINS), expires_at, reads }
        };
        let mut allowed = |terms: &Terms| {
            known.grant = Some(under(terms));
            decide(action, &doctor(true), &known.facts(Some(Standing::Active)), known.now).is_ok()
        };
        let (less, more) = (allowed(&narrow), allowed(&wider));
        prop_assert!(!less || more);
    }
}

#[test]
fn i9_a_hospital_named_by_a_token_gives_no_duty_towards_another() {
    let facts = |hospital: HospitalId| Facts {
        aim: Aim::Hospital(hospital),
        standing: Some(Standing::Active),
        grant: None,
        record: Record::Any,
        purpose: None,
    };
    let list = |hospital| decide(Action::DoctorList, &admin(true), &facts(hospital), midway());
    assert_eq!(list(HARBOUR), Ok(Ground::Duty));
    assert_eq!(list(HILL), Err(Denial::ForeignHospital));
}

#[test]
fn i2_an_entry_names_the_grant_and_the_purpose_that_it_rests_on() {
    let held = grant();
    let target = Target::default();
    let listed =
        permit(Action::RecordList, &doctor(true), &under(&held, Record::Any), target, midway())
            .unwrap();
    let missing = under(&held, Record::Missing);
    let refused = permit(Action::RecordGet, &doctor(true), &missing, target, midway()).unwrap_err();
    assert_eq!(listed.now, midway());
    for entry in [listed.entry(), refused.entry] {
        let Target { grant, purpose, .. } = entry.target;
        assert_eq!((grant, purpose), (Some(GRANT), Some(held.terms.purpose)));
    }
}
