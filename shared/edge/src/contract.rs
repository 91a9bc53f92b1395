//! What an operation promises to those who call it over HTTP, for the API reference.

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use schemars::{Schema, SchemaGenerator};

use crate::{
    problem::{
        FORBIDDEN, INVALID, KEY_REUSED, Known, MFA_REQUIRED, NOT_FOUND, NOT_STAFF, NOT_VERIFIED,
        SUSPENDED, THROTTLED, TOO_LARGE, UNAUTHENTICATED, UNAVAILABLE, WRONG_ROLE,
    },
    read::{Asked, Place},
    reply::ProblemBody,
};

/// An operation as its callers see it.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    /// Its name.
    pub operation: &'static str,
    /// Method and path, such as `GET /v1/me`.
    pub route: &'static str,
    pub(crate) asked: fn() -> Vec<Asked>,
    /// The status and the body of the answer when all is well.
    pub(crate) answer: (u16, Body),
    /// The problems it can answer with beside those that all have.
    pub(crate) own: &'static [Known],
}

/// Describes the body of an answer.
pub(crate) type Body = fn(&mut SchemaGenerator) -> Schema;

impl Contract {
    /// What it asks for.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        (self.asked)()
    }

    /// The status it answers with when all is well.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.0
    }

    /// The body of that answer; none with 204.
    pub fn body(&self, made: &mut SchemaGenerator) -> Option<Schema> {
        let (status, body) = self.answer;
        (status != 204).then(|| body(made))
    }

    /// Whether it is open to anybody.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.rule() == Some(Rule::Public)
    }

    fn rule(&self) -> Option<Rule> {
        Action::from_name(self.operation).map(Action::rule)
    }

    /// Every problem it can answer with.
    #[must_use]
    pub fn problems(&self) -> Vec<Known> {
        let mut all = vec![INVALID, FORBIDDEN, TOO_LARGE, THROTTLED, UNAVAILABLE];
        if !self.is_public() {
            all.push(UNAUTHENTICATED);
        }
        match self.rule() {
            None | Some(Rule::Public | Rule::System) => {}
            Some(Rule::Session) => all.push(WRONG_ROLE),
            Some(_) => all.extend([
                MFA_REQUIRED,
                NOT_FOUND,
                NOT_STAFF,
                NOT_VERIFIED,
                SUSPENDED,
                WRONG_ROLE,
            ]),
        }
        let is_key = |asked: &Asked| asked.place == Place::Header;
        if self.asked().iter().any(is_key) {
            all.push(KEY_REUSED);
        }
        all.extend(self.own);
        all.sort_by_key(|problem| (problem.status, problem.code));
        all
    }
}

/// The body of every problem.
pub fn problem_body(made: &mut SchemaGenerator) -> Schema {
    made.subschema_for::<ProblemBody<'_>>()
}
