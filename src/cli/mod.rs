//! The command line: arguments and environment in, text and an exit code out.
//!
//! The only place that knows arguments, the environment, standard output and today's date.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod args;
mod chain;
mod config;
mod explain;
mod inspect;
mod limits;
mod lists;
mod progress;
mod scan;

use std::io::{self, Read, Write};
use std::panic;

use clap::Parser;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::escape_terminal;
use crate::exit::Exit;
use crate::regulation::Rules;

/// Runs the command of this process and gives its exit code.
#[must_use]
pub fn run() -> u8 {
    // A reader that gives up on hostile input is caught and becomes a gap; its message would only confuse.
    panic::set_hook(Box::new(|info| {
        if std::env::var_os("UNDERLABEL_BACKTRACE").is_some() {
            eprintln!("{info}");
        }
    }));
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            // Help and version are no errors.
            return if error.use_stderr() { Exit::Error.code() } else { Exit::Clear.code() };
        }
    };
    let done = panic::catch_unwind(|| dispatch(&args));
    match done {
        Ok(Ok(exit)) => exit.code(),
        Ok(Err(Error::Write { source, .. })) if source.kind() == io::ErrorKind::BrokenPipe => Exit::Clear.code(),
        Ok(Err(error)) => {
            let text = error.to_string();
            // A name may hold line breaks; what is wrong with a TOML file is told in lines.
            let lines = matches!(error, Error::Catalog { .. } | Error::Rules { .. } | Error::Config { .. });
            eprintln!("underlabel: {}", if lines { escape_lines(&text) } else { escape_terminal(&text).into_owned() });
            Exit::Error.code()
        }
        Err(_) => {
            eprintln!("underlabel: internal error; please report it (UNDERLABEL_BACKTRACE=1 says where)");
            Exit::Error.code()
        }
    }
}

fn dispatch(args: &args::Args) -> Result<Exit, Error> {
    match &args.command {
        args::Command::Scan(scan) => scan::run(scan),
        args::Command::Inspect(inspect) => inspect::run(inspect),
        args::Command::Catalog(command) => lists::catalog(command),
        args::Command::Rules(command) => lists::rules(command),
        args::Command::Explain(explain) => explain::run(explain),
        args::Command::Schema => print(&crate::report::schema()).map(|()| Exit::Clear),
    }
}

/// The catalogue, with the user's own files of the configuration and the arguments.
fn catalog_of(added: &[std::path::PathBuf], config: &config::Config) -> Result<Catalog, Error> {
    let mut all: Vec<_> = config.catalog.iter().map(|path| config.beside(path)).collect();
    let real = |path: &std::path::Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known: Vec<_> = all.iter().map(|path| real(path)).collect();
    all.extend(added.iter().filter(|path| !known.contains(&real(path))).cloned());
    catalog(&all)
}

/// The catalogue, with the user's own files.
fn catalog(added: &[std::path::PathBuf]) -> Result<Catalog, Error> {
    let mut catalog = Catalog::built_in()?;
    for path in added {
        let text = text(path, |file, detail| Error::Catalog { file, detail })?;
        catalog.add(&path.to_string_lossy(), &text)?;
    }
    catalog.check()?;
    Ok(catalog)
}

/// All rules, with the user's own files of the configuration and those given.
fn rules_of(added: &[std::path::PathBuf], config: &config::Config) -> Result<Rules, Error> {
    let mut rules = Rules::built_in()?;
    let own = config.rules.iter().filter(|name| is_table(name)).map(|name| config.beside(name.as_ref()));
    for path in own.chain(added.iter().cloned()) {
        rules.add(&path.to_string_lossy(), &text(&path, |file, detail| Error::Rules { file, detail })?)?;
    }
    Ok(rules)
}

/// Whether a name among rules is that of a file: ids have no ending.
fn is_table(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

/// Most bytes of a file of the user's own: an older report is the longest.
const OWN_FILE: u64 = 512 << 20;

/// The text of a file of the user's own.
fn text(path: &std::path::Path, broken: impl Fn(String, String) -> Error) -> Result<String, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(OWN_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > OWN_FILE {
        return Err(broken(path.display().to_string(), format!("more than {} MiB", OWN_FILE >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| broken(path.display().to_string(), "not UTF-8".to_owned()))
}

/// Writes to standard output; a closed pipe ends the run quietly.
fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Error::Write { to: "standard output".to_owned(), source })
}

/// Escapes each line by itself: an error about a TOML file shows the lines it is about.
fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape_terminal(line).into_owned()).collect::<Vec<_>>().join("\n")
}
