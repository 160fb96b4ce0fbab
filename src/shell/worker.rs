//! A thread for work that may block for long, shared with no other work.

use std::io;
use std::thread;

use smol::channel::{self, Receiver, Sender};

type Job = Box<dyn FnOnce() + Send>;

/// The thread; it ends when this is dropped and what it does has ended.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Sender<Job>,
}

impl Worker {
    /// Starts a thread of this name.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (jobs, waiting) = channel::bounded::<Job>(1);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(job) = waiting.recv_blocking() {
                job();
            }
        })?;
        Ok(Self { jobs })
    }

    /// Does `job` after the one that is being done. Its result comes over the channel, which ends without one if another
    /// job waits already.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Receiver<T> {
        let (done, result) = channel::bounded(1);
        let job = move || {
            // Nobody may wait for it any more.
            done.try_send(job()).ok();
        };
        // Where there is no room, `done` is dropped, so that the channel ends.
        self.jobs.try_send(Box::new(job)).ok();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_in_order_on_a_thread_of_the_given_name() {
        let worker = Worker::start("flash").unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (started, begun) = std::sync::mpsc::channel();
        let first = worker.run(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            thread::current().name().map(str::to_owned)
        });
        begun.recv().unwrap();
        let (second, third) = (worker.run(|| 2), worker.run(|| 3));
        go.send(()).unwrap();
        drop(worker);
        assert_eq!(smol::block_on(second.recv()), Ok(2));
        assert!(smol::block_on(third.recv()).is_err(), "one waits already");
        assert_eq!(first.try_recv().unwrap().as_deref(), Some("flash"));
    }
}
