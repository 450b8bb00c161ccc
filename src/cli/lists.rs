//! `underlabel catalog …` and `underlabel rules …`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::args;
use super::config::Config;
use super::explain;
use crate::catalog::{Case, Catalog};
use crate::error::Error;
use crate::exit::Exit;
use crate::regulation;

pub(super) fn catalog(command: &args::Catalog) -> Result<Exit, Error> {
    match command {
        args::Catalog::List { catalog } => {
            let catalog = super::catalog_of(catalog, &Config::read(None)?)?;
            super::print(&list(&catalog))?;
        }
        args::Catalog::Show { id, catalog } => {
            let catalog = super::catalog_of(catalog, &Config::read(None)?)?;
            let text = explain::product(id, &catalog).or_else(|| explain::indicator(id, &catalog));
            let text = text.ok_or_else(|| {
                Error::Usage(format!("no product or indicator {id:?}; `underlabel catalog list` names them"))
            })?;
            super::print(&text)?;
        }
        args::Catalog::Lint { files, cases } => {
            let mut catalog = super::catalog(files)?;
            for path in cases {
                for file in tables(path)? {
                    let text = super::text(&file, |file, detail| Error::Catalog { file, detail })?;
                    catalog.add_cases(Case::read(&file.display().to_string(), &text)?);
                }
            }
            complain(&catalog.lint())?;
            let (products, indicators) = (catalog.products().len(), catalog.indicators().len());
            super::print(&format!("{products} products, {indicators} indicators and look-alikes: sound\n"))?;
        }
    }
    Ok(Exit::Clear)
}

/// Prints complaints, which end the run.
fn complain(found: &[String]) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    super::print(&(found.join("\n") + "\n"))?;
    Err(Error::Usage(match found.len() {
        1 => "lint: 1 complaint".to_owned(),
        n => format!("lint: {n} complaints"),
    }))
}

/// The TOML files of a folder, in order, or the one file.
fn tables(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let all: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(path).map_err(failed)?.map(|entry| entry.map(|e| e.path())).collect();
    let mut all = all.map_err(failed)?;
    all.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    all.sort();
    Ok(all)
}

fn list(catalog: &Catalog) -> String {
    let mut text = String::new();
    for product in catalog.products() {
        let _ = writeln!(text, "{}  {} ({})", product.id, product.name, product.class.title());
        for indicator in catalog.indicators().iter().filter(|i| i.product == product.id) {
            let _ = writeln!(text, "    {:<11} {}", indicator.strength.name(), indicator.id);
        }
    }
    let _ = writeln!(text, "look-alikes, which cancel");
    for indicator in catalog.indicators().iter().filter(|i| i.look_alike) {
        let _ = writeln!(text, "    {}", indicator.id);
    }
    text
}

pub(super) fn rules(command: &args::Rules) -> Result<Exit, Error> {
    let config = Config::read(None)?;
    let rules = match command {
        args::Rules::Lint { files } => super::rules_of(files, &Config::default())?,
        args::Rules::List | args::Rules::Show { .. } => super::rules_of(&[], &config)?,
    };
    match command {
        args::Rules::Lint { .. } => {
            complain(&rules.lint())?;
            super::print(&format!("{} regulations: sound\n", rules.regulations.len()))?;
        }
        args::Rules::List => {
            let mut text = format!("rules {}\n\n", regulation::VERSION);
            for regulation in &rules.regulations {
                let _ = writeln!(text, "{:<20} {} ({})", regulation.id, regulation.name, regulation.standing());
            }
            let _ = writeln!(text, "\nfacts verdicts wait for (--nexus KEY=yes|no)");
            for nexus in &rules.nexus {
                let _ = writeln!(text, "{:<28} {}", nexus.key, nexus.question);
            }
            super::print(&text)?;
        }
        args::Rules::Show { id } => {
            let text = explain::regulation(id, &rules);
            let text =
                text.ok_or_else(|| Error::Usage(format!("no rules {id:?}; `underlabel rules list` names them")))?;
            super::print(&text)?;
        }
    }
    Ok(Exit::Clear)
}
