//! The configuration file: `underlabel.toml` of the folder a run starts in, or the one that `--config` names.
//!
//! In: a path. Out: [`Config`]. What is given on the command line goes before what the file says. Files it names lie beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::limits::LimitArgs;
use crate::error::Error;
use crate::waiver::{self, Waiver};

/// The file that is read where it lies in the folder the run starts in.
const FILE: &str = "underlabel.toml";

/// What the file may hold.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Config {
    /// As `--fail-on`.
    pub fail_on: Option<String>,
    /// As `--catalog`: catalogue files of your own.
    #[serde(default)]
    pub catalog: Vec<PathBuf>,
    /// As `--rules`: ids, `all`, or files of your own.
    #[serde(default)]
    pub rules: Vec<String>,
    /// What no scanned file can hold.
    #[serde(default)]
    pub context: ContextTable,
    /// Findings somebody answers for.
    #[serde(default)]
    pub waiver: Vec<Waiver>,
    /// As the arguments of the same names.
    #[serde(default)]
    pub limits: LimitArgs,
    /// Where it was read.
    #[serde(skip)]
    pub file: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ContextTable {
    /// As `--as-of`.
    #[serde(default, deserialize_with = "text_of_day")]
    pub as_of: Option<String>,
    /// As `--nexus`.
    #[serde(default)]
    pub nexus: BTreeMap<String, bool>,
}

fn text_of_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    waiver::text_of_day(deserializer).map(Some)
}

impl Config {
    /// Reads the file given, or the one of the current folder if there is one.
    pub fn read(given: Option<&Path>) -> Result<Config, Error> {
        let path = given.unwrap_or(Path::new(FILE));
        let broken = |detail: String| Error::Config { file: path.display().to_string(), detail };
        if given.is_none() {
            // A link that leads nowhere is a configuration that is lost, not one that never was.
            if std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
                return Ok(Config::default());
            }
            if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
                return Err(broken("not a file; name another with --config".to_owned()));
            }
        }
        let text = super::text(path, |file, detail| Error::Config { file, detail })?;
        let mut config: Config = toml::from_str(&text).map_err(|e| broken(e.to_string().trim_end().to_owned()))?;
        for waiver in &config.waiver {
            waiver.check().map_err(broken)?;
        }
        path.clone_into(&mut config.file);
        Ok(config)
    }

    /// A file it names, which lies beside it.
    pub fn beside(&self, path: &Path) -> PathBuf {
        self.file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// An error about what it says.
    pub fn error(&self, detail: impl Into<String>) -> Error {
        Error::Config { file: self.file.display().to_string(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_read_and_a_misspelt_key_is_an_error() {
        for wrong in
            ["[limits]\nmax-deepth = 3", "fail-of = \"never\"", "[context]\nday = 1", "[[waiver]]\nreason = \"x\""]
        {
            assert!(toml::from_str::<Config>(wrong).is_err(), "{wrong}");
        }
        let text = r#"
            fail-on = "prohibited-if"
            catalog = ["acme.toml"]
            rules = ["all", "ban.toml"]
            [context]
            as-of = 2024-08-01
            nexus = { us-nexus = true }
            [[waiver]]
            product = "kav-data"
            reason = "test data"
            owner = "security@acme.example"
            expires = 2027-01-31
            [limits]
            max-depth = 3
        "#;
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.context.as_of.as_deref(), Some("2024-08-01"));
        assert_eq!(config.context.nexus.get("us-nexus"), Some(&true));
        assert_eq!((config.limits.max_depth, config.waiver.len()), (Some(3), 1));
        assert_eq!(config.waiver[0].expires, jiff::civil::date(2027, 1, 31));
        assert!(config.waiver[0].check().is_ok());
        let both = Waiver { indicator: Some("x/y".to_owned()), ..config.waiver[0].clone() };
        assert!(both.check().is_err() && Waiver { owner: " ".to_owned(), ..config.waiver[0].clone() }.check().is_err());
    }
}
