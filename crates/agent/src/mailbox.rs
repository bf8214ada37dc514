//! Messages to a thread that waits in `poll(2)`: a queue and an event descriptor.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The sending and the receiving end of a queue. Clones share it.
#[derive(Debug)]
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Vec<T>>,
    event: OwnedFd,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Mailbox<T> {
    /// An empty mailbox.
    ///
    /// # Errors
    /// When the system gives no descriptor.
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { shared: Arc::new(Shared { queue: Mutex::new(Vec::new()), event }) })
    }

    /// Puts a message in and wakes the receiver.
    pub fn send(&self, message: T) {
        let was_empty = {
            let mut queue = self.lock();
            queue.push(message);
            queue.len() == 1
        };
        // A queue that had something in it has woken its receiver already.
        if was_empty {
            // Fails only when the counter is full, and then the receiver is awake anyway.
            let _ = rustix::io::write(&self.shared.event, &1_u64.to_ne_bytes());
        }
    }

    /// Takes all messages, in order, into `into`, whose own content is dropped first.
    pub fn take(&self, into: &mut Vec<T>) {
        into.clear();
        let mut queue = self.lock();
        if !queue.is_empty() {
            let mut counter = [0; 8];
            let _ = rustix::io::read(&self.shared.event, &mut counter[..]);
            std::mem::swap(&mut *queue, into);
        }
    }

    /// Readable while there are messages.
    pub fn event(&self) -> BorrowedFd<'_> {
        self.shared.event.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // A panic ends the process; where tests catch one, the queue is still whole.
        self.shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_readable(mailbox: &Mailbox<u32>) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::from_borrowed_fd(mailbox.event(), PollFlags::IN)];
        poll(&mut fds, Some(&now)).unwrap() == 1
    }

    #[test]
    fn messages_arrive_in_order_and_wake_the_receiver() {
        let mailbox = Mailbox::new().unwrap();
        assert!(!is_readable(&mailbox));
        mailbox.clone().send(1);
        mailbox.send(2);
        assert!(is_readable(&mailbox));
        let mut messages = vec![9];
        mailbox.take(&mut messages);
        assert_eq!(messages, [1, 2]);
        assert!(!is_readable(&mailbox));
        mailbox.send(3);
        assert!(is_readable(&mailbox));
    }
}
