//! `underlabel inspect`: what was read, a line each, as it comes.

use std::io::{self, BufWriter, Write};

use super::args::Inspect;
use super::config::Config;
use crate::error::Error;
use crate::escape_terminal;
use crate::exit::Exit;
use crate::scan::{Said, inspect};
use crate::source::Source;

pub(super) fn run(args: &Inspect) -> Result<Exit, Error> {
    let config = Config::read(args.limits.config.as_deref())?;
    let catalog = super::catalog_of(&args.catalog, &config)?;
    let sources: Vec<Source> = args.paths.iter().map(|path| super::scan::source(path)).collect();
    let stdout = io::stdout();
    let mut out = BufWriter::new(stdout.lock());
    let (mut failed, mut whole) = (None, true);
    inspect(&sources, &catalog, &super::limits::limits(&args.limits, &config.limits), false, &mut |said| {
        whole &= !matches!(said, Said::Gap { .. });
        // What could not be read is always said.
        let wanted = args.kinds.is_empty()
            || matches!(said, Said::Gap { .. })
            || matches!(said, Said::Fact { kind, .. } if args.kinds.iter().any(|k| k.name() == *kind));
        if wanted && failed.is_none() {
            failed = line(said, args.json, &mut out).err();
        }
    })?;
    let done = failed.map_or_else(|| out.flush(), Err);
    done.map_err(|source| Error::Write { to: "standard output".to_owned(), source })?;
    Ok(if whole { Exit::Clear } else { Exit::Incomplete })
}

fn line(said: &Said<'_>, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, said)?;
        return out.write_all(b"\n");
    }
    let (at, kind, value) = match said {
        Said::Formats { at, names } => ((*at).to_owned(), "format".to_owned(), names.join(", ")),
        Said::Fact { at, kind, value, doubted } => {
            (at.clone(), format!("{kind}{}", if *doubted { "?" } else { "" }), (*value).to_owned())
        }
        Said::Label { at, vendor, product, version } => {
            let parts = [*vendor, *product, *version];
            (at.clone(), "label".to_owned(), parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
        Said::Gap { at, reason, detail } => (at.clone(), "gap".to_owned(), format!("{reason}: {detail}")),
    };
    writeln!(out, "{}\t{kind}\t{}", escape_terminal(&at), escape_terminal(&value))
}
