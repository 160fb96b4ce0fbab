//! The `bellwether` binary: arguments to exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bellwether::cli::main()
}
