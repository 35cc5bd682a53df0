//! Answers that wait for who reads them: their number is bounded by that of the connections, and
//! here their bytes are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all large answers may hold together.
pub struct Stock {
    free: Arc<Semaphore>,
    /// How large the last answer at a path was, if it was a large one.
    last: Mutex<HashMap<String, usize>>,
}

impl Stock {
    pub fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_BYTES)), last: Mutex::default() }
    }

    /// Whether it is worth making an answer for `path`.
    pub fn has_room(&self, path: &str) -> bool {
        let size = self.last().get(path).copied().unwrap_or_default();
        self.free.available_permits() >= size.min(MAX_BYTES)
    }

    /// The answer, of which no more than [`MAX_BYTES`] are kept together with others; in place of
    /// one too many it says so.
    pub async fn keep(&self, path: &str, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        if body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES as u64) {
            return Response::from_parts(parts, body);
        }
        // It is whole already, so this neither waits nor fails.
        let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else { return full() };
        self.last().insert(path.to_owned(), bytes.len());
        // One that is larger than all that is allowed has to be the only one.
        let size = u32::try_from(bytes.len().min(MAX_BYTES)).unwrap_or(u32::MAX);
        match Arc::clone(&self.free).try_acquire_many_owned(size) {
            Ok(held) => {
                let body = Bytes::from_owner(Kept { bytes, _held: held });
                Response::from_parts(parts, Body::from(body))
            }
            Err(_) => full(),
        }
    }

    fn last(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that others have not read their answers yet.
pub fn full() -> Response {
    let text = "Others have not read their answers yet, which take all the memory that there is \
                for such large ones: ask again in some seconds.\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], text).into_response()
}

/// An answer that takes of the stock until it was written or its connection ends.
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

    fn answer(bytes: usize) -> Response {
        "x".repeat(bytes).into_response()
    }

    #[tokio::test]
    async fn large_answers_share_what_there_is() {
        let stock = Stock::new();
        let mut kept = Vec::new();
        for _ in 0..3 {
            let answer = stock.keep("/status", answer(10 << 20)).await;
            assert_eq!(answer.status(), 200);
            kept.push(answer);
        }
        assert!(!stock.has_room("/status") && stock.has_room("/"));
        assert_eq!(stock.keep("/status", answer(10 << 20)).await.status(), 503);
        assert_eq!(stock.keep("/status", answer(SMALL_BYTES)).await.status(), 200);
        // It is given back when it was read, or nobody will.
        let read = axum::body::to_bytes(kept.remove(0).into_body(), usize::MAX).await.unwrap();
        assert_eq!(read.len(), 10 << 20);
        drop(read);
        assert!(stock.has_room("/status"));
        assert_eq!(stock.keep("/status", answer(10 << 20)).await.status(), 200);
    }

    #[tokio::test]
    async fn one_that_is_larger_than_all_is_kept_alone() {
        let stock = Stock::new();
        let large = stock.keep("/", answer(MAX_BYTES + 1)).await;
        assert_eq!(large.status(), 200);
        assert!(!stock.has_room("/"));
        drop(large);
        assert!(stock.has_room("/"));
    }
}
