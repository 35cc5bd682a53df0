//! Answers that wait to be read. Their number is bounded by that of the connections; their bytes
//! are bounded here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answers::{self, WholeResponse};

/// What all large answers may hold together.
pub(super) struct Stock {
    free: Arc<Semaphore>,
    /// How large the last answer at a path was, if it was a large one.
    last: Mutex<HashMap<String, usize>>,
}

impl Stock {
    pub(super) fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_BYTES)), last: Mutex::default() }
    }

    /// Whether it is worth making an answer for `path`.
    pub(super) fn has_room(&self, path: &str) -> bool {
        let size = self.last().get(path).copied().unwrap_or_default();
        self.free.available_permits() >= size.min(MAX_BYTES)
    }

    /// Keeps the answer, as long as all answers together have no more than [`MAX_BYTES`];
    /// otherwise returns one that says there is no room.
    pub(super) fn keep(&self, path: &str, answer: WholeResponse) -> WholeResponse {
        let size = answer.body().len();
        if size <= SMALL_BYTES {
            return answer;
        }
        self.last().insert(path.to_owned(), size);
        // An answer that is larger than the whole stock has to be the only one.
        let size = u32::try_from(size.min(MAX_BYTES)).unwrap_or(u32::MAX);
        match Arc::clone(&self.free).try_acquire_many_owned(size) {
            Ok(held) => answer.map(|bytes| Bytes::from_owner(Kept { bytes, _held: held })),
            Err(_) => full(),
        }
    }

    fn last(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that others have not read their answers yet.
pub(super) fn full() -> WholeResponse {
    let text = "Others have not read their answers yet, and these take all the memory that there \
                is for large answers: try again in a few seconds.\n";
    let answer = answers::text(StatusCode::SERVICE_UNAVAILABLE, text);
    answers::with(answer, RETRY_AFTER, HeaderValue::from_static("5"))
}

/// An answer that uses the stock until it is written or its connection ends.
struct Kept {
    bytes: Bytes,
    _held: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// All large answers together.
const MAX_BYTES: usize = 32 << 20;
/// A smaller answer is not counted: all connections together have no more than 16 MiB of them.
const SMALL_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> WholeResponse {
        answers::text(StatusCode::OK, "x".repeat(bytes))
    }

    #[test]
    fn large_answers_share_what_there_is() {
        let stock = Stock::new();
        let mut kept = Vec::new();
        for _ in 0..3 {
            let answer = stock.keep("/status", answer(10 << 20));
            assert_eq!(answer.status(), 200);
            kept.push(answer);
        }
        assert!(!stock.has_room("/status") && stock.has_room("/"));
        assert_eq!(stock.keep("/status", answer(10 << 20)).status(), 503);
        assert_eq!(stock.keep("/status", answer(SMALL_BYTES)).status(), 200);
        // Its share is given back once it was read, or can no longer be read.
        assert_eq!(kept.remove(0).into_body().len(), 10 << 20);
        assert!(stock.has_room("/status"));
        assert_eq!(stock.keep("/status", answer(10 << 20)).status(), 200);
    }

    #[test]
    fn one_that_is_larger_than_all_is_kept_alone() {
        let stock = Stock::new();
        let large = stock.keep("/", answer(MAX_BYTES + 1));
        assert_eq!(large.status(), 200);
        assert!(!stock.has_room("/"));
        drop(large);
        assert!(stock.has_room("/"));
    }
}
