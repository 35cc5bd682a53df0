//! A user who sends requests all the time, and a client that answers, on the built-in server.

use std::sync::atomic::{AtomicBool, Ordering};

use mock_server::{Client, Server};

use crate::daemon::DOMAIN;
use crate::stage::reply_to;
use crate::wait::PATIENCE;

pub struct Crowd {
    user: Client,
    client: Client,
}

impl Crowd {
    /// With one client of this account.
    pub fn of(server: &Server, target: &str) -> Self {
        let client = server.client(&format!("{target}/a"));
        Self { user: server.client("user@some-domain.example/abc"), client }
    }

    /// Sends and answers requests while something is done, and until the last reply has arrived; returns
    /// the number of requests. All must have been answered.
    pub async fn asks_while(&mut self, doing: impl Future<Output = ()>) -> usize {
        const AT_A_TIME: usize = 64;
        let Self { user, client } = self;
        let over = AtomicBool::new(false);
        let asking = async {
            let (mut asked, mut answered) = (0, 0);
            while !over.load(Ordering::Relaxed) || answered < asked {
                while asked - answered < AT_A_TIME && !over.load(Ordering::Relaxed) {
                    let request = format!("<iq type='get' id='{asked}' to='{DOMAIN}'><ask/></iq>");
                    user.send(&request).unwrap();
                    asked += 1;
                }
                let reply = user.recv_iq_within(PATIENCE).await.expect("a reply");
                assert!(reply.contains("<answer/>"), "{reply}");
                answered += 1;
            }
            asked
        };
        let answering = async {
            loop {
                let request = client.recv_iq_within(PATIENCE).await.expect("a request");
                client.send(&reply_to(&request)).unwrap();
            }
        };
        let doing = async {
            doing.await;
            over.store(true, Ordering::Relaxed);
        };
        tokio::select! {
            (asked, ()) = async { tokio::join!(asking, doing) } => asked,
            () = answering => unreachable!("it goes on"),
        }
    }
}
