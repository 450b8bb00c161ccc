//! `underlabel scan`: arguments to settings, a report to its outputs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use super::args::{Color, Output, Scan};
use super::limits::limits;
use super::progress::Line;
use crate::error::Error;
use crate::exit::Exit;
use crate::regulation::Rules;
use crate::report::{Format, Report, Style};
use crate::source::Source;
use crate::verdict::Context;
use crate::{ScanOptions, scan};

pub(super) fn run(args: &Scan) -> Result<Exit, Error> {
    let catalog = super::catalog(&args.catalog)?;
    let rules = rules(args)?;
    let context = context(args, &rules)?;
    let limits = limits(&args.limits)?;
    if args.paths.iter().filter(|p| p.as_os_str() == "-").count() > 1 {
        return Err(Error::Usage("standard input (-) can be given once".to_owned()));
    }
    let sources: Vec<Source> = args.paths.iter().map(|path| source(path)).collect();
    let terminal = Output { format: Format::Terminal, file: None };
    let outputs = if args.outputs.is_empty() { std::slice::from_ref(&terminal) } else { &args.outputs };
    let to_stdout = outputs.iter().filter(|o| o.file.is_none()).count();
    if to_stdout > 1 {
        return Err(Error::Usage(
            "only one output can go to standard output; give the others a file: -o json=FILE".to_owned(),
        ));
    }
    let options = ScanOptions { strict: args.strict, mentions: args.mentions, opened: args.verbose };
    let line = Line::watch(&limits.progress);
    let report = scan(&sources, &catalog, &rules, &context, &limits, options);
    drop(line);
    let report = report?;
    let exit = Exit::of(&report, args.fail_on.0);
    for output in outputs {
        match write(output, &report, args, exit) {
            // Whoever closed the pipe has seen enough; the verdict stands.
            Err(Error::Write { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
    }
    Ok(exit)
}

pub(super) fn source(path: &Path) -> Source {
    if path.as_os_str() == "-" { Source::Stdin } else { Source::Path(path.to_owned()) }
}

/// The rules named, or those judged by default.
fn rules(args: &Scan) -> Result<Rules, Error> {
    let mut rules = Rules::built_in()?;
    rules.choose(&args.rules)?;
    Ok(rules)
}

fn context(args: &Scan, rules: &Rules) -> Result<Context, Error> {
    let mut nexus = BTreeMap::new();
    for (key, value) in &args.nexus {
        if rules.nexus(key).is_none() {
            let keys: Vec<&str> = rules.nexus.iter().map(|n| n.key.as_str()).collect();
            return Err(Error::Usage(format!("no nexus fact {key:?}; there are {}", keys.join(", "))));
        }
        if nexus.insert(key.clone(), *value).is_some_and(|before| before != *value) {
            return Err(Error::Usage(format!("--nexus {key} is given as yes and as no")));
        }
    }
    let today = || jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    Ok(Context { as_of: args.as_of.unwrap_or_else(|| today().into()), nexus })
}

fn write(output: &Output, report: &Report, args: &Scan, exit: Exit) -> Result<(), Error> {
    let why = match exit {
        Exit::Clear => "examined; no verdict reaches --fail-on",
        Exit::Found => "a verdict reaches --fail-on",
        Exit::Error => "error",
        Exit::Incomplete => "incomplete: something could not be examined or recognised",
    };
    let mut style = Style { verbose: args.verbose, exit: Some((exit.code(), why)), ..Style::default() };
    let to = output.file.as_ref().map_or_else(|| "standard output".to_owned(), |f| f.display().to_string());
    let failed = |source| Error::Write { to: to.clone(), source };
    if let Some(path) = &output.file {
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        output.format.write(report, &style, &mut file).and_then(|()| file.flush()).map_err(failed)
    } else {
        let stdout = io::stdout();
        style.colour = match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
        };
        if stdout.is_terminal()
            && let Some((width, _)) = terminal_size::terminal_size()
        {
            style.width = usize::from(width.0).clamp(32, 120);
        }
        let mut out = BufWriter::new(stdout.lock());
        output.format.write(report, &style, &mut out).and_then(|()| out.flush()).map_err(failed)
    }
}
