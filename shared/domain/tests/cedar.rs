//! The policy is written twice: as `domain::policy` and as `policy/*.cedar`. Here every kind of
//! request is put to both, and the first on which they disagree fails.

mod cast;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    error::Error,
};

use cast::*;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression as Expr, Schema, ValidationMode, Validator,
};
use domain::{
    Caller, Date, Timestamp,
    consent::{Ability, Grant, Purpose},
    names::Named,
    policy::{Action, Aim, Denial, Facts, Ground, Record, VaultState, decide},
    record::{Class, RecordType},
    staff::Standing,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SCHEMA: &str = include_str!("../policy/medivault.cedarschema");
const POLICIES: &str = concat!(
    include_str!("../policy/people.cedar"),
    include_str!("../policy/grants.cedar"),
    include_str!("../policy/limits.cedar"),
);

/// Fewer requests than this, and some kind of them has got lost.
const AT_LEAST: usize = 35_000;

/// Cedar, the names it gives our policies, and how often each has decided.
struct Oracle {
    schema: Schema,
    policies: PolicySet,
    authorizer: Authorizer,
    actions: HashMap<Action, EntityUid>,
    asked: usize,
    decided: BTreeMap<String, usize>,
}

fn uid(kind: &str, id: &str) -> Outcome<EntityUid> {
    let kind: EntityTypeName = format!("MediVault::{kind}").parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn text(value: impl ToString) -> Expr {
    Expr::new_string(value.to_string())
}

fn names<T: Named + std::fmt::Display>(values: &BTreeSet<T>) -> Expr {
    Expr::new_set(values.iter().map(text))
}

fn day(date: Date) -> Expr {
    let number = i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100;
    Expr::new_long(number + i64::from(date.day()))
}

fn attributes<const N: usize>(pairs: [(&str, Option<Expr>); N]) -> HashMap<String, Expr> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A caller as Cedar's principal, with their hospital.
fn principal(caller: &Caller, standing: Option<Standing>) -> Outcome<(EntityUid, Vec<Entity>)> {
    let (kind, mfa) = match *caller {
        Caller::Patient(id) => {
            let uid = uid("Patient", &id.to_string())?;
            return Ok((uid.clone(), vec![Entity::new_no_attrs(uid, HashSet::new())]));
        }
        Caller::Doctor { mfa, .. } => ("Doctor", mfa),
        Caller::Admin { mfa, .. } => ("Admin", mfa),
    };
    let uid_of_hospital =
        |caller: &Caller| caller.hospital().map(|id| uid("Hospital", &id.to_string())).transpose();
    let hospital: HashSet<_> = uid_of_hospital(caller)?.into_iter().collect();
    let known = [("mfa", Some(Expr::new_bool(mfa))), ("standing", standing.map(text))];
    let uid = uid(kind, &caller.id().to_string())?;
    Ok((uid.clone(), vec![Entity::new(uid, attributes(known), hospital)?]))
}

/// An aim as Cedar's resource.
fn resource(aim: Aim) -> Outcome<(EntityUid, Vec<Entity>)> {
    match aim {
        Aim::Own => {
            let uid = uid("Account", "the caller's")?;
            Ok((uid.clone(), vec![Entity::new_no_attrs(uid, HashSet::new())]))
        }
        Aim::Hospital(id) => Ok((uid("Hospital", &id.to_string())?, Vec::new())),
        Aim::Vault { patient, state } => {
            let status = state.map(|state| match state {
                VaultState::Active => "active",
                VaultState::BeingErased => "being-erased",
            });
            let owner = Expr::new_entity_uid(uid("Patient", &patient.to_string())?);
            let known = attributes([("owner", Some(owner)), ("status", status.map(text))]);
            let uid = uid("Vault", &patient.to_string())?;
            Ok((uid.clone(), vec![Entity::new(uid, known, HashSet::new())?]))
        }
    }
}

fn grant_record(grant: &Grant) -> Outcome<Expr> {
    let Grant { terms, not_before, expires_at, reads, .. } = grant;
    let known = attributes([
        ("abilities", Some(names(&terms.actions))),
        ("kinds", Some(names(&terms.types))),
        ("from", terms.from.map(day)),
        ("to", terms.to.map(day)),
        ("purpose", Some(text(terms.purpose))),
        ("notBefore", Some(Expr::new_long(not_before.as_second()))),
        ("expiresAt", Some(Expr::new_long(expires_at.as_second()))),
        ("reads", Some(Expr::new_long((*reads).into()))),
        ("maxReads", terms.max_reads.map(|most| Expr::new_long(most.into()))),
    ]);
    Ok(Expr::new_record(known)?)
}

fn context(facts: &Facts<'_>, now: Timestamp) -> Outcome<Context> {
    let record = match facts.record {
        Record::One(Class { kind, date }) => Some(Expr::new_record(attributes([
            ("kind", Some(text(kind))),
            ("date", Some(day(date))),
        ]))?),
        Record::Any | Record::Missing => None,
    };
    Ok(Context::from_pairs(attributes([
        ("now", Some(Expr::new_long(now.as_second()))),
        ("purpose", facts.purpose.map(text)),
        ("grant", facts.grant.map(grant_record).transpose()?),
        ("record", record),
        ("recordMissing", Some(Expr::new_bool(facts.record == Record::Missing))),
    ]))?)
}

impl Oracle {
    fn load() -> Outcome<Self> {
        let (schema, warnings) = Schema::from_cedarschema_str(SCHEMA)?;
        let warnings: Vec<_> = warnings.map(|warning| warning.to_string()).collect();
        assert!(warnings.is_empty(), "{warnings:?}");
        let policies: PolicySet = POLICIES.parse()?;
        let verdict = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        let faults: Vec<_> = verdict.validation_errors().map(ToString::to_string).collect();
        let warnings: Vec<_> = verdict.validation_warnings().map(ToString::to_string).collect();
        assert!(verdict.validation_passed_without_warnings(), "{faults:?} {warnings:?}");
        let mut decided = BTreeMap::new();
        for policy in policies.policies() {
            let name = policy.annotation("id").ok_or("a policy without an @id")?;
            assert!(decided.insert(name.to_owned(), 0).is_none(), "{name} stands twice");
        }
        let action = |action: Action| Ok((action, uid("Action", action.name())?));
        let actions = all().map(action).collect::<Outcome<_>>()?;
        Ok(Self { schema, policies, authorizer: Authorizer::new(), actions, asked: 0, decided })
    }

    /// Puts a request to both and compares the answers, and the reasons where Cedar gives them.
    fn compare(
        &mut self,
        action: Action,
        caller: &Caller,
        (facts, now): (&Facts<'_>, Timestamp),
        scene: &Scene,
    ) -> Outcome {
        let ours = decide(action, caller, facts, now);
        let request = Request::new(
            scene.principal.clone(),
            self.actions.get(&action).ok_or("an unknown action")?.clone(),
            scene.resource.clone(),
            context(facts, now)?,
            Some(&self.schema),
        )?;
        let answer = self.authorizer.is_authorized(&request, &self.policies, &scene.entities);
        let said = || format!("{action} by {caller:?} at {now}\n{facts:#?}\nours: {ours:?}");
        // A policy that errs is skipped, a `forbid` too: that would fail open.
        let errors: Vec<_> = answer.diagnostics().errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{}\n{errors:?}", said());
        let reasons: BTreeSet<_> = answer
            .diagnostics()
            .reason()
            .filter_map(|id| self.policies.annotation(id, "id"))
            .collect();
        let allowed = answer.decision() == Decision::Allow;
        assert_eq!(ours.is_ok(), allowed, "{}\nCedar: {allowed}, by {reasons:?}", said());
        let (any_of, why): (&[&str], _) = match ours {
            Ok(ground) => (behind(ground), "permitted"),
            Err(denial) => (against(denial), "refused"),
        };
        let found = any_of.is_empty() || any_of.iter().any(|name| reasons.contains(name));
        assert!(found, "{}\n{why} by {reasons:?}, not by one of {any_of:?}", said());
        self.asked += 1;
        for name in reasons {
            self.decided.entry(name.to_owned()).and_modify(|times| *times += 1);
        }
        Ok(())
    }
}

/// The policies one of which must stand behind a ground.
fn behind(ground: Ground) -> &'static [&'static str] {
    match ground {
        Ground::Self_ => &[
            "anybody-signs-in",
            "everybody-on-their-own",
            "patient-lists-consent",
            "doctor-lists-consent",
            "patient-on-own-vault",
        ],
        Ground::Owner => &["patient-on-own-vault"],
        Ground::Grant { .. } => {
            &["granted-doctor-lists", "granted-doctor-reads", "granted-doctor-adds"]
        }
        Ground::Duty => &["doctor-asks", "doctor-withdraws", "admin-on-own-hospital"],
    }
}

/// The policy that must speak against it for the same reason; none where it is refused because
/// nothing permits it.
fn against(denial: Denial) -> &'static [&'static str] {
    match denial {
        Denial::NoMfa => &["staff-need-mfa"],
        Denial::NotStaff | Denial::NotVerified | Denial::Suspended => &["staff-need-standing"],
        Denial::BeingErased => &["erased-is-closed"],
        Denial::GrantExpired => &["grants-expire"],
        Denial::GrantNotBegun => &["grants-begin"],
        Denial::ReadsUsedUp => &["reads-are-used-up"],
        // An owner's action aimed at no vault at all, or at no record where one must be named, is
        // refused for want of a permit.
        Denial::WrongCredentials
        | Denial::NoSuchPatient
        | Denial::NoSuchRecord
        | Denial::NoSuchRequest
        | Denial::WrongRole
        | Denial::ForeignHospital
        | Denial::NotOwner
        | Denial::NoGrant
        | Denial::ActionNotGranted
        | Denial::TypeNotGranted
        | Denial::DateNotGranted
        | Denial::OtherPurpose => &[],
    }
}

/// A caller and an aim, as Cedar's entities: made once for the many requests between them.
struct Scene {
    principal: EntityUid,
    resource: EntityUid,
    entities: Entities,
}

impl Scene {
    fn new(
        oracle: &Oracle,
        caller: &Caller,
        standing: Option<Standing>,
        aim: Aim,
    ) -> Outcome<Self> {
        let (principal, mut entities) = principal(caller, standing)?;
        let (resource, others) = resource(aim)?;
        entities.extend(others.into_iter().filter(|entity| entity.uid() != principal));
        let entities = Entities::from_entities(entities, Some(&oracle.schema))?;
        Ok(Self { principal, resource, entities })
    }
}

fn aims() -> Vec<Aim> {
    let mut aims = vec![Aim::Own, Aim::Hospital(HARBOUR), Aim::Hospital(HILL)];
    aims.extend(vaults());
    aims
}

/// Every action by every caller towards every aim, with every kind of record, and towards vaults
/// with and without a grant.
fn everybody_everywhere(oracle: &mut Oracle) -> Outcome {
    let held = grant();
    let one = Record::One(class(RecordType::LabReport, FROM));
    for (caller, standing) in callers() {
        for aim in aims() {
            let scene = Scene::new(oracle, &caller, standing, aim)?;
            let mut grants = vec![None];
            grants.extend(matches!(aim, Aim::Vault { .. }).then_some(Some(&held)));
            for (action, grant) in all::<Action>().flat_map(|a| grants.iter().map(move |g| (a, *g)))
            {
                for record in [Record::Any, one, Record::Missing] {
                    let facts = Facts { aim, standing, grant, record, purpose: None };
                    oracle.compare(action, &caller, (&facts, midway()), &scene)?;
                }
            }
        }
    }
    Ok(())
}

fn edges_of_time() -> [Timestamp; 5] {
    let last = |second| Timestamp::new(second, 999_999_999).unwrap_or_default();
    [last(BEGINS - 1), at(BEGINS), last(ENDS - 1), at(ENDS), at(ENDS + 1)]
}

fn edges_of_records() -> Outcome<Vec<Record>> {
    let kinds = [RecordType::LabReport, RecordType::Imaging, RecordType::Genetics];
    let mut records = vec![Record::Any, Record::Missing];
    records.extend(kinds.map(|kind| Record::One(class(kind, FROM))));
    for date in [FROM.yesterday()?, TO, TO.tomorrow()?] {
        records.push(Record::One(class(RecordType::LabReport, date)));
    }
    Ok(records)
}

/// Grants that differ in what they cover, and in how much of it is left.
fn grants() -> Vec<Grant> {
    let abilities: [&[Ability]; 4] =
        [&[], &[Ability::Read], &[Ability::Add], &[Ability::Read, Ability::Add]];
    let kinds: [&[RecordType]; 3] = [
        &[RecordType::LabReport],
        &[RecordType::Genetics, RecordType::Imaging],
        &[RecordType::LabReport, RecordType::Imaging, RecordType::Genetics],
    ];
    let dates = [(None, None), (Some(FROM), Some(TO)), (Some(TO), None)];
    let reads = [(None, 9), (Some(3), 2), (Some(3), 3), (Some(3), 4)];
    let mut grants = Vec::new();
    for (actions, kinds) in abilities.iter().flat_map(|a| kinds.map(|k| (a, k))) {
        for ((from, to), (max_reads, reads)) in dates.iter().flat_map(|d| reads.map(|r| (*d, r))) {
            let mut grant = Grant { reads, ..grant() };
            grant.terms.actions = actions.iter().copied().collect();
            grant.terms.types = kinds.iter().copied().collect();
            (grant.terms.from, grant.terms.to, grant.terms.max_reads) = (from, to, max_reads);
            grants.push(grant);
        }
    }
    grants
}

/// A doctor in good standing towards a vault in use, at every edge of every kind of grant. The
/// actions under one ability differ only in whether they may leave the record open, which the
/// first two show.
fn every_edge_of_a_grant(oracle: &mut Oracle) -> Outcome {
    let (caller, standing) = (doctor(true), Some(Standing::Active));
    let aim = Aim::Vault { patient: ALICE, state: Some(VaultState::Active) };
    let scene = Scene::new(oracle, &caller, standing, aim)?;
    let actions = [Action::RecordList, Action::RecordDownload, Action::UploadCreate];
    let purposes = [None, Some(Purpose::Treatment), Some(Purpose::Research)];
    let (grants, records) = (grants(), edges_of_records()?);
    for (n, (grant, record)) in
        grants.iter().flat_map(|grant| records.iter().map(move |r| (grant, *r))).enumerate()
    {
        // Time is crossed with everything else but the purpose, which takes its turn.
        for (now, turn) in edges_of_time().into_iter().zip(0..) {
            for (action, step) in actions.into_iter().zip(0..) {
                let purpose = purposes.get((n + turn + step) % purposes.len()).copied().flatten();
                let facts = Facts { aim, standing, grant: Some(grant), record, purpose };
                oracle.compare(action, &caller, (&facts, now), &scene)?;
            }
        }
    }
    Ok(())
}

/// Every type of record, purpose of the grant and purpose stated.
fn every_type_and_purpose(oracle: &mut Oracle) -> Outcome {
    let (caller, standing) = (doctor(true), Some(Standing::Active));
    let aim = Aim::Vault { patient: ALICE, state: Some(VaultState::Active) };
    let scene = Scene::new(oracle, &caller, standing, aim)?;
    let stated: Vec<_> = all::<Purpose>().map(Some).chain([None]).collect();
    let mut held = grant();
    held.terms.types = domain::consent::Terms::all_ordinary_types();
    let actions = [Action::RecordList, Action::RecordGet, Action::UploadCreate];
    for (action, kind) in actions.iter().flat_map(|a| all::<RecordType>().map(move |k| (*a, k))) {
        let record = Record::One(class(kind, FROM));
        for (given, purpose) in all::<Purpose>().flat_map(|g| stated.iter().map(move |s| (g, *s))) {
            held.terms.purpose = given;
            let facts = Facts { aim, standing, grant: Some(&held), record, purpose };
            oracle.compare(action, &caller, (&facts, midway()), &scene)?;
        }
    }
    Ok(())
}

fn ask(kinds: &[fn(&mut Oracle) -> Outcome]) -> Result<Oracle, String> {
    let mut oracle = Oracle::load().map_err(|fault| fault.to_string())?;
    kinds.iter().try_for_each(|kind| kind(&mut oracle)).map_err(|fault| fault.to_string())?;
    Ok(oracle)
}

#[test]
fn cedar_and_rust_agree_on_every_request() -> Outcome {
    // Two halves, side by side.
    let (people, grants) = std::thread::scope(|scope| {
        let people = scope.spawn(|| ask(&[everybody_everywhere]));
        (ask(&[every_edge_of_a_grant, every_type_and_purpose]), people.join())
    });
    let (people, grants) = (people?, grants.map_err(|_| "see above")??);
    let asked = people.asked + grants.asked;
    println!("{asked} requests, decided by {:#?} and {:#?}", people.decided, grants.decided);
    assert!(asked >= AT_LEAST, "only {asked} requests");
    for (name, times) in people.decided {
        let decided = times + grants.decided.get(&name).copied().unwrap_or_default();
        assert!(decided > 0, "{name} decided nothing");
    }
    Ok(())
}

#[test]
fn cedar_knows_the_operations_and_no_others() -> Outcome {
    let oracle = Oracle::load()?;
    let groups: BTreeSet<_> = oracle.schema.action_groups().map(ToString::to_string).collect();
    let known: BTreeSet<_> =
        oracle.schema.actions().map(ToString::to_string).filter(|a| !groups.contains(a)).collect();
    let ours: BTreeSet<_> =
        all::<Action>().map(|action| format!("MediVault::Action::\"{action}\"")).collect();
    assert_eq!(known, ours);
    Ok(())
}

#[test]
fn every_file_of_the_policy_is_put_to_the_test() -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policy");
    let mut files = BTreeSet::new();
    for file in std::fs::read_dir(folder)? {
        files.insert(file?.file_name().to_string_lossy().into_owned());
    }
    let tested = ["grants.cedar", "limits.cedar", "medivault.cedarschema", "people.cedar"];
    assert_eq!(files, tested.map(str::to_owned).into());
    Ok(())
}
