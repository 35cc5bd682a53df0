//! HTTP: metrics, health, readiness, status.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::roster::Roster;

/// Serves until it is aborted.
pub async fn serve(listener: TcpListener, roster: Arc<Roster>) {
    let _ = (listener, roster);
    std::future::pending::<()>().await;
}
