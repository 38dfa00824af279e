//! What every command is: arguments that can be run, and a result that can be written.

use crate::app::App;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ui::{CommandOutput, Ui};

/// A command: its arguments, and what it does with them.
pub(crate) trait Subcommand {
    /// The result, as data; how it is written is [`CommandOutput`]'s.
    type Output: CommandOutput;

    /// Carries the command out. Prints nothing but progress and prompts.
    fn run(&self, app: &App) -> Result<Self::Output, Error>;

    /// Writes the result, and returns the exit status that it stands for.
    fn write(output: Self::Output, ui: &Ui) -> Result<ExitStatus, Error> {
        ui.print_result(&output)
    }
}

/// A command or a group of commands, as the command line names it.
pub(crate) trait Dispatch {
    /// Runs the command that was named and writes its result.
    fn dispatch(&self, app: &App) -> Result<ExitStatus, Error>;
}

impl<T: Subcommand> Dispatch for T {
    fn dispatch(&self, app: &App) -> Result<ExitStatus, Error> {
        T::write(self.run(app)?, &app.ui)
    }
}

/// Declares the enum of a group's commands for clap and registers them: one line for each command.
macro_rules! command_group {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $group:ident {
            $($(#[$command_meta:meta])* $command:ident($arguments:ty),)+
        }
    ) => {
        #[derive(Debug, clap::Subcommand)]
        $(#[$meta])*
        $visibility enum $group {
            $($(#[$command_meta])* $command($arguments),)+
        }

        const _: () = {
            use $crate::app::App;
            use $crate::commands::Dispatch;
            use $crate::error::Error;
            use $crate::exit_status::ExitStatus;

            impl Dispatch for $group {
                fn dispatch(&self, app: &App) -> Result<ExitStatus, Error> {
                    match self {
                        $(Self::$command(arguments) => arguments.dispatch(app),)+
                    }
                }
            }
        };
    };
}

pub(crate) use command_group;
