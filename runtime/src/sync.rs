//! Locks that a panic does not close: what they guard is whole between any two statements, and a handler that panics is not to
//! stop everybody else.

use std::sync::{self, PoisonError};
pub(crate) use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// [`std::sync::Mutex`] without poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T: ?Sized>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    #[cfg(feature = "consumer")]
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`std::sync::RwLock`] without poison.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T: ?Sized>(sync::RwLock<T>);

impl<T: ?Sized> RwLock<T> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// If this fails, one handler that panics ends a group whose state it was at.
    #[test]
    fn a_lock_can_be_taken_after_a_panic() {
        let (mut one, many) = (Mutex::new(1), RwLock::<i32>::default());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let (mut one, mut many) = (one.lock(), many.write());
            (*one, *many) = (2, 2);
            panic!("a handler");
        }));
        assert!(panicked.is_err());
        assert_eq!((*one.lock(), *many.read()), (2, 2));
        *one.get_mut() += 1;
        assert_eq!(one.into_inner(), 3);
    }
}
