//! What tests on real servers share: [`server`] starts the servers, [`proxy`] the program under
//! test, [`client`] sends exact bytes on a [`connection`], [`stanza`] compares what arrives, [`scene`]
//! combines them, [`client_proxy`] is what Prosody has instead, and [`case!`](crate::case) makes
//! tests from a function, one for each server.

pub mod between;
pub mod client;
pub mod client_proxy;
pub mod connection;
pub mod host;
pub mod proxy;
pub mod scene;
pub mod server;
pub mod stanza;
pub mod tcp;

/// `case!(name: both)` makes tests from the function `name`, for Prosody and for ejabberd of each
/// Debian: `name::debian_12::prosody`, `name::debian_13::ejabberd`, `name::sid::prosody` and so
/// on. `prosody`, `ejabberd` and `jabberd2` are for one of them, `all` is for all three; jabberd2 is
/// from sid only.
#[macro_export]
macro_rules! case {
    ($name:ident: both) => { $crate::case!($name: [prosody ejabberd] [prosody ejabberd]); };
    ($name:ident: all) => { $crate::case!($name: [prosody ejabberd] [prosody ejabberd jabberd2]); };
    ($name:ident: jabberd2) => { $crate::case!($name: [] [jabberd2]); };
    ($name:ident: $software:ident) => { $crate::case!($name: [$software] [$software]); };
    ($name:ident: [$($stable:ident)*] [$($sid:ident)*]) => {
        mod $name {
            #[allow(unused_imports, reason = "some are of one server only")]
            use super::$name as test;
            $crate::case!(debian_12, Debian12: $($stable)*);
            $crate::case!(debian_13, Debian13: $($stable)*);
            $crate::case!(sid, Sid: $($sid)*);
        }
    };
    ($module:ident, $suite:ident:) => {};
    ($module:ident, $suite:ident: $($software:ident)+) => {
        mod $module {
            use super::test;
            use $crate::interop::server::{Kind, Software, Suite};
            $($crate::case!($software, $suite);)+
        }
    };
    (prosody, $suite:ident) => {
        #[test]
        #[ignore = "needs Prosody, of the Debian that its name says"]
        fn prosody() {
            test(Kind { software: Software::Prosody, suite: Suite::$suite });
        }
    };
    (ejabberd, $suite:ident) => {
        #[test]
        #[ignore = "needs ejabberd, of the Debian that its name says"]
        fn ejabberd() {
            test(Kind { software: Software::Ejabberd, suite: Suite::$suite });
        }
    };
    (jabberd2, $suite:ident) => {
        #[test]
        #[ignore = "needs jabberd2, of the Debian that its name says"]
        fn jabberd2() {
            test(Kind { software: Software::Jabberd2, suite: Suite::$suite });
        }
    };
}
