//! Properties of the whole middle, on generated streams of stanzas and on damaged ones. The
//! judge of what is well formed is a strict parser that shares no code with the program.

#[allow(dead_code, reason = "shared with the tests of bad input, which use the rest")]
#[path = "../bad_inputs/fixture.rs"]
mod fixture;
mod generators;
#[path = "../bad_inputs/oracle.rs"]
mod oracle;
mod session;
mod splitter;
mod translation;
