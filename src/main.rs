//! argv in, exit status out.

use std::process::ExitCode;

use bbconnect::Environment;

fn main() -> ExitCode {
    bbconnect::protect_memory();
    bbconnect::install_handlers();
    if bbconnect::complete(std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    bbconnect::run(std::env::args_os(), &Environment::from_process()).into()
}
