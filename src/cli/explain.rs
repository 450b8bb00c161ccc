//! `underlabel explain ID`: what an id means, where it comes from, what would change it.

use std::fmt::Write as _;

use super::args::Explain;
use super::chain::chain;
use super::config::Config;
use crate::catalog::{Catalog, Class, Strength, measured};
use crate::error::Error;
use crate::exit::Exit;
use crate::fact::{FactKind, Reason};
use crate::finding::{Confidence, Relation};
use crate::regulation::{Regulation, Rules};
use crate::verdict::Outcome;

pub(super) fn run(args: &Explain) -> Result<Exit, Error> {
    let config = Config::read(None)?;
    let catalog = super::catalog_of(&args.catalog, &config)?;
    let rules = super::rules_of(&[], &config)?;
    // Ids may be pasted with their brackets, or as the words a report shows.
    let folded = args.id.trim().trim_matches(['[', ']']).to_lowercase().replace(' ', "-");
    let id = folded.as_str();
    if let Some(path) = &args.report {
        let report = super::scan::older(path)?;
        let text =
            chain(id, &report).ok_or_else(|| Error::Usage(format!("{} holds no finding {id:?}", path.display())))?;
        return super::print(&text).map(|()| Exit::Clear);
    }
    if id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::Usage("a finding is explained from its report: add --report FILE.json".to_owned()));
    }
    let text = indicator(id, &catalog)
        .map(|text| text + &leads_to(id, &catalog, &rules))
        .or_else(|| product(id, &catalog))
        .or_else(|| regulation(id, &rules))
        .or_else(|| requirement(id, &rules))
        .or_else(|| word(id, &rules));
    match text {
        Some(text) => super::print(&text).map(|()| Exit::Clear),
        None => Err(Error::Usage(format!(
            "nothing is called {id:?}; ids stand in reports, in `underlabel catalog list` and `underlabel rules list`"
        ))),
    }
}

pub(super) fn indicator(id: &str, catalog: &Catalog) -> Option<String> {
    let i = catalog.indicator(id)?;
    let mut text = String::new();
    let facts: Vec<&str> = i.facts.iter().map(|f| f.name()).collect();
    if i.look_alike {
        let _ = writeln!(text, "{id}: a look-alike");
        let _ = writeln!(text, "what it is    {}", i.note.as_deref().unwrap_or_default());
    } else {
        let product = catalog.product(&i.product);
        let _ = writeln!(text, "{id}: a sign of {}", product.map_or(i.product.as_str(), |p| &p.name));
        let _ = writeln!(text, "strength      {}: {}", i.strength.name(), strength(i.strength));
    }
    let _ = writeln!(text, "looks at      {}", facts.join(", "));
    let _ = writeln!(text, "compares      {}", i.pattern.describe());
    let mut families: Vec<&str> = i.facts.iter().map(|f| i.family.unwrap_or_else(|| f.family()).name()).collect();
    families.sort_unstable();
    families.dedup();
    let _ = writeln!(text, "counts as     {} evidence", families.join(" or "));
    if !i.requires.is_empty() {
        let _ = writeln!(text, "only beside   {}", i.requires.join(", "));
    }
    if !i.unless.is_empty() {
        let _ = writeln!(text, "cancelled by  {}", i.unless.join(", "));
    }
    if !i.look_alike {
        if let Some(note) = &i.note {
            let _ = writeln!(text, "note          {note}");
        }
        let _ = writeln!(text, "product       {}", i.product);
    }
    let _ = writeln!(text, "source        {}", i.source);
    let _ = writeln!(text, "checked       {}", i.checked);
    if let Some(measured) = measured(id) {
        let _ = writeln!(text, "measured      {}", measured.line(&i.facts));
    }
    let _ = writeln!(text, "stands in     {}", i.file);
    Some(text)
}

/// From an indicator to what the default rules make of its product.
fn leads_to(id: &str, catalog: &Catalog, rules: &Rules) -> String {
    let Some(product) = catalog.indicator(id).and_then(|i| catalog.product(&i.product)) else { return String::new() };
    let letter = product.class.letter().map_or_else(String::new, |letter| format!(", case ({letter})"));
    let mut text = format!("\nleads to      {}: {}{letter}\n", product.name, product.class.title());
    for r in rules.regulations.iter().filter(|r| r.judges() && r.makers.contains(&product.maker)) {
        if !r.default {
            continue;
        }
        for case in r.cases.iter().filter(|c| c.class.is_none_or(|class| class == product.class)) {
            let waits = if case.nexus.is_empty() { String::new() } else { format!(" if {}", case.nexus.join(", ")) };
            let only: String = case.relation.iter().map(|r| format!(" {}", r.name())).collect();
            let q = r.requirement(&case.requirement);
            let (citation, from) =
                q.map_or_else(Default::default, |q| (q.citation.as_str(), q.applies_from.to_string()));
            let _ = writeln!(text, "    {}/{}{only}: {}{waits}", r.id, case.requirement, case.outcome.title());
            let _ = writeln!(text, "        {citation}, from {from}: {}", case.because);
        }
    }
    text += "This is a reading of public texts, not legal advice.\n";
    text
}

pub(super) fn product(id: &str, catalog: &Catalog) -> Option<String> {
    let p = catalog.product(id)?;
    let mut text = String::new();
    let _ = writeln!(text, "{id}: {}", p.name);
    let _ = writeln!(text, "class         {} ({})", p.class.name(), p.class.title());
    if let Some(note) = &p.note {
        let _ = writeln!(text, "note          {note}");
    }
    let _ = writeln!(text, "known by");
    for i in catalog.indicators().iter().filter(|i| i.product == id) {
        let _ = writeln!(
            text,
            "    {:<11} {:<40} {}",
            i.strength.name(),
            i.id,
            i.facts.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ")
        );
    }
    Some(text)
}

pub(super) fn regulation(id: &str, rules: &Rules) -> Option<String> {
    let r = rules.regulation(id)?;
    let mut text = String::new();
    let _ = writeln!(text, "{id}: {}", r.name);
    let _ = writeln!(text, "jurisdiction  {}", r.jurisdiction);
    let _ = writeln!(text, "binds         {}", r.addressee);
    let _ = writeln!(text, "status        {}", r.standing());
    let _ = writeln!(text, "citation      {}", r.citation);
    let _ = writeln!(text, "read it       {}", r.url);
    let _ = writeln!(text, "scope         {}", r.scope);
    if let (Some(version), date) = (&r.version, r.date.as_deref().unwrap_or_default()) {
        let _ = writeln!(text, "version       {version} {date}");
    }
    for q in &r.requirements {
        let whom = q.addressee.as_ref().map_or_else(String::new, |whom| format!(", binding {whom}"));
        let until = q.applies_until.map_or_else(String::new, |until| format!(" until {until}"));
        let _ = writeln!(text, "requirement   {id}/{}: {}", q.id, q.title);
        let _ = writeln!(text, "        from {}{until} [{} source]{whom}", q.applies_from, q.date_mark.name());
    }
    for exemption in &r.exemptions {
        let _ = writeln!(text, "leaves out    {} [{} source]", exemption.what, exemption.mark.name());
    }
    for clock in &r.clocks {
        let _ = writeln!(text, "clock         {clock}");
    }
    if r.judges() {
        let _ = writeln!(text, "what it makes of each class, before any fact is known");
    } else {
        let _ = writeln!(text, "It gives no verdict on any product.");
    }
    for case in &r.cases {
        let only: String = case.relation.iter().map(|r| format!(", {}", r.name())).collect();
        let waits = if case.nexus.is_empty() { String::new() } else { format!(" (if {})", case.nexus.join(", ")) };
        let _ = writeln!(text, "    {:<42} {}{waits}", format!("{}{only}", case.class_name()), case.outcome.title());
        let _ = writeln!(text, "        {} [{} source]", case.because, case.mark.name());
    }
    for note in &r.notes {
        let _ = writeln!(text, "note          {note}");
    }
    for source in &r.sources {
        let opening = if source.opening { ", its opening only" } else { "" };
        let _ =
            writeln!(text, "source        {}: {} [{} source{opening}]", source.url, source.about, source.mark.name());
    }
    let _ = writeln!(text, "This is a reading of public texts, not legal advice.");
    Some(text)
}

/// `regulation/requirement`, as reports show it.
fn requirement(id: &str, rules: &Rules) -> Option<String> {
    let (regulation, requirement) = id.split_once('/')?;
    let r: &Regulation = rules.regulation(regulation)?;
    let q = r.requirement(requirement)?;
    let mut text = String::new();
    let _ = writeln!(text, "{id}: {}", q.title);
    let _ = writeln!(text, "of            {}", r.name);
    let _ = writeln!(text, "says          {}", q.text);
    let _ = writeln!(text, "citation      {} [{} source]", q.citation, q.mark.name());
    let _ = writeln!(text, "read it       {}", q.url);
    let detail = q.applies_detail.as_deref().map_or_else(String::new, |d| format!(", {d}"));
    let _ = writeln!(text, "applies from  {}{detail} [{} source]", q.applies_from, q.date_mark.name());
    if let Some(until) = q.applies_until {
        let _ = writeln!(text, "applies until {until}");
    }
    let _ = writeln!(text, "binds         {}", q.addressee.as_ref().unwrap_or(&r.addressee));
    Some(text)
}

/// The words of the report.
fn word(id: &str, rules: &Rules) -> Option<String> {
    if let Some(nexus) = rules.nexus(id) {
        let users: Vec<&str> = rules
            .regulations
            .iter()
            .filter(|r| r.cases.iter().any(|c| c.nexus.iter().any(|k| k == id)))
            .map(|r| r.id.as_str())
            .collect();
        return Some(format!(
            "{id}: a fact no file can hold\nasks          {}\nwaited for by {}\ngive it       --nexus {id}=yes or --nexus {id}=no\n",
            nexus.question,
            users.join(", ")
        ));
    }
    if let Some(outcome) = Outcome::ALL.iter().find(|o| o.name() == id) {
        return Some(format!("{id}: {}\n", outcome.explain()));
    }
    if let Some(class) = Class::ALL.iter().find(|c| c.name() == id) {
        let mut text = format!("{id}: {}\n", class.title());
        for r in &rules.regulations {
            for case in r.cases.iter().filter(|c| c.class.is_none_or(|c| c == *class)) {
                let _ = writeln!(text, "    {:<20} {}: {}", r.id, case.outcome.title(), case.because);
            }
        }
        return Some(text);
    }
    if let Some(relation) = Relation::ALL.iter().find(|r| r.name() == id) {
        return Some(format!("{id}: {}\n", relation.explain("the maker")));
    }
    let levels = [Confidence::Possible, Confidence::Likely, Confidence::Confirmed];
    if id == "confidence" || levels.iter().any(|c| c.name() == id) {
        return Some(format!("{id}: how sure a find is\n{CONFIDENCE}"));
    }
    let reasons = [
        Reason::Malformed,
        Reason::Truncated,
        Reason::Encrypted,
        Reason::Unsupported,
        Reason::Opaque,
        Reason::Limit,
        Reason::Unreadable,
        Reason::Empty,
        Reason::Absent,
        Reason::Nonconforming,
    ];
    if let Some(reason) = reasons.iter().find(|r| r.name() == id) {
        return Some(format!("{id}: why a part was not examined\n{}\n", gap(*reason)));
    }
    let strengths = [Strength::Weak, Strength::Supporting, Strength::Strong, Strength::Conclusive];
    if let Some(found) = strengths.iter().find(|s| s.name() == id) {
        return Some(format!("{id}: {}\n", strength(*found)));
    }
    FactKind::ALL
        .iter()
        .find(|f| f.name() == id)
        .map(|f| format!("{id}: {}\ncounts as     {} evidence\n", f.describe(), f.family().name()))
}

const CONFIDENCE: &str = "\
    confirmed  one conclusive sign that is more than a name, or two strong ones of different families
    likely     one strong with a supporting one of another family, a strong name with a strong signature, or two files
               side by side of different conclusive names, one of them a program and neither naming another maker
    possible   anything less; one name alone never exceeds it, and it never leads to more than `unclear`
Families are name, declaration, identifier, signature, code, text, data and network: two signs of one family
may both be copied from the same place. Only signs of one place add up: one SBOM entry, one archive.
";

const fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Weak => "never counts",
        Strength::Supporting => "stands elsewhere too; counts only beside another sign",
        Strength::Strong => "nearly always the product; asks for one more independent sign",
        Strength::Conclusive => "in this place it is the product",
    }
}

const fn gap(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "The bytes do not follow the format they claim. Ask for a sound copy.",
        Reason::Truncated => "The data ends before the format does. Ask for a whole copy.",
        Reason::Encrypted => "A key is needed. Unpack it with the key and scan the content.",
        Reason::Unsupported => {
            "The format, version or method is recognised and not read by this version. Unpack or convert it and scan the content."
        }
        Reason::Opaque => {
            "Data that looks packed or encrypted, in no known format: a blind spot. Ask what it is, and for its plain form."
        }
        Reason::Limit => "A limit was reached. Raise it (see `underlabel scan --help`) or scan the part by itself.",
        Reason::Unreadable => "The file system refused. Give the right to read it.",
        Reason::Empty => "A document was read and holds nothing to assess. Ask for a complete one.",
        Reason::Absent => "A document refers to a part that is not at hand. Ask for it, and scan it beside this one.",
        Reason::Nonconforming => {
            "It was read all the same, and does not follow its specification. Said as a gap because of --strict."
        }
    }
}
