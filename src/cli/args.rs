//! The arguments, as `--help` shows them.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::limits::LimitArgs;
use crate::fact::FactKind;
use crate::report::Format;
use crate::verdict::{AsOf, Outcome};

/// Looks under a product's label: finds Kaspersky SDKs, engines and products inside SBOMs, archives, apps
/// and binaries sold under another brand, and says what each rule makes of the find.
#[derive(Debug, Parser)]
#[command(name = "underlabel", version, arg_required_else_help = true, max_term_width = 100)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at files, directories or standard input
    Scan(Scan),
    /// Print all that is read of files, before anything is compared
    Inspect(Inspect),
    /// What is looked for: list, show, lint
    #[command(subcommand)]
    Catalog(Catalog),
    /// What it is judged by: list, show, lint
    #[command(subcommand)]
    Rules(Rules),
    /// Say what an id in a report means, where it comes from, and what would change it
    Explain(Explain),
    /// Print the JSON schema of the report
    Schema,
}

const SCAN_HELP: &str = "\
Exit codes:
  0  everything was examined and no verdict reaches --fail-on
  1  a verdict is at or above --fail-on, or a waiver has expired
  2  the run could not go on: bad arguments, a missing path, a broken catalogue
  3  incomplete: something could not be examined, nothing was recognised, or no rule speaks of a finding

Configuration: underlabel.toml in the current folder, or --config FILE, holds waivers, the context, limits, and catalogue and
rules files of your own; see docs/configuration.md.

Examples:
  underlabel scan vendor.zip
  underlabel scan sbom.cdx.json --nexus us-nexus=yes --as-of 2024-10-01
  syft alpine -o cyclonedx-json | underlabel scan -
  underlabel scan product/ -o terminal -o json=report.json --fail-on prohibited-if";

#[derive(Debug, clap::Args)]
#[command(after_help = SCAN_HELP)]
pub(super) struct Scan {
    /// Files or directories; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Write the report as FORMAT (terminal, json, it-acn), to FILE or standard output; may be repeated. it-acn, the list that
    /// Italian public buyers may ask for, adds it-acn-2025 to the default rules
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = output, help_heading = "Output")]
    pub outputs: Vec<Output>,

    /// List every place, gap and note, and what was opened as what
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,

    /// Also list signs that make no find by themselves
    #[arg(long, help_heading = "Output")]
    pub mentions: bool,

    /// List the components that documents name, in the JSON report
    #[arg(long, help_heading = "Output")]
    pub components: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,

    /// Exit 1 from this verdict on: prohibited, prohibited-if, likely, unclear or never [default: unclear]
    #[arg(long, value_name = "VERDICT", value_parser = fail_on, help_heading = "Judgement")]
    pub fail_on: Option<FailOn>,

    /// Judge as of this day, or instant with its offset (when the product is sold, shipped or built), instead of today
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = as_of, help_heading = "Judgement")]
    pub as_of: Option<AsOf>,

    /// A fact no file can hold, such as us-nexus=yes; `underlabel rules list` names the keys
    #[arg(long, value_name = "KEY=yes|no", value_parser = nexus, value_delimiter = ',', help_heading = "Judgement")]
    pub nexus: Vec<(String, bool)>,

    /// Judge by these rules only: ids, `default`, `all`, or TOML files of your own; may be repeated
    #[arg(long, value_name = "ID|FILE", value_delimiter = ',', help_heading = "Judgement")]
    pub rules: Vec<String>,

    /// Say what is new, changed and gone against this older JSON report
    #[arg(long, value_name = "FILE", help_heading = "Judgement")]
    pub baseline: Option<PathBuf>,

    /// Add a catalogue file of your own; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub catalog: Vec<PathBuf>,

    /// Make a gap of what does not conform to its specification, also by the strict SBOM parsers
    #[arg(long, help_heading = "Reading")]
    pub strict: bool,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const INSPECT_HELP: &str = "\
A line each: place, kind, value; gaps are told whatever --kind says. `?` behind a kind: the signature it stands in was not shown to fit the file.
`underlabel explain KIND` says what a kind of fact is.

Exit codes:
  0  everything was read
  2  the run could not go on: bad arguments, a missing path
  3  incomplete: something could not be read; each such line has the kind `gap`

Examples:
  underlabel inspect setup.exe
  underlabel inspect app.apk --kind signer --kind manifest-component
  underlabel inspect driver.sys --json | jq 'select(.kind == \"signer\")'";

#[derive(Debug, clap::Args)]
#[command(after_help = INSPECT_HELP)]
pub(super) struct Inspect {
    /// Files or directories; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only facts of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    pub kinds: Vec<FactKind>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Add a catalogue file of your own, for the strings looked for; may be repeated
    #[arg(long, value_name = "FILE")]
    pub catalog: Vec<PathBuf>,

    #[command(flatten)]
    pub limits: LimitArgs,
}

/// An output and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub format: Format,
    pub file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

/// The threshold; nothing for `never`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailOn(pub Option<Outcome>);

#[derive(Debug, Subcommand)]
pub(super) enum Catalog {
    /// Every product, with its indicators
    List {
        /// Add a catalogue file of your own; may be repeated
        #[arg(long, value_name = "FILE")]
        catalog: Vec<PathBuf>,
    },
    /// One product, indicator or look-alike
    Show {
        /// Its id
        id: String,
        /// Add a catalogue file of your own; may be repeated
        #[arg(long, value_name = "FILE")]
        catalog: Vec<PathBuf>,
    },
    /// Check the catalogue, or your own file with it
    Lint {
        /// Files of your own
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Files or folders of [[case]] tables: what each indicator must match, and must not
        #[arg(long, value_name = "PATH")]
        cases: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    /// Every regulation, and the facts verdicts wait for
    List,
    /// Check the rules, or your own files with them
    Lint {
        /// Files of your own
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// One regulation: scope, requirements, dates, what it makes of each class
    Show {
        /// Its id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// An indicator, product, class, regulation, requirement, nexus fact, verdict, relation, confidence, gap reason or kind of
    /// fact; or the fingerprint of a finding, or its first eight digits
    pub id: String,
    /// The JSON report that a fingerprint is of
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Add a catalogue file of your own; may be repeated
    #[arg(long, value_name = "FILE")]
    pub catalog: Vec<PathBuf>,
}

fn kind(text: &str) -> Result<FactKind, String> {
    let found = FactKind::ALL.iter().find(|kind| kind.name() == text);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = FactKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("no kind of fact {text:?}; there are {}", names.join(", "))
    })
}

fn output(text: &str) -> Result<Output, String> {
    let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
    let names = || Format::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let format = Format::named(name).ok_or_else(|| format!("no format {name:?}; there are {}", names()))?;
    if file == Some("") {
        return Err("a file name belongs behind the =".to_owned());
    }
    Ok(Output { format, file: file.filter(|f| *f != "-").map(PathBuf::from) })
}

pub(super) fn fail_on(text: &str) -> Result<FailOn, String> {
    let levels = [Outcome::Prohibited, Outcome::ProhibitedIf, Outcome::Likely, Outcome::Unclear];
    if text == "never" {
        return Ok(FailOn(None));
    }
    let found = levels.into_iter().find(|o| o.name() == text);
    found.map(|o| FailOn(Some(o))).ok_or_else(|| "one of prohibited, prohibited-if, likely, unclear, never".to_owned())
}

fn nexus(text: &str) -> Result<(String, bool), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=yes or KEY=no")?;
    let key = key.to_ascii_lowercase();
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok((key, true)),
        "no" | "false" => Ok((key, false)),
        _ => Err(format!("{value:?} is neither yes nor no; leave the key out while it is open")),
    }
}

pub(super) fn as_of(text: &str) -> Result<AsOf, String> {
    text.parse()
}
