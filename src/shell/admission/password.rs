//! Passwords against their hashes: on the pool, one at a time, and each that was right only once.

use std::cell::RefCell;
use std::sync::Arc;

use heapless::HistoryBuf;
use smol::lock::Semaphore;

use crate::config::web::PasswordHash;
use crate::limits::{ACCESS_REMEMBERED_MAX, ACCESS_WAITING_MAX};

/// Bytes of a password that bcrypt looks at, with the zero at its end.
const BYTES_MAX: usize = 72;

/// Checks passwords, and remembers which were right.
#[derive(Debug)]
pub(super) struct Passwords {
    /// One more than may wait: that one is being checked.
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    /// A new one takes the place of the oldest.
    known: RefCell<HistoryBuf<[u8; 32], ACCESS_REMEMBERED_MAX>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(ACCESS_WAITING_MAX + 1)),
            turn: Arc::new(Semaphore::new(1)),
            known: RefCell::default(),
        }
    }
}

impl Passwords {
    /// Whether a password with this id was right before.
    pub(super) fn is_known(&self, id: &[u8; 32]) -> bool {
        self.known.borrow().as_slice().contains(id)
    }

    /// Takes note that it was right.
    pub(super) fn remember(&self, id: [u8; 32]) {
        if !self.is_known(&id) {
            self.known.borrow_mut().write(id);
        }
    }

    /// Whether a password fits; none if too many others wait to be checked.
    pub(super) async fn fits(&self, hash: &PasswordHash, password: String) -> Option<bool> {
        let place = self.places.try_acquire_arc()?;
        let turn = self.turn.acquire_arc().await;
        let hash = hash.clone();
        let fits = blocking::unblock(move || {
            let fits = check(&hash, &password);
            // Held to the end also where the client has gone meanwhile.
            drop((place, turn));
            fits
        });
        Some(fits.await)
    }
}

fn check(hash: &PasswordHash, password: &str) -> bool {
    let mut bytes = password.as_bytes().to_vec();
    bytes.push(0);
    bytes.truncate(BYTES_MAX);
    let found = bcrypt::bcrypt(hash.cost, hash.salt, &bytes);
    // Every byte is looked at, wherever the first difference is.
    let differences = found.iter().zip(&hash.digest).fold(0, |all, (a, b)| all | (a ^ b));
    differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> PasswordHash {
        // Of "hunter2", made by the system's crypt.
        PasswordHash::parse("$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.").unwrap()
    }

    #[test]
    fn only_the_right_password_fits() {
        assert!(check(&hash(), "hunter2"));
        for wrong in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!check(&hash(), wrong), "{wrong}");
        }
        // Vectors of jBCrypt and of Go's golang.org/x/crypto/bcrypt.
        for (password, text) in [
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("allmine", "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"),
        ] {
            assert!(check(&PasswordHash::parse(text).unwrap(), password), "{password}");
        }
        assert!(!check(&hash(), &"x".repeat(1000)));
    }

    #[test]
    fn one_is_checked_at_a_time_and_only_so_many_wait() {
        let (passwords, hash) = (Passwords::default(), hash());
        let turn = smol::block_on(passwords.turn.acquire_arc());
        let executor = smol::LocalExecutor::new();
        let checks: Vec<_> = (0..=ACCESS_WAITING_MAX)
            .map(|_| executor.spawn(passwords.fits(&hash, "hunter2".to_owned())))
            .collect();
        while executor.try_tick() {}
        assert_eq!(smol::block_on(executor.run(passwords.fits(&hash, "x".to_owned()))), None);
        drop(turn);
        for check in checks {
            assert_eq!(smol::block_on(executor.run(check)), Some(true));
        }
        assert_eq!(
            smol::block_on(executor.run(passwords.fits(&hash, "x".to_owned()))),
            Some(false)
        );
    }

    #[test]
    fn the_last_that_were_right_are_remembered() {
        let passwords = Passwords::default();
        let id = |number: usize| [u8::try_from(number).unwrap(); 32];
        for number in 0..=ACCESS_REMEMBERED_MAX {
            passwords.remember(id(number));
            passwords.remember(id(number));
        }
        assert!(!passwords.is_known(&id(0)));
        assert!((1..=ACCESS_REMEMBERED_MAX).all(|number| passwords.is_known(&id(number))));
    }
}
