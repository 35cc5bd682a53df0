//! Arguments to exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    jat_proxy::cli::main().into()
}
