use core_tests::checks::each_seed;

use crate::check::Folder;

#[test]
fn of_the_configuration() {
    let folder = Folder::new();
    each_seed("configuration", |data| {
        let _ = folder.check(data);
    });
}
