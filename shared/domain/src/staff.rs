//! A staff member's standing with their hospital: what the table says of a doctor or admin.

use crate::named;

named! {
    /// Where a doctor or an admin stands. Only [`Standing::Active`] may act.
    pub enum Standing {
        /// Invited by the hospital, not yet verified.
        Invited = "invited",
        /// The invitation could not be sent: the address cannot be used.
        InviteFailed = "invite-failed",
        /// Verified, and may act.
        Active = "active",
        /// Suspended by the hospital; refused on the next request (I5).
        Suspended = "suspended",
    }
}

named! {
    /// What an admin does to a doctor's standing.
    pub enum StandingChange {
        /// An invited doctor becomes active.
        Verify = "verify",
        /// An active or invited doctor is shut out.
        Suspend = "suspend",
        /// A suspended doctor becomes active again.
        Reinstate = "reinstate",
    }
}

impl Standing {
    /// The standing after `change`, or `None` where the change does not apply.
    /// A suspended doctor who was never verified still has to be: reinstating is the admin's
    /// explicit word that they are.
    #[must_use]
    pub fn after(self, change: StandingChange) -> Option<Self> {
        match (self, change) {
            (Self::Invited, StandingChange::Verify)
            | (Self::Suspended, StandingChange::Reinstate) => Some(Self::Active),
            (Self::Invited | Self::Active, StandingChange::Suspend) => Some(Self::Suspended),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, StandingChange};
    use crate::names::Named;

    #[test]
    fn only_the_listed_changes_apply() {
        let mut table = String::new();
        for (from, _) in Standing::NAMES {
            for (change, _) in StandingChange::NAMES {
                let to = from.after(*change).map_or("-", Named::name);
                table.push_str(&format!("{from} {change} {to}\n"));
            }
        }
        assert_eq!(
            table,
            "invited verify active\ninvited suspend suspended\ninvited reinstate -\n\
             invite-failed verify -\ninvite-failed suspend -\ninvite-failed reinstate -\n\
             active verify -\nactive suspend suspended\nactive reinstate -\n\
             suspended verify -\nsuspended suspend -\nsuspended reinstate active\n"
        );
    }
}
