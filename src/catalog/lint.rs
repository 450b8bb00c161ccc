//! What a catalogue must not be: `underlabel catalog lint`.
//!
//! In: a [`Catalog`] that loads. Out: complaints, each with the id and file it is about.

use std::collections::HashMap;

use super::{Catalog, Keyed, STEMS, Strength};
use crate::fact::FactKind;

/// The source text of rows that no repository or page could be named for.
const UNIDENTIFIED: &str = "public code, repository not identified";
/// A pattern that pins down fewer characters is met by chance.
const SHORTEST: usize = 4;

impl Catalog {
    /// Everything wrong with it, in order of the files. Empty for a sound one.
    #[must_use]
    pub fn lint(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen: HashMap<(FactKind, Option<Keyed>, &str), &str> = HashMap::new();
        for indicator in &self.indicators {
            let mut say = |what: String| found.push(format!("{}: {}: {what}", indicator.file, indicator.id));
            if indicator.source.trim().len() < 8 {
                say("no source".to_owned());
            }
            if indicator.source.contains("index id") {
                say("a text index id is no source that can be opened".to_owned());
            }
            if indicator.source.contains(UNIDENTIFIED) && indicator.strength > Strength::Supporting {
                say(format!("{} without an identified source; supporting at most", indicator.strength.name()));
            }
            if indicator.checked.parse::<jiff::civil::Date>().is_err() {
                say(format!("checked {:?} is no date", indicator.checked));
            }
            if indicator.facts.is_empty() {
                say("stands in no place: it can never match".to_owned());
            }
            if indicator.pattern.shortest() < SHORTEST {
                say(format!("a pattern of fewer than {SHORTEST} characters is met by chance"));
            }
            if !indicator.id.contains('/')
                || indicator.id.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-/".contains(c)))
            {
                say("an id is group/name in lower case, digits and hyphens".to_owned());
            }
            let on_text = indicator.facts.iter().any(|f| matches!(f, FactKind::Text | FactKind::DataText));
            if on_text {
                let literals = indicator.pattern.literals();
                if literals.is_empty() {
                    say("a regex on text needs a stem that stands in every match".to_owned());
                }
                for literal in literals.iter().filter(|l| !STEMS.iter().any(|stem| l.contains(stem))) {
                    say(format!("{literal:?} holds none of the stems of the string stage"));
                }
            }
            if indicator.look_alike {
                continue;
            }
            // As compared, not as written: two spellings of one company shadow each other.
            let (how, values) =
                indicator.pattern.keyed().map_or((None, indicator.pattern.written()), |(how, v)| (Some(how), v));
            for fact in &indicator.facts {
                for value in values {
                    if let Some(other) = seen.insert((*fact, how, value), &indicator.id) {
                        say(format!("{value:?} as {} stands in {other} too", fact.name()));
                    }
                }
            }
        }
        for brand in &self.brands {
            let mut say = |what: String| found.push(format!("{}: {}: {what}", brand.file, brand.id));
            if brand.source.trim().len() < 8 || brand.source.contains("index id") {
                say("no source that can be opened".to_owned());
            }
            if brand.checked.parse::<jiff::civil::Date>().is_err() {
                say(format!("checked {:?} is no date", brand.checked));
            }
            if brand.pattern.shortest() < SHORTEST || brand.packages.iter().any(|p| p.len() < SHORTEST) {
                say(format!("a pattern of fewer than {SHORTEST} characters is met by chance"));
            }
        }
        found.extend(self.lint_shadows());
        found.extend(self.lint_cases());
        for carrier in &self.carriers {
            let mut say = |what: &str| found.push(format!("{}: {}: {what}", carrier.file, carrier.id));
            if carrier.sources.is_empty()
                || carrier.sources.iter().any(|s| s.trim().len() < 8 || s.contains("index id"))
            {
                say("no source that can be opened");
            }
            if carrier.checked.parse::<jiff::civil::Date>().is_err() {
                say("checked is no date");
            }
            if [&carrier.period, &carrier.status_detail, &carrier.component].iter().any(|text| text.trim().is_empty()) {
                say("it must say what was carried, when, and since when that is so or not");
            }
        }
        for look_alike in self.indicators.iter().filter(|i| i.look_alike) {
            if !self.indicators.iter().any(|i| i.unless.contains(&look_alike.id)) {
                found.push(format!("{}: {}: no indicator is cancelled by it", look_alike.file, look_alike.id));
            }
        }
        for product in &self.products {
            if !self.indicators.iter().any(|i| i.product == product.id) {
                found.push(format!("product {}: no indicator leads to it", product.id));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_sound() {
        assert_eq!(Catalog::built_in().unwrap().lint(), Vec::<String>::new());
    }

    #[test]
    fn complains_of_each_fault() {
        let mut catalog = Catalog::default();
        let text = r#"
            maker = "Somebody"
            [[product]]
            id = "lonely"
            name = "Lonely"
            class = "engine-sdk"
            [[product]]
            id = "p"
            name = "P"
            class = "engine-sdk"
            [[indicator]]
            id = "p/short"
            product = "p"
            fact = ["file-name"]
            match = { exact = "abc" }
            strength = "strong"
            source = "public code, repository not identified"
            checked = "yesterday"
            [[indicator]]
            id = "P"
            product = "p"
            fact = ["text", "file-name"]
            match = { exact = ["abc", "unrelated"] }
            strength = "weak"
            source = ""
            checked = "2026-01-01"
        "#;
        catalog.add("t.toml", text).unwrap();
        catalog.check().unwrap();
        let found = catalog.lint().join("\n");
        for fault in [
            "no source",
            "identified source",
            "is no date",
            "met by chance",
            "an id is",
            "none of the stems",
            "stands in p/short too",
            "product lonely",
        ] {
            assert!(found.contains(fault), "{fault}: {found}");
        }
    }
}
