//! The command: calls the command line, prints an error, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(underlabel::cli::run())
}
