#![no_main]

// The configuration is part of the daemon's crate, and what the other targets share is compiled
// without that crate.
#[path = "../../tests/properties/check.rs"]
mod check;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use check::Folder;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

fuzz_target!(|data: &[u8]| {
    let _ = FOLDER.check(data);
});
