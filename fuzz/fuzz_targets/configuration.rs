#![no_main]

// The daemon has the configuration, and what the tests share is not compiled with the daemon.
#[path = "../../tests/properties/check.rs"]
mod check;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use check::Folder;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

fuzz_target!(|data: &[u8]| {
    let _ = FOLDER.check(data);
});
