//! argv in, exit status out.

use std::process::ExitCode;

use bbconnect::app::Environment;

fn main() -> ExitCode {
    bbconnect::sys::signals::install_handlers();
    bbconnect::run(std::env::args_os(), &Environment::from_process()).into()
}
