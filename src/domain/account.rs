//! What happens to an account: the words under which it is kept, and those that people read.

/// Something that its owner, or an administrator, should be able to look up later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// Somebody signed in.
    SignedIn,
    /// The password was changed by its owner.
    PasswordChanged,
    /// A password was chosen by a link.
    PasswordChosen,
    /// A second factor was set up.
    FactorOn,
    /// The second factor was taken away by its owner.
    FactorOff,
    /// The second factor was taken away by an administrator.
    FactorReset,
    /// Fresh recovery codes were made.
    RecoveryMade,
    /// A recovery code was used in place of a code.
    RecoveryUsed,
    /// Open sessions were ended.
    SessionsEnded,
    /// Name or rights were changed.
    Changed,
    /// The person may no longer sign in.
    Disabled,
    /// The person may sign in again.
    Enabled,
}

impl AccountEvent {
    /// Every event.
    pub const ALL: [Self; 12] = [
        Self::SignedIn,
        Self::PasswordChanged,
        Self::PasswordChosen,
        Self::FactorOn,
        Self::FactorOff,
        Self::FactorReset,
        Self::RecoveryMade,
        Self::RecoveryUsed,
        Self::SessionsEnded,
        Self::Changed,
        Self::Disabled,
        Self::Enabled,
    ];

    /// The word that the database keeps.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::PasswordChanged => "password_changed",
            Self::PasswordChosen => "password_chosen",
            Self::FactorOn => "factor_on",
            Self::FactorOff => "factor_off",
            Self::FactorReset => "factor_reset",
            Self::RecoveryMade => "recovery_made",
            Self::RecoveryUsed => "recovery_used",
            Self::SessionsEnded => "sessions_ended",
            Self::Changed => "changed",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
        }
    }

    /// Reads the word back; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }

    /// What happened, for pages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SignedIn => "Signed in",
            Self::PasswordChanged => "Password changed",
            Self::PasswordChosen => "Password chosen by a link",
            Self::FactorOn => "Second factor set up",
            Self::FactorOff => "Second factor taken away",
            Self::FactorReset => "Second factor taken away by an administrator",
            Self::RecoveryMade => "New recovery codes made",
            Self::RecoveryUsed => "Signed in with a recovery code",
            Self::SessionsEnded => "Sessions ended",
            Self::Changed => "Name or rights changed",
            Self::Disabled => "Disabled",
            Self::Enabled => "Let in again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back() {
        for event in AccountEvent::ALL {
            assert_eq!(AccountEvent::parse(event.as_str()), Some(event));
        }
        assert_eq!(AccountEvent::parse("signed in"), None);
    }
}
