//! Bugs planted on purpose, one at a time, to prove that the simulator sees them.
//!
//! Without the feature `planted` every switch is a constant `false` and the compiler removes it.

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A planted bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$doc])* $name),+
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it is called in the simulator's output.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

bugs! {
    /// A push reply moves the laptop's cursor.
    CursorMovedByReceipt = "cursor-moved-by-receipt",
    /// The service gives a number without storing its counter.
    CounterNotKept = "counter-not-kept",
    /// A pending op does not keep the cells as they were before it.
    BeforeImageLost = "before-image-lost",
    /// A write removes values that its author had not seen.
    ValueDropped = "value-dropped",
    /// A refused op stays at the head of the queue.
    RefusalBlocks = "refusal-blocks",
    /// A laptop does not remember what it was answered.
    ReceiptForgotten = "receipt-forgotten",
    /// The service answers a number it knows without looking at the bytes.
    HashNotCompared = "hash-not-compared",
    /// The base of a refused op is not followed.
    BaseNotFollowed = "base-not-followed",
    /// A write over a held value does not count it as replaced.
    HeldNotAwaited = "held-not-awaited",
    /// Equal values count as a conflict.
    EqualConflict = "equal-values-conflict",
    /// A second write of blocked loses the blocker.
    BlockerLost = "blocker-lost",
    /// A laptop's digest misses a change.
    DigestNotUpdated = "digest-not-updated",
    /// Pending ops are not decided again after a pull.
    NotDecidedAgain = "not-decided-again",
    /// A page is applied and the cursor stays.
    PageWithoutCursor = "page-without-cursor",
    /// The cursor moves and the page is not applied.
    CursorWithoutPage = "cursor-without-page",
    /// A page leaves a row out.
    PullSkipsRow = "pull-skips-row",
    /// Bytes that were issued again are accepted beside the first ones.
    ReissuedTwice = "reissued-twice",
    /// The work of somebody not assigned is accepted.
    StrangerAccepted = "stranger-accepted",
    /// The service goes on from any history.
    RestoreNotNoticed = "restore-not-noticed",
    /// An undo does not look at later writes.
    UndoIgnoresLater = "undo-ignores-later",
    /// Quarantine drops the op.
    QuarantineDrops = "quarantine-drops",
    /// A confirmed own op stays in the outbox.
    OwnOpKept = "own-op-kept",
    /// The outbox is pushed newest first.
    OutboxOrderLost = "outbox-order-lost",
    /// A client reader gets the team's side.
    AudienceLeak = "audience-leak",
    /// A write is acknowledged without a commit.
    AcknowledgedEarly = "acknowledged-early",
    /// A refusal gets no permanent receipt.
    RefusalNotKept = "refusal-not-kept",
    /// A held op is not put on the list.
    HeldNotListed = "held-not-listed",
    /// A number is given out twice.
    NumberReused = "number-reused",
    /// After a restore of the service nothing is sent again.
    NotSentAgain = "not-sent-again",
    /// Nobody asks what became of held work.
    HeldNotAskedFor = "held-not-asked-for",
    /// What lies beyond the common point is not offered.
    NotOffered = "not-offered",
    /// A rollback does not bring back what an import had replaced.
    RollbackForgetsImage = "rollback-forgets-image",
    /// A roster's revision moves on without some of its records.
    RevisionWithoutRows = "revision-without-rows",
    /// After a restore of the service the files of imports are not sent again.
    FilesNotSentAgain = "files-not-sent-again",
    /// A tenant that went away leaves its roster behind.
    RosterLeft = "roster-left",
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug in this thread, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this bug is planted in this thread.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use switch::{plant, planted};

/// Whether this bug is planted: never, in a program built without the feature.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}
