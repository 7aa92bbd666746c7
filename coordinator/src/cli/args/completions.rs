//! The arguments of `coordinator completions`.

use clap::Args;
use clap_complete::Shell;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator completions bash > ~/.local/share/bash-completion/completions/coordinator
  coordinator completions zsh > ~/.zfunc/_coordinator
  coordinator completions fish > ~/.config/fish/completions/coordinator.fish

Exit codes:
    0  it is printed
    2  there is none for this shell";

/// The flags of `completions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}
