//! Makes tests of a function: one for each server.

/// `case!(name: both)` makes a test of the function `name` for Prosody and for ejabberd of each
/// Debian: `name::debian_12::prosody`, `name::debian_13::ejabberd`, `name::sid::prosody` and so
/// on. `prosody`, `ejabberd` and `jabberd2` are one of them, `all` is all three; jabberd2 comes
/// from sid only.
macro_rules! case {
    ($name:ident: both) => { case!($name: [prosody ejabberd] [prosody ejabberd]); };
    ($name:ident: all) => { case!($name: [prosody ejabberd] [prosody ejabberd jabberd2]); };
    ($name:ident: jabberd2) => { case!($name: [] [jabberd2]); };
    ($name:ident: $software:ident) => { case!($name: [$software] [$software]); };
    ($name:ident: [$($stable:ident)*] [$($sid:ident)*]) => {
        mod $name {
            #[allow(unused_imports, reason = "some are of one server only")]
            use super::$name as test;
            case!(debian_12, Debian12: $($stable)*);
            case!(debian_13, Debian13: $($stable)*);
            case!(sid, Sid: $($sid)*);
        }
    };
    ($module:ident, $suite:ident:) => {};
    ($module:ident, $suite:ident: $($software:ident)+) => {
        mod $module {
            use super::test;
            use crate::server::{Kind, Software, Suite};
            $(case!($software, $suite);)+
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
