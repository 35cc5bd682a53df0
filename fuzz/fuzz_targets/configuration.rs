#![no_main]

use std::sync::LazyLock;

use jat_proxy_fuzz::checks::configuration::Folder;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

fuzz_target!(|data: &[u8]| {
    let _ = FOLDER.check(data);
});
