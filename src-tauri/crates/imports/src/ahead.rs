//! Work on a second thread that stays a little ahead of the first.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, scope};

use crate::error::{ImportError, Result};

/// Batches that wait to be taken at most, so that memory stays flat whichever side is slower.
const MOST_WAITING: usize = 2;

/// Hands a batch over; [`ImportError::Cancelled`] where nobody takes it any more.
pub(crate) type Give<'g, B> = &'g mut dyn FnMut(B) -> Result<()>;

/// Makes batches on a thread of its own while those before are taken here, in the order in which they
/// are given. Answers what `make` does.
///
/// # Errors
/// What `take` says, which ends `make` with the next batch that it gives; what `make` says, once all that
/// it gave was taken. A panic of either ends both.
pub(crate) fn ahead<B: Send, T: Send, E: From<ImportError>>(
    make: impl FnOnce(Give<'_, B>) -> Result<T> + Send,
    take: impl FnMut(B) -> std::result::Result<(), E>,
) -> std::result::Result<T, E> {
    scope(|scope| {
        let (give, given) = sync_channel(MOST_WAITING);
        let make = move || make(&mut |batch| give.send(batch).map_err(|_| ImportError::Cancelled));
        let started = Builder::new().name("import".to_owned()).spawn_scoped(scope, make);
        let making = started.map_err(|error| ImportError::io("a thread", &error))?;
        let taken = given.iter().try_for_each(take);
        // Whoever still gives must not wait for somebody to take.
        drop(given);
        let made = making.join().unwrap_or_else(|panic| resume_unwind(panic));
        taken?;
        Ok(made?)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn numbers(give: Give<'_, u32>) -> Result<&'static str> {
        (0..1_000).try_for_each(give).map(|()| "all")
    }

    fn fault(reason: &str) -> ImportError {
        ImportError::UnknownFormat { reason: reason.to_owned() }
    }

    #[test]
    fn all_is_taken_in_order() {
        let mut taken = Vec::new();
        let made = ahead(numbers, |number| {
            taken.push(number);
            Ok::<(), ImportError>(())
        });
        assert_eq!((made.unwrap(), taken), ("all", (0..1_000).collect()));
    }

    #[test]
    fn an_error_of_either_side_ends_both() {
        let refuse = |number| if number < 7 { Ok(()) } else { Err(fault("taken")) };
        assert_eq!(ahead(numbers, refuse).unwrap_err().to_string(), fault("taken").to_string());
        let mut count = 0;
        let made = ahead(
            |give| {
                (0..7u32).try_for_each(give)?;
                Err::<(), _>(fault("made"))
            },
            |_| {
                count += 1;
                Ok::<(), ImportError>(())
            },
        );
        assert_eq!((made.unwrap_err().to_string(), count), (fault("made").to_string(), 7));
        // What was given before counts first.
        let made = ahead(
            |give| {
                give(1)?;
                Err::<(), _>(fault("made"))
            },
            |_: u32| Err(fault("taken")),
        );
        assert_eq!(made.unwrap_err().to_string(), fault("taken").to_string());
    }

    #[test]
    fn a_panic_of_either_side_ends_both() {
        let caught = |run: &dyn Fn()| {
            let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
            panic.downcast_ref::<&str>().map(|said| (*said).to_owned()).unwrap()
        };
        let made = caught(&|| {
            let make = |give: Give<'_, u32>| -> Result<()> {
                give(1)?;
                panic!("made")
            };
            drop(ahead(make, |_| Ok::<(), ImportError>(())));
        });
        let taken = caught(&|| {
            let take = |_| -> Result<()> { panic!("taken") };
            drop(ahead(numbers, take));
        });
        assert_eq!((made.as_str(), taken.as_str()), ("made", "taken"));
    }
}
