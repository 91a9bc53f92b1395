//! `POST /v1/access-requests/{requestId}/decision`: the patient approves or rejects. They may give
//! less than was asked by stating `terms`; giving more takes `allowMore: true`. A grant begins
//! now and takes the place of the one the doctor may hold. Needs an `Idempotency-Key` (I7).

use domain::{
    Caller, GrantId, RequestId, Timestamp,
    consent::{RequestStatus, Terms},
    named,
    policy::acts::AccessRequestDecide,
};
use edge::{
    Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{flag, named},
    once,
    problem::NOT_FOUND,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Fault, Store, rows::GrantRow};

use crate::{
    closing::{ALREADY_DECIDED, REQUEST_ENDED},
    decision::{DOCTOR_NOT_ACTIVE, Decision, MORE_THAN_ASKED},
    finding::find,
    granting::LiveGrants,
    terms::read_terms,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "access_request_decide",
        "POST /v1/access-requests/{requestId}/decision",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
    .problems(&[ALREADY_DECIDED, REQUEST_ENDED, MORE_THAN_ASKED, DOCTOR_NOT_ACTIVE])
}

named! {
    /// What the patient decides.
    pub enum Verdict {
        /// Give access.
        Approve = "approve",
        /// Give none.
        Reject = "reject",
    }
}

const NOT_TO_REJECT: &str = "is not asked for when rejecting";

struct Decided {
    request: RequestId,
    verdict: Verdict,
    terms: Option<Terms>,
    allow_more: bool,
    idempotency: Idempotency,
}

impl Input for Decided {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let id = read.path("requestId", RequestId::parse);
        let verdict = read.field("/decision", named());
        let terms = read.object("/terms", read_terms);
        let allow_more = read.optional("/allowMore", flag());
        let idempotency = read.idempotency();
        let verdict = match (verdict, &terms, allow_more) {
            (Ok(Verdict::Reject), Ok(Some(_)), _) => read.reject("/terms", NOT_TO_REJECT),
            (Ok(Verdict::Reject), _, Ok(Some(_))) => read.reject("/allowMore", NOT_TO_REJECT),
            (verdict, ..) => verdict,
        };
        Ok(Self {
            request: id?,
            verdict: verdict?,
            terms: terms?,
            allow_more: allow_more?.unwrap_or(false),
            idempotency: idempotency?,
        })
    }
}

/// A request that was decided.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessDecision")]
struct Output {
    id: RequestId,
    status: RequestStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView>,
}

/// The grant that was given.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GrantGiven")]
struct GrantView {
    id: GrantId,
    terms: Terms,
    not_before: Timestamp,
    expires_at: Timestamp,
}

impl From<GrantRow> for GrantView {
    fn from(grant: GrantRow) -> Self {
        let GrantRow { id, terms, not_before, ends_at, .. } = grant;
        Self { id, terms, not_before, expires_at: ends_at }
    }
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Decided,
) -> Result<Reply<Output>, Failure> {
    let caller = request.caller()?;
    let place = input.idempotency.place::<AccessRequestDecide>(&caller);
    let id = input.request;
    let look = find(store, &caller, id.0, |look| look.request(id).saved(&place));
    // Only a patient has grants to look at; anybody else is refused by the policy.
    let live = async {
        match caller {
            Caller::Patient(id) => LiveGrants::of(store, id).await.map(Some),
            _ => Ok(None),
        }
    };
    let (found, live) = tokio::try_join!(look, live)?;
    let permit = found.permit::<AccessRequestDecide>(None, request.now)?;
    once(&permit, &input.idempotency, async |key| {
        let asked = permit.request().ok_or(NOT_FOUND)?;
        match asked.row.status_at(request.now) {
            RequestStatus::Pending => {}
            RequestStatus::Approved | RequestStatus::Rejected => return Err(ALREADY_DECIDED.into()),
            RequestStatus::Withdrawn | RequestStatus::Expired => return Err(REQUEST_ENDED.into()),
        }
        let (given, allow_more) = (input.terms.as_ref(), input.allow_more);
        let decision = Decision { store, permit: &permit, key: &key, given, allow_more, asked };
        let (change, grant) = match input.verdict {
            Verdict::Reject => (decision.reject(), None),
            Verdict::Approve => {
                let live = live.ok_or(Fault::Corrupt("live-grants"))?;
                let (change, grant) = decision.approve(live).await?;
                (change, Some(grant))
            }
        };
        let status = match grant {
            None => RequestStatus::Rejected,
            Some(_) => RequestStatus::Approved,
        };
        let grant = grant.map(GrantView::from);
        Ok((change, Reply::new(&Output { id: asked.row.id, status, grant })?))
    })
    .await
}
