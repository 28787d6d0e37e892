//! The thread that writes.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
};

use tokio::sync::{mpsc, oneshot};

/// The writer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the writer has ended")]
pub struct Closed;

/// A thread that carries out commands. Dropping it waits for the thread, so that the files are free afterwards.
#[derive(Debug)]
pub struct Writer<C> {
    name: &'static str,
    /// `None` only while being dropped.
    commands: Option<mpsc::Sender<C>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

// === impl Writer ===

impl<C: Send + 'static> Writer<C> {
    /// Starts `work` with what comes; it is to end when every sender is gone. `waiting` commands may wait for it.
    pub fn start(
        name: &'static str,
        waiting: usize,
        work: impl FnOnce(mpsc::Receiver<C>) + Send + 'static,
    ) -> io::Result<Self> {
        let (commands, receiver) = mpsc::channel(waiting);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(receiver))?;
        Ok(Self { name, commands: Some(commands), thread: Mutex::new(Some(thread)) })
    }

    /// Sends the command that `make` makes of a way to answer, and waits for the answer.
    pub async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> C) -> Result<T, Closed> {
        let (sender, answer) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or(Closed)?;
        commands.send(make(sender)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}

impl<C> Drop for Writer<C> {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread {} panicked", self.name);
        }
    }
}
