//! Everything that has to end a stream, a hundred times each (ten without optimisation): its cause is
//! named, and the replica comes back and serves.

use jat_proxy::link::cause::Cause;
use mock_server::{Connection, STREAM_ERRORS};

use crate::replicas::{many, settled};

/// A cause, and how to provoke it.
type End = (Cause, fn(&Connection));

/// Ends a stream in some way, many times, each time on a server and a replica of its own.
async fn each_comes_back<E>(ends: impl IntoIterator<Item = (Cause, E)>)
where
    E: Fn(&Connection) + Clone + Send + Sync + 'static,
{
    let ends = ends.into_iter().flat_map(|end| std::iter::repeat_n(end, TIMES));
    many(AT_A_TIME, ends.map(|(cause, end)| comes_back(cause, end))).await;
}

async fn comes_back(cause: Cause, end: impl Fn(&Connection)) {
    let mut it = settled().await;
    end(&*it.connection().await);
    it.until_failed(cause).await;
    it.until_logged_in(2).await;
    it.serves().await;
    let failures = it.replica.component().stream().failures;
    // A busy server may not have noticed the end of the old connection when the new one comes.
    let others = failures.iter().sum::<u64>() - failures[Cause::Conflict as usize];
    assert_eq!(others, 1, "{failures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_server_may_send() {
    let injected = [
        "<!-- x -->",
        "<iq><!-- x --></iq>",
        "<?x y?>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]>",
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><iq>&a;</iq>",
        "<iq>&nbsp;</iq>",
        "<iq a='<'/>",
        "<iq></message>",
        "<stream:stream to='x'>",
    ];
    each_comes_back(
        injected.map(|bytes| (Cause::Protocol, move |c: &Connection| c.inject(bytes.as_bytes()))),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_utf_8() {
    // Overlong, a lone surrogate, beyond Unicode, and bytes that begin no character.
    let broken: [&[u8]; 7] = [
        b"\xff",
        b"<iq>\xc0\xaf",
        b"<iq>\xe0\x80\xaf",
        b"<iq>\xed\xa0\x80",
        b"<iq a='\xf4\x90\x80\x80",
        b"<iq>\xf0\x9f\x98<",
        b"<iq><![CDATA[\xc3(",
    ];
    // Whole, and byte by byte.
    for chunk in [1, 100] {
        each_comes_back(
            broken.map(|bytes| {
                (Cause::Protocol, move |c: &Connection| c.inject_chunks(bytes, chunk))
            }),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_errors() {
    // Those with a remedy and long waits are in `logins`.
    let waits = ["conflict", "host-gone", "host-unknown", "not-authorized"];
    let known = STREAM_ERRORS.into_iter().filter(|it| !waits.contains(it));
    each_comes_back(known.chain(["never-heard-of-it"]).map(|condition| {
        let cause = match condition {
            "system-shutdown" => Cause::Closed,
            "see-other-host" => Cause::Redirected,
            _ => Cause::StreamError,
        };
        (cause, move |c: &Connection| c.fail(condition, "because <of> it"))
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_without_an_error() {
    // Also in the middle of traffic.
    let ends: [End; 6] = [
        (Cause::Closed, Connection::close),
        (Cause::Closed, |c| {
            c.inject(TRAFFIC.repeat(100).as_bytes());
            c.close();
        }),
        (Cause::Disconnected, Connection::cut),
        (Cause::Disconnected, |c| {
            c.inject(TRAFFIC.repeat(100).as_bytes());
            c.inject(b"<iq type='get'");
            c.cut();
        }),
        (Cause::Disconnected, Connection::reset),
        (Cause::Disconnected, |c| {
            c.inject(TRAFFIC.repeat(100).as_bytes());
            c.reset();
        }),
    ];
    each_comes_back(ends).await;
}

pub const TIMES: usize = if cfg!(debug_assertions) { 10 } else { 100 };
/// Most of the time they only wait to connect again.
const AT_A_TIME: usize = 100;
const TRAFFIC: &str =
    "<iq type='get' id='t' from='other@some-domain.example/abc' to='proxy.example'/>";
