//! What the fuzz targets check: the checks of tests/checks, with what they stand on.

#[path = "../tests/checks/mod.rs"]
pub mod checks;
#[path = "../tests/bad_inputs/fixture.rs"]
pub mod fixture;
#[path = "../tests/bad_inputs/oracle.rs"]
pub mod oracle;
