//! argv in, exit status out.

use std::process::ExitCode;

use bbconnect::context::Environment;

fn main() -> ExitCode {
    bbconnect::interrupt::install_handlers();
    bbconnect::run(std::env::args_os(), &Environment::from_process()).into()
}
