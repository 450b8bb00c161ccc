//! `underlabel scan`: arguments to settings, a report to its outputs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use jiff::civil::Date;

use super::args::{Color, FailOn, Output, Scan, as_of, fail_on};
use super::config::Config;
use super::limits::limits;
use super::progress::Line;
use crate::catalog::Catalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::regulation::Rules;
use crate::report::{Finding, Format, Report, SCHEMA_VERSION, Style, WaiverState};
use crate::source::Source;
use crate::verdict::{Context, Outcome};
use crate::{ScanOptions, baseline, scan, waiver};

pub(super) fn run(args: &Scan) -> Result<Exit, Error> {
    let config = Config::read(args.limits.config.as_deref())?;
    let catalog = super::catalog_of(&args.catalog, &config)?;
    let rules = rules(args, &config)?;
    let context = context(args, &config, &rules)?;
    let limits = limits(&args.limits, &config.limits);
    let fail_on = match (args.fail_on, &config.fail_on) {
        (Some(given), _) => given,
        (None, Some(text)) => fail_on(text).map_err(|e| config.error(format!("fail-on: {e}")))?,
        (None, None) => FailOn(Some(Outcome::Unclear)),
    };
    known(&config, &catalog)?;
    // A misspelt maker would judge nothing, and look like a pass.
    for rule in &rules.regulations {
        if !rule.makers.iter().any(|m| catalog.products().iter().any(|p| p.maker.eq_ignore_ascii_case(m))) {
            let (file, makers) = (rule.file.clone(), rule.makers.join(", "));
            return Err(Error::Rules {
                file,
                detail: format!("{}: the catalogue has no product by {makers}", rule.id),
            });
        }
    }
    let older = args.baseline.as_deref().map(older).transpose()?;
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
    let components = args.components || outputs.iter().any(|o| o.format == Format::ItAcn);
    let options = ScanOptions { strict: args.strict, mentions: args.mentions, opened: args.verbose, components };
    let line = Line::watch(&limits.progress);
    let report = scan(&sources, &catalog, &rules, &context, &limits, options);
    drop(line);
    let mut report = report?;
    if !config.waiver.is_empty() {
        // A waiver ends by the calendar, whatever day the product is judged by.
        waiver::apply(&mut report, &config.waiver, today());
    }
    if let Some(older) = &older {
        baseline::compare(&mut report, older);
    }
    report.context.configuration = Some(config.file.to_string_lossy().into_owned()).filter(|file| !file.is_empty());
    let exit = Exit::of(&report, fail_on.0);
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

/// The rules named, or those judged by default. A file is told by its ending.
fn rules(args: &Scan, config: &Config) -> Result<Rules, Error> {
    let mut rules = Rules::built_in()?;
    let file = super::is_table;
    let (wanted, given) = if args.rules.is_empty() { (&config.rules, false) } else { (&args.rules, true) };
    let mut own = Vec::new();
    for name in wanted.iter().filter(|name| file(name)) {
        let path = if given { Path::new(name).to_owned() } else { config.beside(Path::new(name)) };
        let before = rules.regulations.len();
        rules.add(&path.to_string_lossy(), &super::text(&path, |file, detail| Error::Rules { file, detail })?)?;
        own.extend(rules.regulations.iter().skip(before).map(|r| r.id.clone()));
    }
    // Those named, a group being all in it.
    let defaults = rules.regulations.iter().filter(|r| r.default).map(|r| r.id.clone());
    let mut ids: Vec<String> = wanted.iter().filter(|name| !file(name) && *name != "default").cloned().collect();
    // Whoever asks for the Italian list asks what Italy's circular makes of what is on it.
    let italian = args.outputs.iter().any(|o| o.format == Format::ItAcn) && wanted.is_empty();
    if italian || wanted.iter().any(|name| name == "default") {
        ids.extend(defaults);
    }
    ids.extend(own);
    ids.extend(italian.then(|| "it-acn-2025".to_owned()));
    rules.choose(&ids)?;
    Ok(rules)
}

fn context(args: &Scan, config: &Config, rules: &Rules) -> Result<Context, Error> {
    let unknown = |key: &str| rules.nexus(key).is_none();
    let no_such = |key: &str| {
        let keys: Vec<&str> = rules.nexus.iter().map(|n| n.key.as_str()).collect();
        format!("no nexus fact {key:?}; there are {}", keys.join(", "))
    };
    let mut nexus = BTreeMap::new();
    for (key, value) in &args.nexus {
        if unknown(key) {
            return Err(Error::Usage(no_such(key)));
        }
        if nexus.insert(key.clone(), *value).is_some_and(|before| before != *value) {
            return Err(Error::Usage(format!("--nexus {key} is given as yes and as no")));
        }
    }
    for (key, value) in &config.context.nexus {
        if unknown(key) {
            return Err(config.error(no_such(key)));
        }
        nexus.entry(key.clone()).or_insert(*value);
    }
    let as_of = match (args.as_of, &config.context.as_of) {
        (Some(day), _) => day,
        (None, Some(text)) => as_of(text).map_err(|e| config.error(format!("as-of: {e}")))?,
        (None, None) => today().into(),
    };
    Ok(Context { as_of, nexus })
}

fn today() -> Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// Waivers of what the catalogue does not know would never be used: a misspelt id is an error.
fn known(config: &Config, catalog: &Catalog) -> Result<(), Error> {
    for waiver in &config.waiver {
        let product = waiver.product.as_ref().is_none_or(|id| catalog.product(id).is_some());
        let indicator = waiver.indicator.as_ref().is_none_or(|id| catalog.indicator(id).is_some());
        if !product || !indicator {
            let what = waiver.what();
            return Err(config.error(format!("waiver of {what}: no such id; `underlabel catalog list` names them")));
        }
    }
    Ok(())
}

/// A report written before.
pub(super) fn older(path: &Path) -> Result<Report, Error> {
    let broken = |file, detail: String| Error::Usage(format!("{file}: no JSON report of underlabel: {detail}"));
    let text = super::text(path, broken)?;
    let report: Report = serde_json::from_str(&text).map_err(|e| broken(path.display().to_string(), e.to_string()))?;
    let frame = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    if frame(&report.schema_version) != frame(SCHEMA_VERSION) || report.tool.name != env!("CARGO_PKG_NAME") {
        let detail = format!("frame {} by {}, not {SCHEMA_VERSION}", report.schema_version, report.tool.name);
        return Err(broken(path.display().to_string(), detail));
    }
    Ok(report)
}

fn write(output: &Output, report: &Report, args: &Scan, exit: Exit) -> Result<(), Error> {
    let why = match exit {
        Exit::Clear => "examined; no verdict reaches --fail-on",
        Exit::Found if report.waivers.iter().any(|w| w.state == WaiverState::Expired) => "a waiver has expired",
        Exit::Found => "a verdict reaches --fail-on",
        Exit::Error => "error",
        Exit::Incomplete if report.findings.iter().any(Finding::is_unjudged) => {
            "incomplete: no rule of this run speaks of a finding"
        }
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
