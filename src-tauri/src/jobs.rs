//! Long work that somebody waits for and may cancel: checks and plans of imports. One at a time.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_app::api::ImportProgress;
use cairn_app::error::{Result, fault};
use cairn_app::imports::{Progress, Watch};
use cairn_protocol::ApiError;
use tokio::sync::Notify;

/// The job that runs now, if one does.
#[derive(Default)]
pub struct Jobs(Mutex<Option<Arc<Job>>>);

#[derive(Default)]
struct Job {
    cancelled: AtomicBool,
    rings: Notify,
    progress: Mutex<Progress>,
}

impl Jobs {
    fn running(&self) -> MutexGuard<'_, Option<Arc<Job>>> {
        // What is held is valid after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `work`, which is given a watch to report to. Where the job is cancelled, that is
    /// answered at once; the work ends by itself when it next asks its watch. A job that runs already
    /// is cancelled: its answer is of no use any more.
    ///
    /// # Errors
    /// `import_cancelled`; what the work answers.
    pub async fn run<T, F>(&self, work: impl FnOnce(Watch) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let job = Arc::new(Job::default());
        if let Some(older) = self.running().replace(Arc::clone(&job)) {
            older.cancel();
        }
        let done = tokio::select! {
            done = work(job.watch()) => done,
            () = job.rings.notified() => Err(cancelled()),
        };
        self.running().take_if(|running| Arc::ptr_eq(running, &job));
        // An end that came just before the cancelling is a cancelling too: that is what the person saw.
        if job.cancelled.load(Ordering::SeqCst) { Err(cancelled()) } else { done }
    }

    /// How far the running job is.
    pub fn progress(&self) -> Option<ImportProgress> {
        self.running().as_ref().map(|job| {
            let Progress { rows, bytes, pass: (pass, passes) } = *job.progress();
            ImportProgress { rows, bytes, pass: pass.max(1), passes: passes.max(1) }
        })
    }

    /// Cancels the running job.
    pub fn cancel(&self) {
        if let Some(job) = self.running().as_ref() {
            job.cancel();
        }
    }
}

impl Job {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.rings.notify_one();
    }

    fn watch(self: &Arc<Self>) -> Watch {
        let job = Arc::clone(self);
        Watch::new(move |progress| {
            *job.progress() = progress;
            if job.cancelled.load(Ordering::SeqCst) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }
}

fn cancelled() -> ApiError {
    fault("import_cancelled", "You cancelled this. Nothing was written.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_job_says_how_far_it_is_while_it_runs() {
        let jobs = Jobs::default();
        assert_eq!(jobs.progress(), None);
        let work = |watch: Watch| {
            assert!(watch.pass(2, 3).goes_on(Progress { rows: 7, bytes: 70, ..Progress::default() }));
            ready(Ok(jobs.progress()))
        };
        let seen = jobs.run(work).await.unwrap();
        assert_eq!(seen, Some(ImportProgress { rows: 7, bytes: 70, pass: 2, passes: 3 }));
        assert_eq!(jobs.progress(), None);
    }

    #[tokio::test]
    async fn a_cancelled_job_answers_at_once_and_its_work_is_told() {
        let jobs = Arc::new(Jobs::default());
        let mut told = None;
        let work = |watch: Watch| {
            told = Some(watch);
            jobs.cancel();
            // Work that has not asked yet goes on; nobody waits for it.
            pending::<Result<()>>()
        };
        assert_eq!(jobs.run(work).await.unwrap_err().code, "import_cancelled");
        assert!(!told.unwrap().goes_on(Progress::default()));
        assert_eq!(jobs.progress(), None);
        assert_eq!(jobs.run(|_| ready(Ok(1))).await.unwrap(), 1, "the next one is not cancelled");
    }

    #[tokio::test]
    async fn a_newer_job_takes_the_place_of_an_older_one() {
        let jobs = Jobs::default();
        let newer = async { jobs.run(|_| ready(Ok("newer"))).await };
        let older = jobs.run(|_| newer);
        assert_eq!(older.await.unwrap_err().code, "import_cancelled");
        assert_eq!(jobs.progress(), None);
    }

    #[tokio::test]
    async fn work_that_ends_while_it_is_cancelled_counts_as_cancelled() {
        let jobs = Jobs::default();
        let work = |_| {
            jobs.cancel();
            ready(Ok(()))
        };
        assert_eq!(jobs.run(work).await.unwrap_err().code, "import_cancelled");
    }
}
